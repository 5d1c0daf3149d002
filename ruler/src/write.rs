//! Results of rules, written as every pushed sample is.
use runtime::{Channels, Cluster, Push, PushedSeries, WriteError, Written};
use template::QueryResult;

/// Writes `samples` to every replica that should have them; see [`runtime::write`].
///
/// # Errors
/// [`WriteError`]; what was written stays.
pub(crate) async fn write(
    samples: &QueryResult,
    cluster: &Cluster,
    channels: &Channels,
) -> Result<Written, WriteError> {
    let series = |(labels, sample): &(_, _)| PushedSeries {
        labels: Clone::clone(labels),
        samples: vec![*sample],
        histograms: Vec::new(),
        exemplars: Vec::new(),
    };
    let push = Push {
        series: samples.iter().map(series).collect(),
        metadata: Vec::new(),
    };
    runtime::write(&push, cluster, channels).await
}
