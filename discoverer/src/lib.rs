//! The discoverer: knows the members of the cluster, places shards on them, and tells ingesters what to scrape.
//!
//! ```text
//! joins, leases ──> duties ──> Command ──> raft ──> State ──> everyone (Watch)
//! files ──────────> configuration ──────────┤         │
//! monitors, rules ─> generated ─────────────┘         │
//!                                                 discovery ──> Targets ──> ingesters (Assignments)
//! ```
//!
//! Pure: what is agreed on ([`state`]), who is well ([`lease`]), what the leader has to write ([`duties`]), what an ingester is
//! told ([`assignment`]). Around them: the Raft group ([`raft`]), which alone names openraft, the leader's loop, discovery
//! (Kubernetes in a module of its own, which alone names kube), and the gRPC service. Every discoverer answers watchers; all else the leader does alone.

mod args;
pub mod assignment;
mod configuration;
mod discovery;
pub mod duties;
mod generated;
mod kube;
mod leader;
pub mod lease;
mod metrics;
mod names;
pub mod raft;
mod service;
pub mod state;
mod status;
pub mod targets;
mod watching;

pub use args::Args;
pub use configuration::Refused;
pub use discovery::once as discover_once;
pub use generated::ManifestError;
pub use raft::STORE_FAMILY;

use std::{path::PathBuf, sync::Arc, time::Duration};

use model::ReplicationFactor;
use prometheus_client::registry::Registry;
use proto::v1;
use runtime::{
    Components, Discoverers, Identity, ListenError, Listener, Load, Membership, Readiness,
    TaskError, Tasks, base_router, serve_grpc, serve_http,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use tsdb::Store;

use crate::{
    configuration::{Edited, Files},
    generated::{Generator, Manifest, Pace},
    leader::{Leader, Term},
    metrics::Metrics,
    raft::{Group, GroupError, Leadership},
    service::Service,
};

/// How long tasks may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// What a user says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name, one of the peers'.
    pub id: String,
    /// All discoverers, this one among them, with their gRPC addresses as others reach them.
    pub peers: Vec<raft::Peer>,
    /// `host:port` of the HTTP pages.
    pub http: String,
    /// `host:port` of the gRPC service.
    pub grpc: String,
    /// `host:port` of the HTTP pages as others reach it; a port 0 stands for the one that is listened on.
    pub advertised_http: String,
    /// Topology zone, or empty.
    pub zone: String,
    /// Where `prometheus.yml` lies.
    pub config_file: PathBuf,
    /// What the PromQL of rules may hold besides its stable part.
    pub language: promql::Options,
    /// Whether discovery mechanisms that are not supported are left out rather than refused.
    pub skip_unsupported_sd: bool,
    /// How many replicas each shard has.
    pub replication: ReplicationFactor,
    /// Where the manifest of the `Prometheus` object lies by which monitors and rules of the cluster are taken; none for
    /// taking none.
    pub operator_file: Option<PathBuf>,
}

/// Why a discoverer ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is refused, and there is none from before.
    #[error("Error loading config (--config.file={})", path.display())]
    Configuration {
        /// The main file.
        path: PathBuf,
        /// Why.
        source: Refused,
    },
    /// The manifest of the `Prometheus` object is refused.
    #[error("error loading --operator.prometheus-file={}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The Raft group cannot be started.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A task failed.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Runs a discoverer on what `store` holds until `shutdown`.
///
/// As long as no configuration was committed, it does not begin with one that is refused; later a bad one changes nothing.
///
/// # Errors
/// [`Error`]
pub async fn run(
    settings: Settings,
    components: Components,
    store: Arc<dyn Store>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let http = components.listen(&settings.http).await?;
    let grpc = components.listen(&settings.grpc).await?;
    let edited = Edited {
        path: settings.config_file.clone(),
        language: settings.language,
        skip_unsupported_sd: settings.skip_unsupported_sd,
        offload: components.offload,
    };
    if let Err(source) = edited.load(None).await
        && !raft::has_configuration(Arc::clone(&store), components.offload).await?
    {
        let path = settings.config_file;
        return Err(Error::Configuration { path, source });
    }
    let manifest = match settings.operator_file.clone() {
        Some(path) => {
            let read = Manifest::read(path.clone(), components.offload).await;
            Some(read.map_err(|source| Error::Manifest { path, source })?)
        }
        None => None,
    };
    let mut tasks = Tasks::new(shutdown);
    let peers = settings.peers.clone();
    let group = Group::start(&settings.id, peers, store, &components, &mut tasks).await?;

    let mut registry = Registry::default();
    let metrics = Arc::new(Metrics::new(&mut registry));
    let _exposed = components.exposed.add(registry);
    let files = Files {
        edited,
        group: group.clone(),
        metrics: Arc::clone(&metrics),
    };
    let (to_targets, targets) = watch::channel(Arc::default());
    let term = Term::new();
    let service = Service {
        id: settings.id.clone(),
        group: group.clone(),
        term: term.clone(),
        clock: Arc::clone(&components.clock),
        files: files.clone(),
        targets: targets.clone(),
        metrics: Arc::clone(&metrics),
    };
    let generator = manifest.as_ref().map(|manifest| Generator {
        group: group.clone(),
        components: components.clone(),
        metrics: Arc::clone(&metrics),
        settings: manifest.settings(),
        api: generated::own_cluster(),
        pace: Pace::default(),
    });
    if let Some(manifest) = manifest {
        spawn(&mut tasks, "manifest", manifest.watch());
    }
    let leader = Leader {
        group: group.clone(),
        term,
        components: components.clone(),
        replication: settings.replication,
        targets: to_targets,
        metrics: Arc::clone(&metrics.discovery),
        generator,
    };
    let readiness = Readiness::default();
    let (to_skipped, skipped) = watch::channel(Vec::new());
    let known = status::Known {
        id: settings.id.clone(),
        group: group.clone(),
        targets: targets.clone(),
        skipped,
    };
    let of_skipped = skip(
        group.clone(),
        components.offload,
        to_skipped,
        metrics.clone(),
    );
    spawn(&mut tasks, "skipped discovery", of_skipped);
    let observed = observe(group.clone(), targets, readiness.clone(), metrics);
    spawn(&mut tasks, "observe", observed);
    let leadership = group.leadership();
    spawn(&mut tasks, "configuration", async move {
        files.watch(leadership).await;
    });
    spawn(&mut tasks, "leader", leader.run());
    let routes = tonic::service::Routes::new(group.service()).add_service(service.server());
    tasks.spawn("grpc", |stop| serve_grpc(grpc, routes, stop));

    join(&mut tasks, &settings, &components, &*http);
    let pages = base_router(components.exposed.clone(), readiness).merge(status::router(known));
    tasks.spawn("http", |stop| serve_http(http, pages, stop));
    Ok(tasks.run(GRACE).await?)
}

/// Starts a task that is dropped at shutdown.
fn spawn(tasks: &mut Tasks, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(name, |stop| async move {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = work => {}
        }
        Ok::<_, TaskError>(())
    });
}

/// Makes the discoverer itself a member, so that people see it among the others.
fn join(tasks: &mut Tasks, settings: &Settings, components: &Components, http: &dyn Listener) {
    let addresses = settings.peers.iter().map(|peer| peer.grpc.clone());
    let discoverers = Discoverers::new(addresses, components.channels.clone());
    let own = settings.peers.iter().find(|peer| peer.id == settings.id);
    let identity = Identity {
        id: settings.id.clone(),
        role: v1::Role::Discoverer,
        http: settings.advertised_http.clone(),
        grpc: own.map(|peer| peer.grpc.clone()).unwrap_or_default(),
        zone: settings.zone.clone(),
    };
    // The gRPC port cannot be 0: the others were told it.
    let identity = identity.on_ports(http.local_addr().port(), 0);
    Membership::start(tasks, discoverers, identity, Load::default);
}

/// Tells which discovery mechanisms of the committed configuration are left out.
async fn skip(
    group: Group,
    offload: runtime::Offload,
    to: watch::Sender<Vec<config::Unsupported>>,
    metrics: Arc<Metrics>,
) {
    let (mut state, mut version) = (group.state(), 0);
    loop {
        let committed = state.borrow_and_update().config.clone();
        if let Some(bundle) = committed.filter(|bundle| bundle.version != version) {
            version = bundle.version;
            // What cannot be read here is told of where targets are looked for.
            if let Ok(config) = offload.run(move || configuration::parse(&bundle)).await {
                for one in &config.generated.refused {
                    warn!(what = %one.what, reason = %one.reason, "generated, and left out");
                }
                let unsupported = config.unsupported();
                for one in &unsupported {
                    warn!(whose = %one.whose, mechanism = %one.field, "not supported and left out");
                }
                metrics.skipped.set(unsupported.len() as i64);
                to.send_replace(unsupported);
            }
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// Keeps metrics and readiness: a discoverer is ready while it knows a leader.
async fn observe(
    group: Group,
    mut targets: watch::Receiver<Arc<targets::Targets>>,
    readiness: Readiness,
    metrics: Arc<Metrics>,
) {
    let (mut state, mut leadership) = (group.state(), group.leadership());
    loop {
        let leader = leadership.borrow_and_update().clone();
        readiness.set(leader != Leadership::Nobody);
        let agreed = state.borrow_and_update().clone();
        let found = targets.borrow_and_update().clone();
        metrics.observe(&leader, &agreed, &found);
        let changed = tokio::select! {
            changed = state.changed() => changed,
            changed = leadership.changed() => changed,
            changed = targets.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}
