//! What an ingester tells of scrapes and samples under Prometheus' names, so that its dashboards and alerts hold here
//! too. Most of it is counted once and told under two names.
//!
//! Source: `scrape/metrics.go` and `tsdb/head.go` in Prometheus. Where a summary stands there, a histogram stands here.
use std::{collections::BTreeMap, sync::Arc};

use model::{Millis, Timestamp, format_duration};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{Metrics, Reason};
use crate::scrape::TargetState;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Interval {
    interval: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pool {
    scrape_job: String,
}

/// What is counted for these names alone.
#[derive(Clone, Debug)]
pub(crate) struct OfPrometheus {
    appended: Counter,
    intervals: Family<Interval, Histogram>,
    metadata_entries: Family<Pool, Gauge>,
}

impl Default for OfPrometheus {
    fn default() -> Self {
        let seconds = || Histogram::new([0.01, 0.1, 1.0, 10.0]);
        Self {
            appended: Counter::default(),
            intervals: Family::new_with_constructor(seconds),
            metadata_entries: Family::default(),
        }
    }
}

impl OfPrometheus {
    /// Samples were stored.
    pub(crate) fn appended(&self, n_samples: u64) {
        self.appended.inc_by(n_samples);
    }

    /// A scrape began at `now`, the one before it at `before`, where they should be `interval` apart.
    pub(crate) fn scraped(&self, interval: Millis, before: Option<Timestamp>, now: Timestamp) {
        if let Some(before) = before {
            let interval = format_duration(interval);
            self.intervals
                .get_or_create(&Interval { interval })
                .observe((now - before).as_seconds());
        }
    }

    /// These are the targets, which hold what their pages told of metrics.
    pub(crate) fn targets(&self, targets: &[Arc<TargetState>]) {
        let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
        for state in targets {
            *entries.entry(&state.target.job).or_default() += state.metadata().len();
        }
        self.metadata_entries.clear();
        for (job, n_entries) in entries {
            let scrape_job = job.to_owned();
            self.metadata_entries
                .get_or_create(&Pool { scrape_job })
                .set(n_entries as i64);
        }
    }
}

/// Makes `metrics` known to `registry` under Prometheus' names.
pub(super) fn register(metrics: &Metrics, registry: &mut Registry) {
    let m = metrics.clone();
    let failures = |reason| {
        let counter = m.scrape_failures.get_or_create(&Reason { reason });
        counter.clone()
    };
    let counters = [
        (
            "prometheus_target_scrapes_exceeded_body_size_limit",
            "Total number of scrapes that hit the body size limit",
            failures("body_size_limit"),
        ),
        (
            "prometheus_target_scrapes_exceeded_sample_limit",
            "Total number of scrapes that hit the sample limit and were rejected",
            failures("sample_limit"),
        ),
        (
            "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit",
            "Total number of scrapes that hit the native histogram bucket limit and were rejected",
            failures("bucket_limit"),
        ),
        (
            "prometheus_target_scrape_pool_exceeded_label_limits",
            "Total number of times scrape pools hit the label limits, during sync or config reload",
            failures("label_limit"),
        ),
        (
            "prometheus_target_scrapes_sample_duplicate_timestamp",
            "Total number of samples rejected due to duplicate timestamps but different values",
            m.duplicate_samples,
        ),
        (
            "prometheus_target_scrapes_exemplar_out_of_order",
            "Total number of exemplar rejected due to not being out of the expected order",
            m.out_of_order_exemplars,
        ),
        (
            "prometheus_tsdb_head_samples_appended",
            "Total number of appended samples",
            m.prometheus.appended,
        ),
    ];
    for (name, help, counter) in counters {
        registry.register(name, help, counter);
    }
    registry.register(
        "prometheus_tsdb_head_series",
        "Total number of series in the head block",
        m.series,
    );
    registry.register(
        "prometheus_target_interval_length_seconds",
        "Actual intervals between scrapes",
        m.prometheus.intervals,
    );
    registry.register(
        "prometheus_target_metadata_cache_entries",
        "Total number of metric metadata entries in the cache",
        m.prometheus.metadata_entries,
    );
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_failure_is_told_under_both_names() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let reason = "sample_limit";
        metrics
            .scrape_failures
            .get_or_create(&Reason { reason })
            .inc();
        metrics.duplicate_samples.inc();
        metrics.prometheus.appended(3);
        let at = Timestamp::from_millis;
        let interval = Millis::from_seconds(15);
        metrics.prometheus.scraped(interval, None, at(1_000));
        metrics
            .prometheus
            .scraped(interval, Some(at(1_000)), at(16_500));
        let mut page = String::new();
        encode(&mut page, &registry).unwrap();
        let told = page.lines().filter(|line| {
            !line.starts_with('#') && !line.ends_with(" 0") && !line.contains("_bucket")
        });
        expect![[r#"
            prometheus_tsdb_retention_limit_seconds 0.0
            prometheus_target_scrapes_exceeded_sample_limit_total 1
            prometheus_target_scrapes_sample_duplicate_timestamp_total 1
            prometheus_tsdb_head_samples_appended_total 3
            prometheus_target_interval_length_seconds_sum{interval="15s"} 15.5
            prometheus_target_interval_length_seconds_count{interval="15s"} 1
            pleiades_ingester_scrape_failures_total{reason="sample_limit"} 1
            pleiades_ingester_scrape_duration_seconds_sum 0.0
            pleiades_ingester_duplicate_samples_total 1
            pleiades_ingester_append_duration_seconds_sum 0.0
            pleiades_ingester_sync_duration_seconds_sum 0.0
            pleiades_ingester_maintain_duration_seconds_sum 0.0"#]]
        .assert_eq(&told.collect::<Vec<_>>().join("\n"));
    }
}
