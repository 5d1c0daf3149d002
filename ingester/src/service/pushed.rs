//! Pushed series from messages.
use std::sync::Arc;

use model::{HistogramSample, Labels, Sample, StartTime, Timestamp};
use proto::v1;
use tonic::Status;
use tsdb::Pushed;

/// A pushed series, as its message has it.
pub(super) struct PushedSeries {
    pub(super) labels: Labels,
    samples: Vec<Sample>,
    histograms: Vec<HistogramSample>,
    /// Ascending.
    starts: Vec<StartTime>,
}

impl PushedSeries {
    /// How many samples, histograms among them.
    pub(super) fn n_samples(&self) -> u64 {
        (self.samples.len() + self.histograms.len()) as u64
    }
}

impl<'a> From<&'a PushedSeries> for Pushed<'a> {
    fn from(series: &'a PushedSeries) -> Self {
        Self {
            labels: &series.labels,
            samples: &series.samples,
            histograms: &series.histograms,
            starts: &series.starts,
        }
    }
}

/// The series of a push.
pub(super) fn series(request: &v1::WriteRequest) -> Result<Vec<PushedSeries>, Status> {
    request.series.iter().map(one).collect()
}

fn one(series: &v1::PushedSeries) -> Result<PushedSeries, Status> {
    let labels: Labels = series.labels.as_ref().map(Into::into).unwrap_or_default();
    if labels.is_empty() {
        return Err(Status::invalid_argument("a pushed series has no labels"));
    }
    if series.times_millis.len() != series.values.len() {
        let text = format!("times and values of {labels} differ in length");
        return Err(Status::invalid_argument(text));
    }
    let beside = proto::beside(series.beside.as_ref(), &series.values);
    let (native, since) = beside.ok_or_else(|| {
        let text = format!("what stands beside the values of {labels} does not fit them");
        Status::invalid_argument(text)
    })?;
    let (mut samples, mut histograms) = (Vec::with_capacity(series.values.len()), Vec::new());
    let mut starts = Vec::new();
    for (i, (millis, value)) in series.times_millis.iter().zip(&series.values).enumerate() {
        let (at, value) = (Timestamp::from_millis(*millis), *value);
        match native.get(i) {
            Some(histogram) => histograms.push(HistogramSample {
                at,
                histogram: Arc::clone(histogram),
            }),
            None => samples.push(Sample { at, value }),
        }
        if let Some(start) = since.get(i) {
            starts.push(StartTime { at, start: *start });
        }
    }
    starts.sort_by_key(|start| start.at);
    Ok(PushedSeries {
        labels,
        samples,
        histograms,
        starts,
    })
}
