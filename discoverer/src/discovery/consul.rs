//! Targets that Consul's catalogue tells: one watch of the catalogue, and one of each service.
//!
//! A watch is a question that Consul answers when there is something new, or after two minutes.
//!
//! Source: `discovery/consul/consul.go` in Prometheus.
mod service;
mod watch;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use config::{ConsulDiscovery, TargetGroup};
use parking_lot::Mutex;
use runtime::{Chain, Components};
use serde::Deserialize;
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::{Interval, MissedTickBehavior, interval, sleep},
};
use tracing::error;

use self::watch::Agent;
use super::provider::Publish;

/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(15);

/// Watches the services, and tells their instances.
pub(crate) async fn run(discovery: ConsulDiscovery, components: Components, publish: Publish) {
    let agent = Agent::new(discovery, &components, publish.clone());
    let datacenter = datacenter(&agent).await;
    let shared = Arc::new(Shared {
        agent,
        datacenter,
        found: Mutex::default(),
        changed: Notify::new(),
    });
    let tell = async {
        loop {
            shared.changed.notified().await;
            if let Some(groups) = shared.groups() {
                publish.groups(groups);
            }
        }
    };
    let mut services = Services {
        shared: Arc::clone(&shared),
        tasks: JoinSet::new(),
        watched: BTreeMap::new(),
    };
    tokio::select! {
        () = tell => {}
        () = services.watch() => {}
    }
}

/// The datacenter's name, once the agent tells it.
async fn datacenter(agent: &Agent) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Own {
        config: Config,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config {
        datacenter: String,
    }
    if !agent.discovery.datacenter.is_empty() {
        return agent.discovery.datacenter.clone();
    }
    loop {
        match agent.ask::<Own>("agent/self", &[], None).await {
            Ok((own, _)) => return own.config.datacenter,
            Err(failed) => {
                error!(error = %Chain(&failed), "Error retrieving datacenter name");
                sleep(RETRY).await;
            }
        }
    }
}

/// What all watches of a section have in common.
struct Shared {
    agent: Agent,
    datacenter: String,
    found: Mutex<Found>,
    changed: Notify,
}

#[derive(Default)]
struct Found {
    /// False until it is known which services there are.
    is_listed: bool,
    /// By service; none until its first answer.
    services: BTreeMap<String, Option<TargetGroup>>,
}

impl Shared {
    /// The groups of all services, once each has answered.
    fn groups(&self) -> Option<Vec<TargetGroup>> {
        let found = self.found.lock();
        let groups: Option<Vec<_>> = found.services.values().cloned().collect();
        groups.filter(|_| found.is_listed)
    }

    fn found(&self, change: impl FnOnce(&mut Found)) {
        change(&mut self.found.lock());
        self.changed.notify_one();
    }
}

/// The watches of services. Dropped, they end.
struct Services {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    watched: BTreeMap<String, AbortHandle>,
}

impl Services {
    async fn watch(&mut self) {
        let shared = Arc::clone(&self.shared);
        let discovery = &shared.agent.discovery;
        let is_named = !discovery.services.is_empty();
        if is_named && discovery.tags.is_empty() && discovery.filter.is_empty() {
            self.watch_those(discovery.services.clone());
            return std::future::pending().await;
        }
        let mut index = 0;
        let mut pause = pauses(discovery).await;
        loop {
            let filter = [("filter", discovery.filter.as_str())];
            let asked = (shared.agent).ask::<BTreeMap<String, Vec<String>>>(
                "catalog/services",
                &filter,
                Some(index),
            );
            match asked.await {
                Ok((services, next)) => {
                    // Without anything new the question has timed out.
                    if next != index {
                        index = next;
                        let wanted = services.into_iter().filter(|(name, tags)| {
                            let is_wanted = !is_named || discovery.services.contains(name);
                            is_wanted && discovery.tags.iter().all(|tag| tags.contains(tag))
                        });
                        self.watch_those(wanted.map(|(name, _)| name).collect());
                    }
                    pause.tick().await;
                }
                Err(failed) => {
                    error!(error = %Chain(&failed), "Error refreshing service list");
                    index = 0;
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Watches the services of these names, and no others.
    fn watch_those(&mut self, names: Vec<String>) {
        self.watched.retain(|name, task| {
            let stays = names.contains(name);
            if !stays {
                task.abort();
            }
            stays
        });
        for name in &names {
            if !self.watched.contains_key(name) {
                let watch = service::watch(Arc::clone(&self.shared), name.clone());
                self.watched.insert(name.clone(), self.tasks.spawn(watch));
            }
        }
        while self.tasks.try_join_next().is_some() {}
        self.shared.found(|found| {
            found.is_listed = true;
            found.services.retain(|name, _| names.contains(name));
            for name in names {
                found.services.entry(name).or_default();
            }
        });
    }
}

/// The least pauses between questions: one that was answered late enough is asked again at once.
async fn pauses(discovery: &ConsulDiscovery) -> Interval {
    let pause = discovery.refresh_interval.to_std();
    let mut pauses = interval(pause.max(Duration::from_millis(1)));
    pauses.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // The first is over at once.
    pauses.tick().await;
    pauses
}

#[cfg(test)]
mod tests;
