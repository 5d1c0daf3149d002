//! Providers: one running task for each mechanism of the configuration.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use config::{Config, Discovery, TargetGroup};
use runtime::Components;
use tokio::{
    sync::{Notify, watch},
    task::{AbortHandle, JoinSet},
};

use super::{Metrics, consul, dns, docker, file, http};
use crate::kube;

/// The whole set of groups of one mechanism; none before the first.
pub(crate) type Groups = Option<Arc<Vec<TargetGroup>>>;

/// Where a provider tells its groups.
#[derive(Clone)]
pub(crate) struct Publish {
    to: watch::Sender<Groups>,
    /// Whether there is no way to find out before a person helps.
    stuck: Arc<AtomicBool>,
    changed: Arc<Notify>,
    metrics: Arc<Metrics>,
}

impl Publish {
    /// A way to tell groups, and where they arrive; `changed` is notified of each.
    pub(crate) fn new(
        changed: Arc<Notify>,
        metrics: Arc<Metrics>,
    ) -> (Self, watch::Receiver<Groups>) {
        let (to, groups) = watch::channel(None);
        let stuck = Arc::default();
        let publish = Self {
            to,
            stuck,
            changed,
            metrics,
        };
        (publish, groups)
    }

    /// Where a provider tells how it fares.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Tells that nothing is going to be found before a person helps, as long as no groups are told.
    pub(crate) fn stuck(&self) {
        if !self.stuck.swap(true, Ordering::Relaxed) {
            self.changed.notify_one();
        }
    }

    /// Tells the whole set of groups, if it is another than before.
    pub(crate) fn groups(&self, groups: Vec<TargetGroup>) {
        let changed = self.to.send_if_modified(|held| {
            let changed = held.as_deref() != Some(&groups);
            if changed {
                *held = Some(Arc::new(groups));
            }
            changed
        });
        if changed {
            self.metrics.received();
            self.changed.notify_one();
        }
    }
}

/// The running providers. Dropped, they end.
pub(crate) struct Providers {
    running: Vec<Provider>,
    tasks: JoinSet<()>,
    components: Components,
    /// The watches of Kubernetes clusters.
    feeds: Arc<kube::Feeds>,
    changed: Arc<Notify>,
    metrics: Arc<Metrics>,
}

struct Provider {
    discovery: Discovery,
    groups: watch::Receiver<Groups>,
    stuck: Arc<AtomicBool>,
    /// None for what is told once and for all.
    task: Option<AbortHandle>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Providers {
    /// No providers yet; they will notify `changed`.
    pub(crate) fn new(components: Components, changed: Arc<Notify>, metrics: Arc<Metrics>) -> Self {
        Self {
            running: Vec::new(),
            tasks: JoinSet::new(),
            components,
            feeds: Arc::default(),
            changed,
            metrics,
        }
    }

    /// Runs the mechanisms of `config` and no others; those that ran before go on with what they have found.
    pub(crate) fn use_those_of(&mut self, config: &Config) {
        let of_jobs = || config.jobs.iter().flat_map(|job| &job.discovery);
        let of_alerting = || {
            config
                .alerting
                .alertmanagers
                .iter()
                .flat_map(|a| &a.discovery)
        };
        let wanted = || of_jobs().chain(of_alerting());
        self.running.retain(|p| wanted().any(|d| *d == p.discovery));
        for discovery in wanted() {
            if !self.running.iter().any(|p| p.discovery == *discovery) {
                let started = self.start(discovery);
                self.running.push(started);
            }
        }
        while self.tasks.try_join_next().is_some() {}
    }

    fn start(&mut self, discovery: &Discovery) -> Provider {
        let (publish, groups) = Publish::new(Arc::clone(&self.changed), Arc::clone(&self.metrics));
        let stuck = Arc::clone(&publish.stuck);
        let (components, offload) = (self.components.clone(), self.components.offload);
        let tasks = &mut self.tasks;
        let task = match discovery.clone() {
            Discovery::Static(groups) => {
                publish.groups(groups);
                None
            }
            Discovery::File(files) => Some(tasks.spawn(file::run(files, offload, publish))),
            Discovery::Kubernetes(cluster) => {
                let feeds = Arc::clone(&self.feeds);
                Some(tasks.spawn(kube::run(*cluster, components, feeds, publish)))
            }
            Discovery::Http(server) => Some(tasks.spawn(http::run(*server, components, publish))),
            Discovery::Dns(names) => Some(tasks.spawn(dns::run(names, offload, publish))),
            Discovery::Consul(agent) => Some(tasks.spawn(consul::run(*agent, components, publish))),
            Discovery::Docker(daemon) => {
                Some(tasks.spawn(docker::run(*daemon, components, publish)))
            }
            Discovery::Unsupported { .. } => {
                publish.groups(Vec::new());
                None
            }
        };
        Provider {
            discovery: discovery.clone(),
            groups,
            stuck,
            task,
        }
    }

    /// For each job of `config` what its mechanisms have found, in their order.
    pub(crate) fn found(&self, config: &Config) -> Vec<Vec<Groups>> {
        let jobs = config.jobs.iter();
        jobs.map(|job| self.found_by(&job.discovery, |_| None))
            .collect()
    }

    /// The same for each section of Alertmanagers. No alert waits for a mechanism that is stuck.
    pub(crate) fn alertmanagers(&self, config: &Config) -> Vec<Vec<Groups>> {
        let stuck = |provider: &Provider| provider.stuck.load(Ordering::Relaxed);
        let nothing = |provider: &Provider| stuck(provider).then(Arc::default);
        let sections = config.alerting.alertmanagers.iter();
        sections
            .map(|all| self.found_by(&all.discovery, nothing))
            .collect()
    }

    /// What each of `mechanisms` has told, or what `otherwise` gives.
    fn found_by(
        &self,
        mechanisms: &[Discovery],
        otherwise: impl Fn(&Provider) -> Groups,
    ) -> Vec<Groups> {
        let found = |discovery: &Discovery| {
            let provider = self.running.iter().find(|p| p.discovery == *discovery)?;
            let told = provider.groups.borrow().clone();
            told.or_else(|| otherwise(provider))
        };
        mechanisms.iter().map(found).collect()
    }
}

#[cfg(test)]
mod tests {
    use config::{Bundle, Outside};

    use super::*;

    #[tokio::test]
    async fn targets_wait_for_a_mechanism_that_is_stuck_and_alerts_do_not() {
        let cluster = "kubernetes_sd_configs: [{role: pod, kubeconfig_file: /nowhere}]";
        let main = format!(
            "scrape_configs: [{{job_name: j, {cluster}}}]\nalerting: {{alertmanagers: [{{{cluster}}}]}}"
        );
        let bundle = Bundle {
            main,
            ..Bundle::default()
        };
        let config = Config::from_bundle(&bundle, &Outside::default()).unwrap();
        let changed = Arc::new(Notify::new());
        let mut providers =
            Providers::new(Components::system(), Arc::clone(&changed), Arc::default());
        providers.use_those_of(&config);
        assert_eq!(providers.alertmanagers(&config), [[None]]);
        changed.notified().await;
        assert_eq!(providers.found(&config), [[None]]);
        assert_eq!(providers.alertmanagers(&config), [[Some(Arc::default())]]);
    }
}
