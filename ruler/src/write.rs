//! Results go to every replica of their shards.
use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use model::{GroupKey, Labels, NodeId, Sample};
use proto::v1::{self, ingester_client::IngesterClient};
use runtime::{Channels, Cluster};

use template::QueryResult;

/// Why results were not stored as they must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WriteError {
    /// There is nobody to write to yet.
    #[error("no ingester is placed yet")]
    NoMap,
    /// A replica that should have the series does not.
    #[error("write to {ingester}: {why}")]
    Replica {
        /// The ingester.
        ingester: String,
        /// What it said.
        why: String,
    },
    /// No replica of some series is healthy.
    #[error("no replica of {series} is healthy")]
    NoReplica {
        /// One such series.
        series: Labels,
    },
}

/// Writes `samples` to every replica that is not unhealthy, at least one; they are synced when this returns.
///
/// A retry changes nothing that was stored. Gives how many samples were refused for good, and the first reason.
///
/// # Errors
/// [`WriteError`]; what was written stays.
pub(crate) async fn write(
    samples: &QueryResult,
    cluster: &Cluster,
    channels: &Channels,
) -> Result<Option<(u64, String)>, WriteError> {
    let batches = batches(samples, cluster)?;
    let epoch = cluster.epoch;
    let calls = batches.into_iter().map(|(node, series)| async move {
        let member = cluster.members.iter().find(|m| m.node == node.0);
        let member = member.expect("batches are made for members alone");
        let failed = |why: &str| WriteError::Replica {
            ingester: member.id.clone(),
            why: why.to_owned(),
        };
        let channel = channels.to(&member.grpc).map_err(|e| failed(e.message()))?;
        let request = v1::WriteRequest { epoch, series };
        let answer = IngesterClient::new(channel).write(request).await;
        Ok(answer.map_err(|e| failed(e.message()))?.into_inner())
    });
    let mut refused = None;
    for answer in join_all(calls).await {
        let answer = answer?;
        if answer.n_refused > 0 {
            refused.get_or_insert((answer.n_refused, answer.reason));
        }
    }
    Ok(refused)
}

/// What each ingester is sent.
fn batches(
    samples: &QueryResult,
    cluster: &Cluster,
) -> Result<BTreeMap<NodeId, Vec<v1::PushedSeries>>, WriteError> {
    let map = cluster.map().ok_or(WriteError::NoMap)?;
    let healthy: BTreeSet<u32> = cluster
        .members_of(v1::Role::Ingester)
        .filter(|m| m.state() != v1::MemberState::Unhealthy)
        .map(|m| m.node)
        .collect();
    let mut batches: BTreeMap<NodeId, Vec<_>> = BTreeMap::new();
    for (labels, sample) in samples {
        let replicas = map.replicas(GroupKey::of_pushed(labels).shard());
        let mut stored = false;
        for node in replicas.filter(|node| healthy.contains(&node.0)) {
            batches
                .entry(node)
                .or_default()
                .push(pushed(labels, *sample));
            stored = true;
        }
        if !stored {
            let series = labels.clone();
            return Err(WriteError::NoReplica { series });
        }
    }
    Ok(batches)
}

fn pushed(labels: &Labels, sample: Sample) -> v1::PushedSeries {
    v1::PushedSeries {
        labels: Some(labels.into()),
        times_millis: vec![sample.at.as_millis()],
        values: vec![sample.value],
    }
}
