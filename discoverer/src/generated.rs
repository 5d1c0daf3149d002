//! The generated part of the configuration: what the monitors and rules of a cluster say, committed by the leader.
//!
//! ```text
//! manifest of a Prometheus ──┐
//! monitors, rules, probes ───┼──> operator::generate ──> files ──> SetGenerated, if they are others
//! keys of Secrets ───────────┘
//! ```
//!
//! Nothing is committed before each kind that can be seen was seen whole, and nothing while the API server is away, so
//! that the last part that was committed stays.
mod manifest;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use config::KubernetesDiscovery;
use operator::{Generated, Kind, Objects, Refused, Settings};
use runtime::{Chain, Components};
use tokio::sync::watch;
use tracing::{info, warn};

pub(crate) use self::manifest::Manifest;
pub use self::manifest::ManifestError;
use crate::{
    kube::{Cluster, ValueError, Values},
    metrics::Metrics,
    raft::{Group, WriteError},
    state::{Command, Outcome},
};

/// Generates while a discoverer leads.
#[derive(Clone)]
pub(crate) struct Generator {
    pub(crate) group: Group,
    pub(crate) components: Components,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: watch::Receiver<Arc<Settings>>,
    /// The way to the API server.
    pub(crate) api: KubernetesDiscovery,
    pub(crate) pace: Pace,
}

/// How quickly things follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// From a change to what is made of it: changes come in bursts.
    pub(crate) pause: Duration,
    /// How old values of Secrets may be.
    pub(crate) age: Duration,
    /// The pause after something failed.
    pub(crate) retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pause: Duration::from_secs(2),
            age: Duration::from_secs(60),
            retry: Duration::from_secs(5),
        }
    }
}

/// Why nothing was committed.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("read what a monitor refers to")]
    Values(#[from] ValueError),
    #[error("commit what was generated")]
    Write(#[from] WriteError),
    #[error("what was generated was refused: {0}")]
    Refused(String),
}

/// What a leadership has seen and said so far.
#[derive(Default)]
struct Memory {
    values: Values,
    told: BTreeSet<(Kind, String, String, String)>,
}

impl Generator {
    /// Generates and commits for ever.
    pub(crate) async fn run(mut self) {
        let _cleared = Cleared(Arc::clone(&self.metrics));
        let cluster = Cluster::at(&self.api, &self.components).await;
        tokio::select! {
            () = cluster.follow() => {}
            () = self.generate(&cluster) => {}
        }
    }

    async fn generate(&mut self, cluster: &Cluster) {
        let mut memory = Memory::default();
        let mut failed = false;
        loop {
            let wait = if failed {
                self.pace.retry
            } else {
                self.pace.age
            };
            tokio::select! {
                () = cluster.changed() => {}
                // The sender outlives the leadership.
                Ok(()) = self.settings.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
            tokio::time::sleep(self.pace.pause).await;
            self.metrics.watched(&cluster.standings());
            let Some((objects, unseen)) = cluster.objects() else {
                continue;
            };
            let done = self.round(cluster, objects, unseen, &mut memory).await;
            failed = done.is_err();
            if let Err(error) = done {
                warn!(error = %Chain(&error), "the generated configuration stays as it is");
            }
        }
    }

    /// Generates from `objects`, and commits that if it is new.
    async fn round(
        &mut self,
        cluster: &Cluster,
        objects: Objects,
        mut unseen: Vec<Kind>,
        memory: &mut Memory,
    ) -> Result<(), RoundError> {
        let offload = self.components.offload;
        let settings = self.settings.borrow_and_update().clone();
        // What the manifest does not take any more goes, seen or not.
        unseen.retain(|kind| settings.selects(*kind));
        let needed = Arc::clone(&settings);
        let (objects, references) = offload
            .run(move || {
                let references = operator::references(&needed, &objects);
                (objects, references)
            })
            .await;
        let values = (memory.values).of(&references, self.pace.age, cluster);
        let values = values.await?;
        let generated = offload
            .run(move || operator::generate(&settings, &objects, &values))
            .await;
        self.metrics.generated(&generated);
        memory.tell(&generated.refused);
        self.commit(generated, &unseen).await
    }

    /// Commits what was generated, and what the last part has of the kinds that we may not see, if that is new.
    async fn commit(&self, mut generated: Generated, unseen: &[Kind]) -> Result<(), RoundError> {
        let mut state = self.group.state();
        // A cluster without a configuration has nothing that could be added to.
        let configured = state.wait_for(|state| state.config.is_some()).await;
        let configured = configured.map(|state| state.config.clone());
        if let Some(held) = configured.ok().flatten() {
            generated.keep(&held.generated, unseen);
            if held.generated == generated.files {
                return Ok(());
            }
        }
        let n_files = generated.files.len();
        match self
            .group
            .write(&Command::SetGenerated(generated.files))
            .await?
        {
            Outcome::Refused(reason) => Err(RoundError::Refused(reason)),
            Outcome::Changed => {
                let version = self
                    .group
                    .state()
                    .borrow()
                    .config
                    .as_ref()
                    .map(|c| c.version);
                info!(
                    n_files,
                    version, "a new generated configuration is committed"
                );
                Ok(())
            }
            Outcome::Joined(_) | Outcome::Unchanged => Ok(()),
        }
    }
}

/// The API server of the cluster that this process runs in.
pub(crate) fn own_cluster() -> KubernetesDiscovery {
    KubernetesDiscovery::default()
}

/// Takes away what an earlier release of the settings had generated: nothing is generated any more.
pub(crate) async fn retire(group: &Group) {
    let mut state = group.state();
    let has_some = |state: &Arc<crate::state::State>| {
        let config = state.config.as_ref();
        config.is_some_and(|config| !config.generated.is_empty())
    };
    while state.wait_for(has_some).await.is_ok() {
        match group.write(&Command::SetGenerated(BTreeMap::new())).await {
            Ok(_) => info!("the generated configuration is taken away: no manifest is given"),
            Err(failed) => {
                warn!(error = %Chain(&failed), "the generated configuration stays as it is");
                tokio::time::sleep(Pace::default().retry).await;
            }
        }
    }
}

impl Memory {
    /// Logs what is refused now and was not before.
    fn tell(&mut self, refused: &[Refused]) {
        let all = refused.iter().map(|one| {
            let (namespace, name) = (one.namespace.clone(), one.name.clone());
            (one.kind, namespace, name, one.reason.clone())
        });
        let now: BTreeSet<_> = all.collect();
        for (kind, namespace, name, reason) in now.difference(&self.told) {
            warn!(kind = kind.name(), %namespace, %name, %reason, "an object is refused");
        }
        self.told = now;
    }
}

/// Forgets the metrics of a leadership that ends.
struct Cleared(Arc<Metrics>);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.clear_generated();
    }
}
