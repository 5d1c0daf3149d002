//! The answer to a question for figures.
use std::sync::Arc;

use proto::{ShardSet, v1};
use tonic::Status;

use crate::shared::Shared;

/// The figures of the database, and of the series of the shards that `request` names.
pub(super) async fn stats(
    shared: &Arc<Shared>,
    request: v1::StatsRequest,
) -> Result<v1::StatsResponse, Status> {
    let shards = match request.shards.is_empty() {
        true => None,
        false => Some(ShardSet::try_from(request.shards)?),
    };
    let db = shared.db.clone();
    let gathered = shared.offload().run(move || {
        let of = |shards: ShardSet| {
            let n_pairs = request.n_pairs as usize;
            db.index_figures(|shard| shards.contains(shard), n_pairs)
        };
        (db.stats(), shards.map(of))
    });
    let (stats, figures) = gathered.await;
    let times = stats.time_range;
    Ok(v1::StatsResponse {
        n_series: stats.n_series,
        n_groups: stats.n_groups,
        n_targets: shared.targets.len() as u64,
        n_appended_samples: stats.samples_total,
        min_time_millis: times.map_or(0, |range| range.start().as_millis()),
        max_time_millis: times.map_or(0, |range| range.end().as_millis()),
        index: figures.map(message),
    })
}

fn message(figures: tsdb::IndexFigures) -> v1::IndexStats {
    let count = |(name, n_series)| v1::CountOf { name, n_series };
    let label = |label: tsdb::LabelFigures| v1::LabelStats {
        values: label.values.hashes().collect(),
        n_bytes: label.n_bytes,
        name: label.name,
    };
    v1::IndexStats {
        n_series: figures.n_series,
        metrics: figures.metrics.into_iter().map(count).collect(),
        labels: figures.labels.into_iter().map(label).collect(),
        pairs: figures.pairs.into_iter().map(count).collect(),
    }
}
