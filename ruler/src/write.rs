//! Results of rules, written as every pushed sample is.
use model::{HistogramSample, Sample, Value};
use runtime::{Channels, Cluster, Push, PushedSeries, WriteError, Written};

use crate::result::RuleResult;

/// Writes `samples` to every replica that should have them; see [`runtime::write`].
///
/// # Errors
/// [`WriteError`]; what was written stays.
pub(crate) async fn write(
    samples: &RuleResult,
    cluster: &Cluster,
    channels: &Channels,
) -> Result<Written, WriteError> {
    let series = |(labels, at, value): &(_, _, Value)| {
        let (mut samples, mut histograms) = (Vec::new(), Vec::new());
        let at = *at;
        match value.clone() {
            Value::Float(value) => samples.push(Sample { at, value }),
            Value::Histogram(histogram) => histograms.push(HistogramSample { at, histogram }),
        }
        PushedSeries {
            labels: Clone::clone(labels),
            samples,
            histograms,
            exemplars: Vec::new(),
            starts: Vec::new(),
        }
    };
    let push = Push {
        series: samples.iter().map(series).collect(),
        ..Push::default()
    };
    runtime::write(&push, cluster, channels).await
}
