//! A member's tie to the discoverers: it joins, renews its lease, and follows the cluster's state.
use std::{sync::Arc, time::Duration};

use hashring::ShardMap;
use model::{NodeId, Timestamp};
use proto::v1;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tracing::{debug, info, warn};

use crate::{Discoverers, TaskError, Tasks};

/// How long a member counts as alive after its last heartbeat.
pub const LEASE: Duration = Duration::from_secs(10);
/// How often the lease is renewed.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The pause before discoverers are asked again.
const RETRY: Duration = Duration::from_millis(250);

/// What the discoverers say of the cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Grows with every change.
    pub version: u64,
    /// Grows with every change of the map of shards.
    pub epoch: u64,
    /// Replicas of each shard.
    pub replication_factor: usize,
    /// Every member, whatever its role and state.
    pub members: Vec<v1::Member>,
    /// The last maps, oldest first; the last one holds now.
    pub maps: Vec<EpochMap>,
    /// The configuration that was committed last.
    pub config: Option<Arc<v1::ConfigBundle>>,
    /// The leader's name, or empty.
    pub leader: String,
    /// What members told with their last heartbeats, if the discoverer that is watched knows.
    pub loads: Vec<v1::MemberLoad>,
}

/// A map of shards and since when it holds.
#[derive(Clone, Debug)]
pub struct EpochMap {
    /// Its number.
    pub epoch: u64,
    /// When it began to hold.
    pub from: Timestamp,
    /// The map.
    pub map: Arc<ShardMap>,
}

/// How many maps are kept, as discoverers do.
const KEPT_MAPS: usize = 16;

impl Cluster {
    /// The map that holds now, if there is one.
    pub fn map(&self) -> Option<&ShardMap> {
        self.maps.last().map(|m| &*m.map)
    }

    /// The members of `role`.
    pub fn members_of(&self, role: v1::Role) -> impl Iterator<Item = &v1::Member> {
        self.members.iter().filter(move |m| m.role() == role)
    }

    /// This state with a later message taken in.
    ///
    /// # Errors
    /// If a map does not decode.
    fn updated(&self, message: v1::ClusterState) -> Result<Self, hashring::DecodeError> {
        let mut maps = self.maps.clone();
        for sent in message.maps {
            maps.retain(|known| known.epoch != sent.epoch);
            maps.push(EpochMap {
                epoch: sent.epoch,
                from: Timestamp::from_millis(sent.from_millis),
                map: Arc::new(ShardMap::decode(&sent.map)?),
            });
        }
        maps.sort_by_key(|m| m.epoch);
        maps.drain(..maps.len().saturating_sub(KEPT_MAPS));
        Ok(Self {
            version: message.version,
            epoch: message.epoch,
            replication_factor: message.replication_factor as usize,
            members: message.members,
            maps,
            config: message.config.map(Arc::new).or_else(|| self.config.clone()),
            leader: message.leader,
            loads: message.loads,
        })
    }
}

/// Who joins.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The name it was started with, unique within its role.
    pub id: String,
    /// Its role.
    pub role: v1::Role,
    /// `host:port` of its HTTP listener, as others reach it.
    pub http: String,
    /// `host:port` of its gRPC listener, as others reach it.
    pub grpc: String,
    /// Topology zone, or empty.
    pub zone: String,
}

impl Identity {
    /// Who joins, now that it listens: a port 0 stands for the one that the listener was given.
    pub fn on_ports(&self, http: u16, grpc: u16) -> Self {
        let known = |address: &str, port: u16| match address.strip_suffix(":0") {
            Some(host) => format!("{host}:{port}"),
            None => address.to_owned(),
        };
        Self {
            http: known(&self.http, http),
            grpc: known(&self.grpc, grpc),
            ..self.clone()
        }
    }
}

/// What a member tells with each heartbeat.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Active series.
    pub n_series: u64,
    /// Targets that it scrapes.
    pub n_targets: u64,
    /// Series of each shard that has any.
    pub shards: Vec<v1::ShardLoad>,
}

/// The tie itself. Clones share it.
#[derive(Clone)]
pub struct Membership {
    discoverers: Discoverers,
    node: watch::Receiver<Option<NodeId>>,
    renewed: watch::Receiver<Option<Instant>>,
    cluster: watch::Receiver<Arc<Cluster>>,
}

impl Membership {
    /// Starts to join as `identity`, to renew the lease with what `load` says, and to follow the state.
    pub fn start(
        tasks: &mut Tasks,
        discoverers: Discoverers,
        identity: Identity,
        load: impl Fn() -> Load + Send + Sync + 'static,
    ) -> Self {
        let (node_to, node) = watch::channel(None);
        let (renewed_to, renewed) = watch::channel(None);
        let asked = discoverers.clone();
        tasks.spawn("membership lease", move |stop| async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = hold_lease(asked, identity, load, node_to, renewed_to) => {}
            }
            Ok::<_, TaskError>(())
        });
        let cluster = follow(tasks, discoverers.clone());
        Self {
            discoverers,
            node,
            renewed,
            cluster,
        }
    }

    /// The discoverers.
    pub fn discoverers(&self) -> &Discoverers {
        &self.discoverers
    }

    /// This member's number, once it has joined.
    pub fn node(&self) -> watch::Receiver<Option<NodeId>> {
        self.node.clone()
    }

    /// True while the lease holds: the leader heard of this member less than [`LEASE`] ago.
    pub fn is_leased(&self) -> bool {
        let renewed = *self.renewed.borrow();
        renewed.is_some_and(|at| at.elapsed() < LEASE)
    }

    /// The cluster's state; version 0 until a discoverer has told it.
    pub fn cluster(&self) -> watch::Receiver<Arc<Cluster>> {
        self.cluster.clone()
    }
}

/// Starts to follow the cluster's state without being a member.
pub fn follow(tasks: &mut Tasks, discoverers: Discoverers) -> watch::Receiver<Arc<Cluster>> {
    let (to, cluster) = watch::channel(Arc::default());
    tasks.spawn("membership watch", move |stop| async move {
        watch_states(discoverers, to, stop).await;
        Ok::<_, TaskError>(())
    });
    cluster
}

/// Joins, then renews the lease for ever; joins again when the leader does not know the node.
async fn hold_lease(
    discoverers: Discoverers,
    identity: Identity,
    load: impl Fn() -> Load,
    to: watch::Sender<Option<NodeId>>,
    renewed: watch::Sender<Option<Instant>>,
) {
    let mut tick = tokio::time::interval(HEARTBEAT);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let node = join(&discoverers, &identity).await;
        info!(id = %identity.id, node = node.0, "joined");
        to.send_replace(Some(node));
        loop {
            tick.tick().await;
            // The lease runs from when it was asked for, not from when the answer came.
            let asked_at = Instant::now();
            match heartbeat(&discoverers, node, load()).await {
                Ok(()) => drop(renewed.send_replace(Some(asked_at))),
                Err(status) if status.code() == Code::NotFound => break,
                Err(status) => {
                    debug!(error = status.message(), "heartbeat failed");
                    tick.reset_after(RETRY);
                }
            }
        }
    }
}

async fn join(discoverers: &Discoverers, identity: &Identity) -> NodeId {
    loop {
        let request = v1::JoinRequest {
            id: identity.id.clone(),
            role: identity.role.into(),
            http: identity.http.clone(),
            grpc: identity.grpc.clone(),
            zone: identity.zone.clone(),
        };
        let joined = discoverers
            .on_leader(|mut client| {
                let request = request.clone();
                async move { client.join(request).await }
            })
            .await;
        match joined {
            Ok(answer) => return NodeId(answer.into_inner().node),
            Err(status) => debug!(error = status.message(), "join failed"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn heartbeat(discoverers: &Discoverers, node: NodeId, load: Load) -> Result<(), Status> {
    let request = v1::HeartbeatRequest {
        node: node.0,
        n_series: load.n_series,
        n_targets: load.n_targets,
        shards: load.shards,
    };
    let renewed = discoverers.on_leader(|mut client| {
        let request = request.clone();
        async move { client.heartbeat(request).await }
    });
    renewed.await.map(drop)
}

/// Follows one discoverer's states until it fails, then the next one's.
async fn watch_states(
    discoverers: Discoverers,
    to: watch::Sender<Arc<Cluster>>,
    stop: CancellationToken,
) {
    let addresses = discoverers.addresses().to_vec();
    for address in addresses.iter().cycle() {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            ended = watch_one(&discoverers, address, &to) => {
                debug!(%address, error = ended.message(), "the watch ended");
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// Follows the states of the discoverer at `address`; gives why that ended.
async fn watch_one(
    discoverers: &Discoverers,
    address: &str,
    to: &watch::Sender<Arc<Cluster>>,
) -> Status {
    let opened = async {
        let mut client = discoverers.client(address)?;
        client.watch(v1::WatchRequest { leader_only: false }).await
    };
    let mut states = match opened.await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return status,
    };
    loop {
        match states.message().await {
            Ok(Some(message)) => take(message, address, to),
            Ok(None) => return Status::unavailable("the stream ended"),
            Err(status) => return status,
        }
    }
}

fn take(message: v1::ClusterState, address: &str, to: &watch::Sender<Arc<Cluster>>) {
    let known = to.borrow().clone();
    // A discoverer that lags behind the one watched before has nothing new to say.
    if message.version < known.version {
        return;
    }
    match known.updated(message) {
        Ok(cluster) => drop(to.send_replace(Arc::new(cluster))),
        Err(error) => warn!(%address, %error, "a map of shards does not decode"),
    }
}
