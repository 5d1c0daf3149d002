//! What the committed configuration means for queries, and for people who look at it.
use std::{collections::BTreeMap, sync::Arc};

use model::{Millis, RelabelRule, Timestamp};
use runtime::{Cluster, Committed, Components, Configurations, bundle_of};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What is known of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    /// When it was taken over.
    pub(crate) taken: Timestamp,
    /// The text without secrets.
    pub(crate) shown: String,
    /// The grid of subqueries that name none.
    pub(crate) evaluation_interval: Millis,
    /// What becomes of the targets of each job.
    pub(crate) relabelling: BTreeMap<String, Vec<RelabelRule>>,
    /// Whether all of it could be read here.
    pub(crate) is_read: bool,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            taken: Timestamp::default(),
            shown: String::new(),
            evaluation_interval: Millis::from_seconds(60),
            relabelling: BTreeMap::new(),
            is_read: true,
        }
    }
}

impl Configuration {
    fn of(committed: Committed, now: Timestamp) -> Self {
        let bundle = bundle_of(&committed.message);
        let taken = Self {
            taken: now,
            ..Self::default()
        };
        // Both texts are without secrets; what cannot be parsed at all is not shown, since it may hold some.
        match committed.config {
            Some(config) => Self {
                shown: config.shown(&bundle).unwrap_or_default(),
                evaluation_interval: config.global.evaluation_interval,
                relabelling: config
                    .jobs
                    .into_iter()
                    .map(|job| (job.name, job.relabel))
                    .collect(),
                ..taken
            },
            None => Self {
                shown: bundle.shown().unwrap_or_default(),
                is_read: false,
                ..taken
            },
        }
    }
}

/// Follows the configuration that the cluster has committed, until `stop`.
pub(crate) async fn follow(
    components: Components,
    cluster: watch::Receiver<Arc<Cluster>>,
    to: watch::Sender<Arc<Configuration>>,
    stop: CancellationToken,
) {
    let mut configurations = Configurations::of(cluster, components.offload);
    let take = async {
        while let Some(committed) = configurations.next().await {
            let now = components.clock.now();
            let read = move || Configuration::of(committed, now);
            to.send_replace(Arc::new(components.offload.run(read).await));
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => return,
        () = take => {}
    }
    stop.cancelled().await;
}
