//! What an ingester tells of itself.
mod prometheus;

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use tsdb::Retention;

pub(crate) use self::prometheus::OfPrometheus;

/// Why a scrape failed, as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Reason {
    pub(crate) reason: &'static str,
}

/// Which call, as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Method {
    pub(crate) method: &'static str,
}

/// The metrics of one ingester.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) scrapes: Counter,
    pub(crate) scrape_failures: Family<Reason, Counter>,
    pub(crate) scrape_seconds: Histogram,
    pub(crate) scraped_bytes: Counter,
    pub(crate) late_scrapes: Counter,
    pub(crate) duplicate_samples: Counter,
    pub(crate) samples: Counter,
    pub(crate) pushed_samples: Counter,
    pub(crate) refused_samples: Family<Reason, Counter>,
    pub(crate) exemplars: Counter,
    pub(crate) out_of_order_exemplars: Counter,
    pub(crate) append_failures: Counter,
    pub(crate) append_seconds: Histogram,
    pub(crate) sync_seconds: Histogram,
    pub(crate) maintain_seconds: Histogram,
    pub(crate) storage_failures: Counter,
    pub(crate) series: Gauge,
    pub(crate) active_series: Gauge,
    pub(crate) file_bytes: Gauge,
    pub(crate) write_buffer_bytes: Gauge,
    pub(crate) block_cache_bytes: Gauge,
    pub(crate) refused_series: Family<Reason, Counter>,
    pub(crate) groups: Gauge,
    pub(crate) damaged: Gauge,
    pub(crate) targets: Gauge,
    retention_seconds: Gauge<f64, AtomicU64>,
    retention_bytes: Gauge,
    pub(crate) stale_assignments: Counter,
    pub(crate) streams: Gauge,
    pub(crate) sent_bytes: Counter,
    pub(crate) calls: Family<Method, Counter>,
    pub(crate) prometheus: OfPrometheus,
}

fn seconds() -> Histogram {
    Histogram::new([
        0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
        10.0,
    ])
}

impl Metrics {
    /// The metrics, made known to `registry`.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            scrapes: Counter::default(),
            scrape_failures: Family::default(),
            scrape_seconds: seconds(),
            scraped_bytes: Counter::default(),
            late_scrapes: Counter::default(),
            duplicate_samples: Counter::default(),
            samples: Counter::default(),
            pushed_samples: Counter::default(),
            refused_samples: Family::default(),
            exemplars: Counter::default(),
            out_of_order_exemplars: Counter::default(),
            append_failures: Counter::default(),
            append_seconds: seconds(),
            sync_seconds: seconds(),
            maintain_seconds: seconds(),
            storage_failures: Counter::default(),
            series: Gauge::default(),
            active_series: Gauge::default(),
            file_bytes: Gauge::default(),
            write_buffer_bytes: Gauge::default(),
            block_cache_bytes: Gauge::default(),
            refused_series: Family::default(),
            groups: Gauge::default(),
            damaged: Gauge::default(),
            targets: Gauge::default(),
            retention_seconds: Gauge::default(),
            retention_bytes: Gauge::default(),
            stale_assignments: Counter::default(),
            streams: Gauge::default(),
            sent_bytes: Counter::default(),
            calls: Family::default(),
            prometheus: OfPrometheus::default(),
        };
        registry.register(
            "prometheus_tsdb_retention_limit_seconds",
            "How long to retain samples in storage",
            metrics.retention_seconds.clone(),
        );
        registry.register(
            "prometheus_tsdb_retention_limit_bytes",
            "Max number of bytes to be retained in the tsdb blocks, configured 0 means disabled",
            metrics.retention_bytes.clone(),
        );
        prometheus::register(&metrics, registry);
        metrics.register(registry.sub_registry_with_prefix("pleiades_ingester"));
        metrics
    }

    /// Takes in how much is kept; 0 stands for no limit, as in Prometheus.
    pub(crate) fn retains(&self, kept: Retention) {
        let seconds = kept.time.map_or(0.0, |time| time.as_seconds());
        self.retention_seconds.set(seconds);
        let bytes = kept.bytes.unwrap_or_default();
        self.retention_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    fn register(&self, registry: &mut Registry) {
        let m = self.clone();
        registry.register("scrapes", "Scrapes that ended, well or not", m.scrapes);
        registry.register(
            "scrape_failures",
            "Scrapes that gave no page, by reason",
            m.scrape_failures,
        );
        registry.register_with_unit(
            "scrape_duration",
            "How long targets took to send their pages",
            Unit::Seconds,
            m.scrape_seconds,
        );
        registry.register_with_unit(
            "scraped",
            "Decoded bytes of the pages that were fetched",
            Unit::Bytes,
            m.scraped_bytes,
        );
        registry.register(
            "late_scrapes",
            "Scrapes that began too late to carry the time of their slot",
            m.late_scrapes,
        );
        registry.register(
            "duplicate_samples",
            "Samples left out since their series had one on the same page",
            m.duplicate_samples,
        );
        registry.register("samples", "Samples stored from scrapes", m.samples);
        registry.register(
            "pushed_samples",
            "Samples stored from rules and remote write",
            m.pushed_samples,
        );
        registry.register("exemplars", "Exemplars stored.", m.exemplars);
        registry.register(
            "out_of_order_exemplars",
            "Exemplars left out since their series had a newer one.",
            m.out_of_order_exemplars,
        );
        registry.register(
            "refused_samples",
            "Pushed samples that were not stored, by reason",
            m.refused_samples,
        );
        registry.register(
            "append_failures",
            "Rows that could not be stored",
            m.append_failures,
        );
        registry.register_with_unit(
            "append_duration",
            "How long it took to read a page and store its row",
            Unit::Seconds,
            m.append_seconds,
        );
        registry.register_with_unit(
            "sync_duration",
            "How long it took to make rows durable",
            Unit::Seconds,
            m.sync_seconds,
        );
        registry.register_with_unit(
            "maintain_duration",
            "How long a round of cutting, merging and dropping took",
            Unit::Seconds,
            m.maintain_seconds,
        );
        registry.register(
            "storage_failures",
            "Syncs and rounds of maintenance that failed",
            m.storage_failures,
        );
        registry.register("series", "Series in memory", m.series);
        registry.register(
            "active_series",
            "Series in the newest rows of their groups",
            m.active_series,
        );
        registry.register("groups", "Groups of series in memory", m.groups);
        registry.register(
            "file_bytes",
            "Size of the store's files, without its log",
            m.file_bytes,
        );
        registry.register(
            "write_buffer_bytes",
            "Memory of what the store has not put into files yet",
            m.write_buffer_bytes,
        );
        registry.register(
            "block_cache_bytes",
            "Memory of blocks of the store's files",
            m.block_cache_bytes,
        );
        registry.register(
            "refused_series",
            "New series that were refused since a limit was reached, by reason; each try counts",
            m.refused_series,
        );
        registry.register(
            "damaged",
            "Stored entries that were found broken and are left out",
            m.damaged,
        );
        registry.register(
            "stale_assignments",
            "Sets of targets refused since a newer epoch was known",
            m.stale_assignments,
        );
        registry.register("targets", "Targets that are scraped", m.targets);
        registry.register("open_streams", "Selects that are being answered", m.streams);
        registry.register_with_unit(
            "sent",
            "Bytes of series sent in answer to selects",
            Unit::Bytes,
            m.sent_bytes,
        );
        registry.register("calls", "Calls answered, by method", m.calls);
    }
}
