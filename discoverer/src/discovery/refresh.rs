//! Mechanisms that are asked for their whole set again and again.
//!
//! Source: `discovery/refresh/refresh.go` in Prometheus.
use std::time::Duration;

use config::TargetGroup;
use fetch::FetchError;
use runtime::Chain;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::error;

use super::provider::Publish;

/// What is asked.
pub(crate) trait Find: Send {
    /// Its whole set of groups now.
    fn find(&mut self) -> impl Future<Output = Result<Vec<TargetGroup>, FindError>> + Send;
}

/// Why it gave none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("{attempt}")]
    Api {
        /// In Prometheus' words.
        attempt: &'static str,
        source: FetchError,
    },
    #[error("unsupported content type {0:?}")]
    ContentType(String),
    #[error("read the target groups of {url}")]
    Groups { url: String, source: config::Error },
    #[error("read the answer of {url}")]
    Json {
        url: String,
        source: serde_json::Error,
    },
    #[error("the answer of {0} is no text")]
    Text(String),
}

/// Asks `from` every `pause`, at once for the first time, and tells what it gives; a failure leaves what was told before.
pub(crate) async fn run(
    mechanism: &'static str,
    mut from: impl Find,
    pause: Duration,
    publish: Publish,
) {
    let mut timer = interval(pause.max(Duration::from_millis(1)));
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        let began = Instant::now();
        let found = from.find().await;
        let failed = found.is_err();
        publish
            .metrics()
            .refreshed(mechanism, began.elapsed(), failed);
        match found {
            Ok(groups) => publish.groups(groups),
            Err(failed) => {
                error!(mechanism, error = %Chain(&failed), "Unable to refresh target groups");
            }
        }
    }
}
