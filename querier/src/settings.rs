//! What a querier is told at its start.
use std::time::Duration;

use model::Millis;
use runtime::Identity;

/// Where a querier listens, whom it follows, and what a query may cost.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who it is, under the addresses at which others reach it; a port 0 stands for the one that is listened on.
    pub identity: Identity,
    /// `host:port` of the HTTP API.
    pub http: String,
    /// `host:port` of the gRPC service.
    pub grpc: String,
    /// The discoverers' gRPC addresses.
    pub discoverers: Vec<String>,
    /// Whether `POST /-/reload` is answered.
    pub enable_lifecycle: bool,
    /// Whether others may write samples.
    pub enable_remote_write_receiver: bool,
    /// Whether stored data can be deleted and copied through the API.
    pub enable_admin_api: bool,
    /// What a query may cost.
    pub query: QuerySettings,
}

/// What a query may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuerySettings {
    /// Its time, waiting included.
    pub timeout: Duration,
    /// Samples held at once.
    pub max_samples: usize,
    /// How long a sample counts as a series' latest value.
    pub lookback_delta: Millis,
    /// Queries that run at once.
    pub max_concurrency: usize,
    /// What PromQL may hold besides its stable part.
    pub language: promql::Options,
    /// `--enable-feature=promql-delayed-name-removal`
    pub delayed_name_removal: bool,
    /// `--enable-feature=use-start-timestamps`
    pub start_timestamps: bool,
    /// `--enable-feature=type-and-unit-labels`
    pub metadata_labels: bool,
    /// `--enable-feature=promql-per-step-stats`
    pub per_step_stats: bool,
}

impl Default for QuerySettings {
    /// Prometheus' defaults.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(120),
            max_samples: 50_000_000,
            lookback_delta: Millis::from_seconds(300),
            max_concurrency: 20,
            language: promql::Options::default(),
            delayed_name_removal: false,
            start_timestamps: false,
            metadata_labels: false,
            per_step_stats: false,
        }
    }
}
