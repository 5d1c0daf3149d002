//! Pushed samples go to every replica of their shards: what rules give and what others write.
//!
//! ```text
//! series -> shard of each -> its replicas that are not unhealthy, at least one -> batches, one after the other
//! ```
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::future::join_all;
use model::{
    Exemplar, GroupKey, HistogramSample, Labels, METRIC_NAME, NodeId, Sample, Sparse, StartTime,
    Timestamp,
};
use proto::{
    beside_message,
    v1::{self, ingester_client::IngesterClient},
};
use tonic::{Code, Status};

use crate::{Channels, Cluster};

/// A message is ended once it is about so large; far below what an ingester takes.
const BATCH_BYTES: usize = 4 << 20;
/// About what a sample takes in a message: a time as a varint, a value.
const BYTES_PER_SAMPLE: usize = 15;
/// About what an exemplar takes.
const BYTES_PER_EXEMPLAR: usize = 200;

/// Samples of one series, in the order in which they are to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct PushedSeries {
    /// The series.
    pub labels: Labels,
    /// Its samples.
    pub samples: Vec<Sample>,
    /// Its histograms.
    pub histograms: Vec<HistogramSample>,
    /// Since when those of them count of which that is known, oldest first.
    pub starts: Vec<StartTime>,
    /// Its exemplars, oldest first.
    pub exemplars: Vec<Exemplar>,
}

/// What is written at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Push {
    /// Series with samples or exemplars.
    pub series: Vec<PushedSeries>,
    /// What is told of metrics; who tells it is not.
    pub metadata: Vec<v1::MetricMetadata>,
    /// Samples may lie before others of their series.
    pub backfill: bool,
}

/// Why samples were not stored as they must be; a retry may do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// There is nobody to write to yet.
    #[error("no ingester is placed yet")]
    NoMap,
    /// No replica of some series is healthy.
    #[error("no replica of {series} is healthy")]
    NoReplica {
        /// One such series.
        series: Labels,
    },
    /// A replica that should have the series does not.
    #[error("write to {ingester}: {why}")]
    Replica {
        /// The ingester.
        ingester: String,
        /// What kind of trouble.
        code: Code,
        /// What it said.
        why: String,
    },
}

/// What became of samples that were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many were refused for good, by the replica that refused most.
    pub n_refused: u64,
    /// The first reason, if any was refused.
    pub reason: String,
}

/// Writes `push` to every replica that is not unhealthy, at least one; they are synced when this returns.
///
/// A retry changes nothing that was stored. Samples of one series stay in their order. Metadata goes by the name of its
/// metric, as a series of no other label would.
///
/// # Errors
/// [`WriteError`]; what was written stays.
pub async fn write(
    push: &Push,
    cluster: &Cluster,
    channels: &Channels,
) -> Result<Written, WriteError> {
    let mut calls = Vec::new();
    for (node, route) in routes(push, cluster)? {
        let member = cluster.members.iter().find(|m| m.node == node.0);
        let member = member.expect("samples are routed to members alone");
        let batches = Batches::new(push, route);
        calls.push(send(member, batches, cluster.epoch, channels));
    }
    let mut all = Written::default();
    for written in join_all(calls).await {
        let written = written?;
        if written.n_refused > all.n_refused {
            all = written;
        }
    }
    Ok(all)
}

/// The places in a push of what one ingester is sent.
#[derive(Debug, Default)]
struct Route {
    series: Vec<usize>,
    metadata: Vec<usize>,
}

/// What each ingester is sent.
fn routes(push: &Push, cluster: &Cluster) -> Result<BTreeMap<NodeId, Route>, WriteError> {
    let map = cluster.map().ok_or(WriteError::NoMap)?;
    let healthy: BTreeSet<u32> = cluster
        .members_of(v1::Role::Ingester)
        .filter(|m| m.state() != v1::MemberState::Unhealthy)
        .map(|m| m.node)
        .collect();
    let mut routes: BTreeMap<NodeId, Route> = BTreeMap::new();
    let mut send = |labels: &Labels, place: &dyn Fn(&mut Route)| {
        let replicas = map.replicas(GroupKey::of_pushed(labels).shard());
        let mut is_routed = false;
        for node in replicas.filter(|node| healthy.contains(&node.0)) {
            place(routes.entry(node).or_default());
            is_routed = true;
        }
        match is_routed {
            true => Ok(()),
            false => Err(WriteError::NoReplica {
                series: labels.clone(),
            }),
        }
    };
    for (i, PushedSeries { labels, .. }) in push.series.iter().enumerate() {
        send(labels, &|route| route.series.push(i))?;
    }
    for (i, told) in push.metadata.iter().enumerate() {
        let labels = Labels::from_pairs([(METRIC_NAME, &told.metric)]);
        send(&labels, &|route| route.metadata.push(i))?;
    }
    Ok(routes)
}

/// Sends `batches` to `member`, message by message.
async fn send(
    member: &v1::Member,
    batches: Batches<'_>,
    epoch: u64,
    channels: &Channels,
) -> Result<Written, WriteError> {
    let failed = |status: Status| WriteError::Replica {
        ingester: member.id.clone(),
        code: status.code(),
        why: status.message().to_owned(),
    };
    let mut client = IngesterClient::new(channels.to(&member.grpc).map_err(failed)?);
    let (mut all, backfill) = (Written::default(), batches.push.backfill);
    for (series, metadata) in batches {
        let request = v1::WriteRequest {
            epoch,
            series,
            metadata,
            backfill,
        };
        let answer = client.write(request).await;
        let v1::WriteResponse { n_refused, reason } = answer.map_err(failed)?.into_inner();
        if all.n_refused == 0 {
            all.reason = reason;
        }
        all.n_refused += n_refused;
    }
    Ok(all)
}

/// The messages for one ingester, made when they are sent; metadata goes with the first.
struct Batches<'a> {
    push: &'a Push,
    /// Places in the push.
    left: std::vec::IntoIter<usize>,
    metadata: Vec<usize>,
    /// What is left of the series that the last message ended in.
    begun: Option<(&'a PushedSeries, &'a [Sample], &'a [HistogramSample])>,
}

impl<'a> Batches<'a> {
    fn new(push: &'a Push, route: Route) -> Self {
        Self {
            push,
            left: route.series.into_iter(),
            metadata: route.metadata,
            begun: None,
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = (Vec<v1::PushedSeries>, Vec<v1::MetricMetadata>);

    fn next(&mut self) -> Option<Self::Item> {
        let (mut series, mut room) = (Vec::new(), BATCH_BYTES);
        while room > 0 && self.begun.is_none() || series.is_empty() {
            let (one, samples, histograms, exemplars) = match self.begun.take() {
                Some((one, samples, histograms)) => (one, samples, histograms, &[][..]),
                None => match self.left.next().map(|i| &self.push.series[i]) {
                    Some(next) => (next, &*next.samples, &*next.histograms, &*next.exemplars),
                    None => break,
                },
            };
            let labels = &one.labels;
            let text: usize = labels.iter().map(|(n, v)| n.len() + v.len() + 8).sum();
            room = room.saturating_sub(text + exemplars.len() * BYTES_PER_EXEMPLAR);
            let n_fitting = (room / BYTES_PER_SAMPLE).max(1).min(samples.len());
            let (now, later) = samples.split_at(n_fitting);
            room = room.saturating_sub(now.len() * BYTES_PER_SAMPLE);
            let mut times: Vec<i64> = now.iter().map(|s| s.at.as_millis()).collect();
            let mut values: Vec<f64> = now.iter().map(|s| s.value).collect();
            let (mut places, mut rest) = (Sparse::new(), histograms);
            while let [next, after @ ..] = rest
                && later.is_empty()
                && (room > 0 || values.is_empty())
            {
                room = room.saturating_sub(BYTES_PER_SAMPLE + next.histogram.n_bytes());
                places.push(values.len() as u32, Arc::clone(&next.histogram));
                times.push(next.at.as_millis());
                values.push(next.histogram.sum);
                rest = after;
            }
            let is_done = later.is_empty() && rest.is_empty();
            self.begun = (!is_done).then_some((one, later, rest));
            let starts = starts(&one.starts, &times);
            series.push(v1::PushedSeries {
                labels: Some(labels.into()),
                times_millis: times,
                values,
                beside: beside_message(&places, &starts),
                exemplars: exemplars.iter().map(Into::into).collect(),
            });
        }
        let metadata = std::mem::take(&mut self.metadata).into_iter();
        let metadata: Vec<_> = metadata.map(|i| self.push.metadata[i].clone()).collect();
        (!series.is_empty() || !metadata.is_empty()).then_some((series, metadata))
    }
}

/// The known starts of what was taken at `times`, by place.
fn starts(known: &[StartTime], times: &[i64]) -> Sparse<Timestamp> {
    let mut starts = Sparse::new();
    if known.is_empty() {
        return starts;
    }
    for (place, at) in times.iter().enumerate() {
        if let Ok(found) = known.binary_search_by_key(at, |start| start.at.as_millis()) {
            starts.push(place as u32, known[found].start);
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use model::Histogram;

    use super::*;

    #[test]
    fn a_message_is_bounded_and_nothing_is_left_out_or_out_of_order() {
        let n_samples = BATCH_BYTES as i64 / BYTES_PER_SAMPLE as i64 * 2 + 1;
        let samples = (0..n_samples).map(|i| Sample {
            at: Timestamp::from_millis(i),
            value: i as f64,
        });
        let histogram = Arc::new(Histogram {
            sum: 7.0,
            ..Histogram::default()
        });
        let n_histograms = (BATCH_BYTES / histogram.n_bytes()) as i64;
        let n_all = n_samples + n_histograms;
        let histograms = (n_samples..n_all).map(|i| HistogramSample {
            at: Timestamp::from_millis(i),
            histogram: Arc::clone(&histogram),
        });
        let long = PushedSeries {
            labels: Labels::from_pairs([("__name__", "a")]),
            samples: samples.collect(),
            histograms: histograms.collect(),
            exemplars: Vec::new(),
            starts: vec![StartTime {
                at: Timestamp::from_millis(n_all - 1),
                start: Timestamp::from_millis(7),
            }],
        };
        let mut short = long.clone();
        short.samples.truncate(3);
        short.histograms.clear();
        let push = Push {
            series: vec![short, long],
            metadata: vec![v1::MetricMetadata::default()],
            ..Push::default()
        };
        let route = Route {
            series: vec![0, 1, 0],
            metadata: vec![0],
        };
        let messages: Vec<_> = Batches::new(&push, route).collect();
        let metadata = messages.iter().map(|(_, metadata)| metadata.len());
        assert!(metadata.eq([1, 0, 0, 0]));
        let messages: Vec<_> = messages.into_iter().map(|(series, _)| series).collect();
        assert_eq!(messages.len(), 4);
        for message in &messages {
            let n_samples: usize = message.iter().map(|s| s.values.len()).sum();
            assert!(n_samples * BYTES_PER_SAMPLE <= BATCH_BYTES);
        }
        let with = |series: &&v1::PushedSeries| series.beside.is_some();
        for series in messages.iter().flatten().filter(with) {
            let beside = proto::beside(series.beside.as_ref(), &series.values).unwrap();
            let first = series.times_millis.iter().position(|t| *t >= n_samples);
            let places = first.unwrap() as u32..series.values.len() as u32;
            assert!(beside.0.iter().map(|(place, _)| place).eq(places));
            let last = series.times_millis.iter().position(|t| *t == n_all - 1);
            let starts = beside.1.iter().map(|(place, _)| place as usize);
            assert!(starts.eq(last));
        }
        let times = messages
            .iter()
            .flatten()
            .flat_map(|s| s.times_millis.clone());
        assert!(times.eq((0..3).chain(0..n_all).chain(0..3)));
    }
}
