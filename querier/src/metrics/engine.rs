//! What a querier tells of queries under the names of Prometheus' engine, so that its dashboards and alerts hold here too.
//!
//! Source: `promql/engine.go` in Prometheus. Where a summary stands there, a histogram stands here: its sum and its count
//! have the same names.
use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// A part of the work on a query.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Slice {
    slice: &'static str,
}

/// The metrics of the engine.
#[derive(Debug)]
pub(crate) struct EngineMetrics {
    seconds: Family<Slice, Histogram>,
    samples: Counter,
    concurrent_max: Gauge,
}

impl EngineMetrics {
    /// New metrics, registered; `active` tells the queries under way.
    pub(super) fn new(registry: &mut Registry, active: &Gauge) -> Self {
        let seconds = || Histogram::new([0.001, 0.01, 0.1, 1.0, 10.0, 60.0]);
        let metrics = Self {
            seconds: Family::new_with_constructor(seconds),
            samples: Counter::default(),
            concurrent_max: Gauge::default(),
        };
        registry.register(
            "prometheus_engine_query_duration_seconds",
            "Query timings",
            metrics.seconds.clone(),
        );
        registry.register(
            "prometheus_engine_query_samples",
            "The total number of samples loaded by all queries",
            metrics.samples.clone(),
        );
        registry.register(
            "prometheus_engine_queries",
            "The current number of queries being executed or waiting",
            active.clone(),
        );
        registry.register(
            "prometheus_engine_queries_concurrent_max",
            "The max number of concurrent queries",
            metrics.concurrent_max.clone(),
        );
        metrics
    }

    /// So many queries may run at once.
    pub(crate) fn limited(&self, n_queries: usize) {
        self.concurrent_max
            .set(i64::try_from(n_queries).unwrap_or(i64::MAX));
    }

    /// A query waited, had its samples fetched, and was evaluated.
    pub(crate) fn evaluated(
        &self,
        queued: Duration,
        fetching: Duration,
        evaluating: Duration,
        n_samples: u64,
    ) {
        for (slice, took) in [
            ("queue_time", queued),
            ("prepare_time", fetching),
            ("inner_eval", evaluating),
        ] {
            self.seconds
                .get_or_create(&Slice { slice })
                .observe(took.as_secs_f64());
        }
        self.samples.inc_by(n_samples);
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn queries_are_told_under_prometheus_names() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        metrics.queries_active.inc();
        metrics.engine.limited(20);
        let millis = Duration::from_millis;
        metrics
            .engine
            .evaluated(millis(250), millis(500), millis(1500), 7);
        let mut page = String::new();
        encode(&mut page, &registry).unwrap();
        let mut told: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("prometheus_") && !line.contains("_bucket"))
            .collect();
        told.sort_unstable();
        expect![[r#"
            prometheus_engine_queries 1
            prometheus_engine_queries_concurrent_max 20
            prometheus_engine_query_duration_seconds_count{slice="inner_eval"} 1
            prometheus_engine_query_duration_seconds_count{slice="prepare_time"} 1
            prometheus_engine_query_duration_seconds_count{slice="queue_time"} 1
            prometheus_engine_query_duration_seconds_sum{slice="inner_eval"} 1.5
            prometheus_engine_query_duration_seconds_sum{slice="prepare_time"} 0.5
            prometheus_engine_query_duration_seconds_sum{slice="queue_time"} 0.25
            prometheus_engine_query_samples_total 7"#]]
        .assert_eq(&told.join("\n"));
    }
}
