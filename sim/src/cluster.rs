//! A cluster on simulated hosts: how each host begins, and what it keeps over a crash.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use discoverer::raft::Peer;
use model::{ReplicationFactor, Timestamp};
use parking_lot::Mutex;
use proto::v1::Role;
use runtime::{Components, Discoverers, Identity, Offload, Tasks, TokioClock};
use tokio_util::sync::CancellationToken;
use tsdb::{MemoryStore, Store};
use turmoil::Sim;

use crate::{Simulated, exporter, trace::Trace};

/// When runs begin: 2026-01-01T00:00:00Z.
pub(crate) const EPOCH: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Hosts of each role.
pub(crate) const N_DISCOVERERS: usize = 3;
pub(crate) const N_INGESTERS: usize = 3;
pub(crate) const N_EXPORTERS: usize = 3;
/// The configuration of every discoverer.
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prometheus.yml");

/// The name of a host.
pub(crate) fn host(role: &str, number: usize) -> String {
    format!("{role}-{number}")
}

/// The gRPC address of a host.
fn grpc(host: &str) -> String {
    format!("{host}:9095")
}

/// Where every host listens.
const WEB: &str = "0.0.0.0:9090";
const GRPC: &str = "0.0.0.0:9095";

/// What lives on although hosts come and go.
pub(crate) struct Cluster {
    /// The disks.
    stores: BTreeMap<String, MemoryStore>,
    /// Who leads, as the querier's neighbour is told.
    leader: Arc<Mutex<String>>,
}

impl Cluster {
    /// Starts every host.
    pub(crate) fn start(sim: &mut Sim<'_>, trace: &Trace) -> Self {
        let mut stores = BTreeMap::new();
        for number in 0..N_EXPORTERS {
            let trace = trace.clone();
            sim.host(host("exporter", number), move || {
                let trace = trace.clone();
                async move { exporter::run(components(&trace), EPOCH).await }
            });
        }
        for number in 0..N_DISCOVERERS {
            let (name, trace, store) = (
                host("discoverer", number),
                trace.clone(),
                MemoryStore::new(),
            );
            stores.insert(name.clone(), store.clone());
            sim.host(name.clone(), move || {
                let (settings, trace) = (discoverer_settings(&name), trace.clone());
                let store: Arc<dyn Store> = Arc::new(store.clone());
                async move {
                    let stop = CancellationToken::new();
                    Ok(discoverer::run(settings, components(&trace), store, stop).await?)
                }
            });
        }
        for number in 0..N_INGESTERS {
            let (name, trace, store) =
                (host("ingester", number), trace.clone(), MemoryStore::new());
            stores.insert(name.clone(), store.clone());
            sim.host(name.clone(), move || {
                let (settings, trace) = (ingester_settings(&name), trace.clone());
                let store: Arc<dyn Store> = Arc::new(store.clone());
                async move {
                    let stop = CancellationToken::new();
                    Ok(ingester::run(settings, components(&trace), store, stop).await?)
                }
            });
        }
        let of_querier = trace.clone();
        sim.host("querier-0", move || {
            let (settings, trace) = (querier_settings("querier-0"), of_querier.clone());
            async move {
                let stop = CancellationToken::new();
                Ok(querier::run(settings, components(&trace), stop).await?)
            }
        });
        let leader = Arc::new(Mutex::new(String::new()));
        let (trace, told) = (trace.clone(), Arc::clone(&leader));
        sim.host("observer", move || {
            let (components, told) = (components(&trace), Arc::clone(&told));
            async move {
                let mut tasks = Tasks::new(CancellationToken::new());
                let discoverers = Discoverers::new(discoverers(), components.channels);
                let mut cluster = runtime::follow(&mut tasks, discoverers);
                while cluster.changed().await.is_ok() {
                    told.lock().clone_from(&cluster.borrow_and_update().leader);
                }
                Ok(())
            }
        });
        Self { stores, leader }
    }

    /// Every host's name.
    pub(crate) fn hosts() -> impl Iterator<Item = String> {
        let numbered = |role, n| (0..n).map(move |number| host(role, number));
        numbered("discoverer", N_DISCOVERERS)
            .chain(numbered("ingester", N_INGESTERS))
            .chain(numbered("exporter", N_EXPORTERS))
            .chain(["querier-0".to_owned(), "observer".to_owned()])
    }

    /// Who leads, as far as is known.
    pub(crate) fn leader(&self) -> Option<String> {
        let leader = self.leader.lock().clone();
        self.stores.contains_key(&leader).then_some(leader)
    }

    /// Takes the machine `host` down: what was not synced is gone.
    pub(crate) fn crash(&self, sim: &mut Sim<'_>, host: &str) {
        sim.crash(host);
        if let Some(store) = self.stores.get(host) {
            store.crash();
        }
    }
}

/// The outside world of the host on which it is called.
pub(crate) fn components(trace: &Trace) -> Components {
    let now = Duration::from_millis(trace.now());
    let clock = TokioClock::starting_at(EPOCH + now.into());
    Components::new(Arc::new(clock), Arc::new(Simulated), Offload::Inline)
}

fn discoverers() -> Vec<String> {
    let hosts = (0..N_DISCOVERERS).map(|number| host("discoverer", number));
    hosts.map(|host| grpc(&host)).collect()
}

fn discoverer_settings(name: &str) -> discoverer::Settings {
    let peer = |number| {
        let id = host("discoverer", number);
        Peer {
            grpc: grpc(&id),
            id,
        }
    };
    discoverer::Settings {
        id: name.to_owned(),
        peers: (0..N_DISCOVERERS).map(peer).collect(),
        http: WEB.to_owned(),
        grpc: GRPC.to_owned(),
        advertised_http: format!("{name}:9090"),
        zone: String::new(),
        config_file: CONFIG.into(),
        language: Default::default(),
        skip_unsupported_sd: false,
        replication: ReplicationFactor::new(2).expect("two is above zero"),
        operator_file: None,
    }
}

fn identity(name: &str, role: Role) -> Identity {
    Identity {
        id: name.to_owned(),
        role,
        http: format!("{name}:9090"),
        grpc: grpc(name),
        zone: String::new(),
    }
}

fn ingester_settings(name: &str) -> ingester::Settings {
    ingester::Settings {
        identity: identity(name, Role::Ingester),
        discoverers: discoverers(),
        web_listen_address: WEB.to_owned(),
        grpc_listen_address: GRPC.to_owned(),
        retention: None,
        retention_bytes: None,
        sync_interval: Duration::from_secs(1),
        max_body_size: 1 << 20,
        limits: ingester::Limits::default(),
        exemplar_storage: false,
        start_storage: false,
        metadata_labels: false,
        snapshots: "snapshots".into(),
        snapshot_part: "",
        grace: Duration::from_secs(10),
    }
}

fn querier_settings(name: &str) -> querier::Settings {
    querier::Settings {
        identity: identity(name, Role::Querier),
        http: WEB.to_owned(),
        grpc: GRPC.to_owned(),
        discoverers: discoverers(),
        enable_lifecycle: false,
        enable_remote_write_receiver: false,
        enable_admin_api: false,
        query: querier::QuerySettings::default(),
    }
}
