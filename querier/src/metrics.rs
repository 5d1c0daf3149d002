//! What a querier tells of itself.
mod engine;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use self::engine::EngineMetrics;

/// How a query ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Outcome {
    /// With a whole result.
    Success,
    /// With a result that lacks something, and says so.
    Partial,
    /// The text or its parameters were refused.
    Invalid,
    /// It could not be evaluated.
    Execution,
    /// Too much time was needed.
    Timeout,
    /// Nobody waited for the result any more.
    Canceled,
    /// Too little of the cluster answered.
    Unavailable,
}

/// The label of [`Metrics::queries`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByOutcome {
    /// How it ended.
    pub(crate) outcome: Outcome,
}

/// The label of [`WriteMetrics::requests`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByCode {
    /// The status of the answer.
    pub(crate) code: u16,
}

/// What the receiver of remote writes tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteMetrics {
    /// Requests by answer.
    pub(crate) requests: Family<ByCode, Counter>,
    /// Samples that were stored.
    pub(crate) samples: Counter,
    /// Samples that ingesters, or the receiver, refused.
    pub(crate) refused_samples: Counter,
    /// Samples of series whose labels are invalid.
    pub(crate) invalid_labels: Counter,
}

impl WriteMetrics {
    /// New metrics, registered.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "pleiades_querier_remote_write_requests",
            "Remote writes by the status of their answer.",
            metrics.requests.clone(),
        );
        registry.register(
            "pleiades_querier_remote_write_samples",
            "Samples that remote write stored on every replica.",
            metrics.samples.clone(),
        );
        registry.register(
            "pleiades_querier_remote_write_refused_samples",
            "Samples of remote writes that were refused for good.",
            metrics.refused_samples.clone(),
        );
        registry.register(
            "prometheus_api_remote_write_invalid_labels_samples",
            "The total number of received remote write samples and histogram samples which were rejected due to invalid labels.",
            metrics.invalid_labels.clone(),
        );
        metrics
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, status: axum::http::StatusCode) {
        let code = status.as_u16();
        self.requests.get_or_create(&ByCode { code }).inc();
    }
}

/// A querier's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Queries by outcome.
    pub(crate) queries: Family<ByOutcome, Counter>,
    /// How long queries took, in seconds.
    pub(crate) query_duration: Histogram,
    /// Queries under way.
    pub(crate) queries_active: Gauge,
    /// Samples that ingesters sent, replicas counted each.
    pub(crate) fetched_samples: Counter,
    /// Calls to ingesters that failed.
    pub(crate) ingester_failures: Counter,
    /// What is told of queries under Prometheus' names.
    pub(crate) engine: EngineMetrics,
}

impl Metrics {
    /// New metrics, registered.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        // From a millisecond to a minute.
        let seconds = [
            0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0,
        ];
        let queries_active = Gauge::default();
        let metrics = Self {
            queries: Family::default(),
            query_duration: Histogram::new(seconds),
            engine: EngineMetrics::new(registry, &queries_active),
            queries_active,
            fetched_samples: Counter::default(),
            ingester_failures: Counter::default(),
        };
        registry.register(
            "pleiades_querier_queries",
            "Queries by outcome",
            metrics.queries.clone(),
        );
        registry.register(
            "pleiades_querier_query_duration_seconds",
            "How long queries took, waiting included",
            metrics.query_duration.clone(),
        );
        registry.register(
            "pleiades_querier_queries_active",
            "Queries under way",
            metrics.queries_active.clone(),
        );
        registry.register(
            "pleiades_querier_fetched_samples",
            "Samples that ingesters sent; those of each replica count",
            metrics.fetched_samples.clone(),
        );
        registry.register(
            "pleiades_querier_ingester_failures",
            "Calls to ingesters that failed or were given up",
            metrics.ingester_failures.clone(),
        );
        metrics
    }
}
