//! What discovery tells of itself, under Prometheus' names, so that its dashboards and alerts hold here too.
//!
//! Source: `discovery/metrics*.go` and `scrape/metrics.go` in Prometheus. Where a summary stands there, a histogram
//! stands here: its sum and its count have the same names.
use std::{sync::atomic::AtomicU64, time::Duration};

use config::{Config, ScrapeJob};
use model::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::provider::Groups;

/// Bounds for what takes seconds.
const SECONDS: [f64; 4] = [0.01, 0.1, 1.0, 10.0];

/// For whom something is sought, and by which part of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Section {
    name: &'static str,
    config: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Purpose {
    name: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Mechanism {
    mechanism: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pool {
    scrape_job: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Event {
    role: String,
    event: &'static str,
}

const SCRAPE: &str = "scrape";
const NOTIFY: &str = "notify";

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// The metrics of discovery in one process.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    discovered: Family<Section, Gauge>,
    updated: Family<Section, Gauge<f64, AtomicU64>>,
    received: Family<Purpose, Counter>,
    sent: Family<Purpose, Counter>,
    refresh_failures: Family<Mechanism, Counter>,
    refresh_seconds: Family<Mechanism, Histogram>,
    file_read_errors: Counter,
    kubernetes_events: Family<Event, Counter>,
    kubernetes_failures: Counter,
    pools: Counter,
    pool_reloads: Counter,
    pool_targets: Family<Pool, Gauge>,
    pool_limits: Family<Pool, Gauge>,
    exceeded_limits: Counter,
    syncs: Family<Pool, Counter>,
    sync_failures: Family<Pool, Counter>,
    sync_seconds: Family<Pool, Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            discovered: Family::default(),
            updated: Family::default(),
            received: Family::default(),
            sent: Family::default(),
            refresh_failures: Family::default(),
            refresh_seconds: Family::new_with_constructor(seconds),
            file_read_errors: Counter::default(),
            kubernetes_events: Family::default(),
            kubernetes_failures: Counter::default(),
            pools: Counter::default(),
            pool_reloads: Counter::default(),
            pool_targets: Family::default(),
            pool_limits: Family::default(),
            exceeded_limits: Counter::default(),
            syncs: Family::default(),
            sync_failures: Family::default(),
            sync_seconds: Family::new_with_constructor(seconds),
        }
    }
}

impl Metrics {
    /// Registers them.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let m = metrics.clone();
        // Failures are told from the start: what begins with 1 did not increase.
        for mechanism in ["consul", "dns", "docker", "http"] {
            let failures = m.refresh_failures.get_or_create(&Mechanism { mechanism });
            drop(failures);
        }
        registry.register(
            "prometheus_sd_discovered_targets",
            "Current number of discovered targets",
            m.discovered,
        );
        registry.register(
            "prometheus_sd_last_update_timestamp_seconds",
            "Timestamp of the last update sent to the SD consumers",
            m.updated,
        );
        registry.register(
            "prometheus_sd_received_updates",
            "Total number of update events received from the SD providers",
            m.received,
        );
        registry.register(
            "prometheus_sd_updates",
            "Total number of update events sent to the SD consumers",
            m.sent,
        );
        registry.register(
            "prometheus_sd_refresh_failures",
            "Number of refresh failures for the given SD mechanism",
            m.refresh_failures,
        );
        registry.register(
            "prometheus_sd_refresh_duration_seconds",
            "The duration of a refresh in seconds for the given SD mechanism",
            m.refresh_seconds,
        );
        registry.register(
            "prometheus_sd_file_read_errors",
            "The number of File-SD read errors",
            m.file_read_errors,
        );
        registry.register(
            "prometheus_sd_kubernetes_events",
            "The number of Kubernetes events handled",
            m.kubernetes_events,
        );
        registry.register(
            "prometheus_sd_kubernetes_failures",
            "The number of failed WATCH/LIST requests",
            m.kubernetes_failures,
        );
        let pools = registry.sub_registry_with_prefix("prometheus_target");
        pools.register(
            "scrape_pools",
            "Total number of scrape pool creation attempts",
            m.pools,
        );
        pools.register(
            "scrape_pool_reloads",
            "Total number of scrape pool reloads",
            m.pool_reloads,
        );
        pools.register(
            "scrape_pool_targets",
            "Current number of targets in this scrape pool",
            m.pool_targets,
        );
        pools.register(
            "scrape_pool_target_limit",
            "Maximum number of targets allowed in this scrape pool",
            m.pool_limits,
        );
        pools.register(
            "scrape_pool_exceeded_target_limit",
            "Total number of times scrape pools hit the target limit, during sync or config reload",
            m.exceeded_limits,
        );
        pools.register(
            "scrape_pool_sync",
            "Total number of syncs that were executed on a scrape pool",
            m.syncs,
        );
        pools.register(
            "sync_failed",
            "Total number of target sync failures",
            m.sync_failures,
        );
        pools.register(
            "sync_length_seconds",
            "Actual interval to sync the scrape pool",
            m.sync_seconds,
        );
        metrics
    }

    /// Takes in what the mechanisms of jobs and of sections of Alertmanagers have told.
    pub(super) fn found(
        &self,
        config: &Config,
        jobs: &[Vec<Groups>],
        sections: &[Vec<Groups>],
        now: Timestamp,
    ) {
        let jobs = config.jobs.iter().zip(jobs);
        let jobs = jobs.map(|(job, groups)| (SCRAPE, job.name.clone(), groups));
        let sections = sections.iter().enumerate();
        let sections = sections.map(|(i, groups)| (NOTIFY, format!("config-{i}"), groups));
        self.discovered.clear();
        for (name, config, groups) in jobs.chain(sections) {
            let section = Section { name, config };
            let groups = groups.iter().flatten().flat_map(|groups| groups.iter());
            let n_targets: usize = groups.map(|group| group.targets.len()).sum();
            let discovered = self.discovered.get_or_create(&section);
            discovered.set(n_targets as i64);
            drop(discovered);
            self.updated.get_or_create(&section).set(now.as_seconds());
        }
        for name in [SCRAPE, NOTIFY] {
            self.sent.get_or_create(&Purpose { name }).inc();
        }
    }

    /// A provider has told another set of groups.
    pub(super) fn received(&self) {
        self.received.get_or_create(&Purpose { name: SCRAPE }).inc();
    }

    /// A mechanism was asked.
    pub(super) fn refreshed(&self, mechanism: &'static str, took: Duration, failed: bool) {
        let label = Mechanism { mechanism };
        self.refresh_seconds
            .get_or_create(&label)
            .observe(took.as_secs_f64());
        if failed {
            self.refresh_failed(mechanism);
        }
    }

    /// A mechanism was asked in vain.
    pub(super) fn refresh_failed(&self, mechanism: &'static str) {
        let label = Mechanism { mechanism };
        self.refresh_failures.get_or_create(&label).inc();
    }

    /// A file of targets was unusable.
    pub(super) fn file_failed(&self) {
        self.file_read_errors.inc();
    }

    /// Something happened to an object of `kind`.
    pub(crate) fn kubernetes_event(&self, kind: &str, event: &'static str) {
        let role = kind.to_lowercase();
        let label = Event { role, event };
        self.kubernetes_events.get_or_create(&label).inc();
    }

    /// A list or watch failed.
    pub(crate) fn kubernetes_failed(&self) {
        self.kubernetes_failures.inc();
    }

    /// The targets of `job` were resolved in `took`: so many are scraped, and so many cannot be.
    pub(super) fn synced(
        &self,
        job: &ScrapeJob,
        took: Duration,
        (n_active, n_failed): (usize, usize),
    ) {
        let pool = Pool {
            scrape_job: job.name.clone(),
        };
        let limit = job.limits.targets;
        self.syncs.get_or_create(&pool).inc();
        self.sync_failures
            .get_or_create(&pool)
            .inc_by(n_failed as u64);
        self.sync_seconds
            .get_or_create(&pool)
            .observe(took.as_secs_f64());
        self.pool_targets.get_or_create(&pool).set(n_active as i64);
        self.pool_limits
            .get_or_create(&pool)
            .set(i64::try_from(limit).unwrap_or(i64::MAX));
        if limit > 0 && n_active as u64 > limit {
            self.exceeded_limits.inc();
        }
    }

    /// A job is new, or other than before.
    pub(super) fn configured(&self, is_new: bool) {
        match is_new {
            true => self.pools.inc(),
            false => self.pool_reloads.inc(),
        };
    }

    /// A job is gone.
    pub(super) fn forget(&self, job: &str) {
        let pool = Pool {
            scrape_job: job.to_owned(),
        };
        let section = Section {
            name: SCRAPE,
            config: job.to_owned(),
        };
        self.updated.remove(&section);
        self.pool_targets.remove(&pool);
        self.pool_limits.remove(&pool);
        self.syncs.remove(&pool);
        self.sync_failures.remove(&pool);
        self.sync_seconds.remove(&pool);
    }

    /// Another process discovers now: what this one knows holds no longer.
    pub(super) fn end(&self) {
        self.discovered.clear();
        self.updated.clear();
        self.pool_targets.clear();
        self.pool_limits.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use config::{Bundle, Outside};
    use expect_test::expect;
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::discovery::resolve::Resolver;

    #[test]
    fn what_is_found_and_what_becomes_of_it_is_told() {
        let bundle = Bundle {
            main: "scrape_configs: [{job_name: a, target_limit: 1, static_configs: [{targets: ['a:1', 'b:1', 'c:1']}], relabel_configs: [{source_labels: [__address__], regex: 'c:1', target_label: __address__, replacement: ''}]}]".to_owned(),
            ..Bundle::default()
        };
        let config = Config::from_bundle(&bundle, &Outside::default()).unwrap();
        let config::Discovery::Static(groups) = &config.jobs[0].discovery[0] else {
            panic!("{config:?}");
        };
        let found = vec![vec![Some(Arc::new(groups.clone()))]];
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        metrics.found(&config, &found, &[], Timestamp::from_millis(1500));
        metrics.refresh_failed("http");
        metrics.kubernetes_event("EndpointSlice", "add");
        let mut resolver = Resolver::default();
        resolver.targets(1, &config, found, &metrics);
        let page = || {
            let mut page = String::new();
            encode(&mut page, &registry).unwrap();
            let told = page.lines().filter(|line| {
                !line.starts_with('#') && !line.ends_with(" 0") && !line.contains("seconds_")
            });
            let mut told: Vec<String> = told.map(|line| format!("{line}\n")).collect();
            told.sort_unstable();
            told.concat()
        };
        expect![[r#"
            prometheus_sd_discovered_targets{name="scrape",config="a"} 3
            prometheus_sd_kubernetes_events_total{role="endpointslice",event="add"} 1
            prometheus_sd_last_update_timestamp_seconds{name="scrape",config="a"} 1.5
            prometheus_sd_refresh_failures_total{mechanism="http"} 1
            prometheus_sd_updates_total{name="notify"} 1
            prometheus_sd_updates_total{name="scrape"} 1
            prometheus_target_scrape_pool_exceeded_target_limit_total 1
            prometheus_target_scrape_pool_sync_total{scrape_job="a"} 1
            prometheus_target_scrape_pool_target_limit{scrape_job="a"} 1
            prometheus_target_scrape_pool_targets{scrape_job="a"} 2
            prometheus_target_scrape_pools_total 1
            prometheus_target_sync_failed_total{scrape_job="a"} 1
        "#]]
        .assert_eq(&page());
        metrics.end();
        resolver.targets(2, &Config::default(), Vec::new(), &metrics);
        expect![[r#"
            prometheus_sd_kubernetes_events_total{role="endpointslice",event="add"} 1
            prometheus_sd_refresh_failures_total{mechanism="http"} 1
            prometheus_sd_updates_total{name="notify"} 1
            prometheus_sd_updates_total{name="scrape"} 1
            prometheus_target_scrape_pool_exceeded_target_limit_total 1
            prometheus_target_scrape_pools_total 1
        "#]]
        .assert_eq(&page());
    }
}
