//! Discovery: from the committed configuration to targets, on the leader alone.
//!
//! ```text
//! configuration ──> providers ──> groups ──> resolve (job by job) ──> Targets
//! ```
//!
//! Each mechanism of the configuration is one provider, whichever jobs use it. A provider tells its whole set of groups
//! each time; in error it keeps its last set; until it has told its first, nothing is removed.
mod consul;
mod dns;
mod docker;
mod file;
mod http;
mod metrics;
mod once;
mod provider;
mod refresh;
mod resolve;
#[cfg(test)]
pub(crate) mod testing;

use std::{sync::Arc, time::Duration};

use config::Config;
use runtime::{Chain, Components};
use tokio::sync::{Notify, watch};
use tracing::error;

pub(crate) use self::metrics::Metrics;
pub use self::once::once;
pub(crate) use self::provider::Publish;
use self::{
    provider::Providers,
    resolve::{Resolver, alertmanagers},
};
use crate::{configuration::parse, state::State, targets::Targets};

/// The least pause between two sets of targets: changes come in bursts.
const PAUSE: Duration = Duration::from_millis(500);

/// How we call ourselves where we ask.
const USER_AGENT: &str = concat!("Pleiades/", env!("CARGO_PKG_VERSION"));

/// Discovers until it is dropped, and sends what it finds.
pub(crate) async fn run(
    mut state: watch::Receiver<Arc<State>>,
    components: &Components,
    metrics: &Arc<Metrics>,
    to: &watch::Sender<Arc<Targets>>,
) {
    let _ends = Ends(metrics);
    let changed = Arc::new(Notify::new());
    let offload = components.offload;
    let mut providers = Providers::new(
        components.clone(),
        Arc::clone(&changed),
        Arc::clone(metrics),
    );
    let mut resolver = Resolver::default();
    let (mut version, mut config) = (0, Arc::new(Config::default()));
    loop {
        let bundle = state.borrow_and_update().config.clone();
        if let Some(bundle) = bundle.filter(|bundle| bundle.version != version) {
            version = bundle.version;
            match offload.run(move || parse(&bundle)).await {
                Ok(parsed) => {
                    config = Arc::new(parsed);
                    providers.use_those_of(&config);
                }
                // It was accepted before it was committed, perhaps by another release.
                Err(refused) => error!(error = %Chain(&refused), "the configuration is refused"),
            }
        }
        if version > 0 {
            let found = providers.found(&config);
            let receivers = providers.alertmanagers(&config);
            metrics.found(&config, &found, &receivers, components.clock.now());
            let (jobs, configured) = (Arc::clone(&config), resolver);
            let told = Arc::clone(metrics);
            let (targets, returned) = offload
                .run(move || {
                    let mut resolver = configured;
                    let targets = resolver.targets(version, &jobs, found, &told);
                    let receivers = alertmanagers(&jobs.alerting, receivers);
                    (targets.with_alertmanagers(receivers), resolver)
                })
                .await;
            resolver = returned;
            to.send_replace(Arc::new(targets));
            tokio::time::sleep(PAUSE).await;
        }
        tokio::select! {
            () = changed.notified() => {}
            changed = state.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

/// The end of discovery in this process, which comes by dropping it.
struct Ends<'m>(&'m Metrics);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
