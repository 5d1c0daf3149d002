//! The gRPC service that members call.
use std::{sync::Arc, time::Duration};

use futures::stream::BoxStream;
use model::{NodeId, Shard};
use proto::{
    LEADER_KEY, MAX_MESSAGE_BYTES,
    v1::{self, cluster_server},
};
use runtime::{Chain, Clock};
use tokio::sync::watch;
use tonic::{Request, Response, Status, metadata::MetadataValue};

use crate::{
    assignment::Assigned,
    configuration::{Files, ReloadError},
    leader::Term,
    lease::Load,
    metrics::Metrics,
    raft::{Group, Leadership, Peer, WriteError},
    state::{Command, Member, MemberState, Outcome, Role},
    targets::Targets,
    watching::Watcher,
};

/// How often a leader's watchers are told of loads, though nothing else changes.
const LOADS: Duration = Duration::from_secs(5);
/// The least pause between two messages of one stream: changes come in bursts.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers members. Clones share everything.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) id: String,
    pub(crate) group: Group,
    pub(crate) term: Term,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) files: Files,
    pub(crate) targets: watch::Receiver<Arc<Targets>>,
    pub(crate) metrics: Arc<Metrics>,
}

/// The refusal of a discoverer that does not lead, which names the one that does.
fn not_leader(leader: Option<&Peer>) -> Status {
    let mut status = Status::failed_precondition("this discoverer does not lead");
    if let Some(address) = leader.and_then(|peer| MetadataValue::try_from(&peer.grpc).ok()) {
        status.metadata_mut().insert(LEADER_KEY, address);
    }
    status
}

fn refused(error: &WriteError) -> Status {
    match error {
        WriteError::NotLeader(peer) => not_leader(peer.as_ref()),
        WriteError::Stopped(_) => Status::unavailable(Chain(error).to_string()),
    }
}

impl Service {
    /// The service as a server takes it.
    pub(crate) fn server(self) -> cluster_server::ClusterServer<Self> {
        cluster_server::ClusterServer::new(self)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }

    fn lead(&self) -> Result<(), Status> {
        match &*self.group.leadership().borrow() {
            Leadership::Own(_) => Ok(()),
            Leadership::Other(peer) => Err(not_leader(Some(peer))),
            Leadership::Nobody => Err(not_leader(None)),
        }
    }

    /// The member of a number.
    fn member(&self, node: u32) -> Result<NodeId, Status> {
        let node = NodeId(node);
        match self.group.state().borrow().members.contains_key(&node) {
            true => Ok(node),
            false => Err(Status::not_found("no member has this number: join again")),
        }
    }

    fn leader(&self) -> String {
        match &*self.group.leadership().borrow() {
            Leadership::Own(_) => self.id.clone(),
            Leadership::Other(peer) => peer.id.clone(),
            Leadership::Nobody => String::new(),
        }
    }

    fn loads(&self) -> Vec<v1::MemberLoad> {
        if self.lead().is_err() {
            return Vec::new();
        }
        let message = |(node, load): (NodeId, &Load)| v1::MemberLoad {
            node: node.0,
            n_series: load.n_series,
            n_targets: load.n_targets,
        };
        let loads = |leases: &mut crate::lease::Leases, _| leases.loads().map(message).collect();
        self.term.with(loads)
    }

    fn watching(&self) -> Watching {
        Watching {
            state: self.group.state(),
            leadership: self.group.leadership(),
            watcher: None,
            service: self.clone(),
        }
    }
}

/// One watcher's stream.
struct Watching {
    service: Service,
    state: watch::Receiver<Arc<crate::state::State>>,
    leadership: watch::Receiver<Leadership>,
    /// None before the first message.
    watcher: Option<Watcher>,
}

impl Watching {
    async fn next(mut self) -> Option<(Result<v1::ClusterState, Status>, Self)> {
        if self.watcher.is_some() {
            tokio::time::sleep(PAUSE).await;
            tokio::select! {
                changed = self.state.changed() => changed.ok()?,
                changed = self.leadership.changed() => changed.ok()?,
                () = tokio::time::sleep(LOADS), if self.service.lead().is_ok() => {}
            }
        }
        let state = self.state.borrow_and_update().clone();
        self.leadership.mark_unchanged();
        let (leader, loads) = (self.service.leader(), self.service.loads());
        let watcher = self.watcher.get_or_insert_default();
        let message = watcher.message(&state, leader, loads);
        Some((Ok(message), self))
    }
}

/// One ingester's stream of assignments.
struct Assigning {
    assigned: Assigned,
    /// False before the first message.
    has_told: bool,
    state: watch::Receiver<Arc<crate::state::State>>,
    leadership: watch::Receiver<Leadership>,
    targets: watch::Receiver<Arc<Targets>>,
    service: Service,
}

impl Assigning {
    async fn next(mut self) -> Option<(Result<v1::AssignmentDelta, Status>, Self)> {
        if self.has_told {
            tokio::time::sleep(PAUSE).await;
        }
        loop {
            if let Err(status) = self.service.lead() {
                // The ingester keeps what it has and asks the next leader.
                return Some((Err(status), self));
            }
            let targets = self.targets.borrow_and_update().clone();
            let state = self.state.borrow_and_update().clone();
            // Before the first map nothing falls to anybody.
            let found = targets.config_version() > 0 && state.epoch() > 0;
            let delta = found.then(|| self.assigned.delta(&targets, &state.map()));
            if let Some(delta) = delta.flatten() {
                self.service.metrics.assignments.inc();
                let message = delta.message(state.epoch(), targets.config_version());
                self.has_told = true;
                return Some((Ok(message), self));
            }
            tokio::select! {
                changed = self.targets.changed() => changed.ok()?,
                changed = self.state.changed() => changed.ok()?,
                changed = self.leadership.changed() => changed.ok()?,
            }
        }
    }
}

/// One ruler's stream of Alertmanagers.
struct Alerting {
    told: Option<v1::AlertmanagersResponse>,
    leadership: watch::Receiver<Leadership>,
    targets: watch::Receiver<Arc<Targets>>,
    service: Service,
}

impl Alerting {
    async fn next(mut self) -> Option<(Result<v1::AlertmanagersResponse, Status>, Self)> {
        loop {
            if let Err(status) = self.service.lead() {
                // The ruler keeps what it has and asks the next leader.
                return Some((Err(status), self));
            }
            let targets = self.targets.borrow_and_update().clone();
            let found = targets.alertmanagers().map(|found| {
                let section = |urls: &Vec<String>| v1::AlertmanagerSection { urls: urls.clone() };
                v1::AlertmanagersResponse {
                    config_version: targets.config_version(),
                    sections: found.iter().map(section).collect(),
                }
            });
            if let Some(found) = found.filter(|found| self.told.as_ref() != Some(found)) {
                self.told = Some(found.clone());
                return Some((Ok(found), self));
            }
            tokio::select! {
                changed = self.targets.changed() => changed.ok()?,
                changed = self.leadership.changed() => changed.ok()?,
            }
        }
    }
}

#[tonic::async_trait]
impl cluster_server::Cluster for Service {
    type AlertmanagersStream = BoxStream<'static, Result<v1::AlertmanagersResponse, Status>>;
    type WatchStream = BoxStream<'static, Result<v1::ClusterState, Status>>;
    type AssignmentsStream = BoxStream<'static, Result<v1::AssignmentDelta, Status>>;

    async fn join(
        &self,
        request: Request<v1::JoinRequest>,
    ) -> Result<Response<v1::JoinResponse>, Status> {
        self.lead()?;
        let request = request.into_inner();
        let role = Role::read(request.role());
        let role = role.ok_or_else(|| Status::invalid_argument("a member has a role"))?;
        if request.id.is_empty() {
            return Err(Status::invalid_argument("a member has a name"));
        }
        let member = Member {
            id: request.id,
            role,
            http: request.http,
            grpc: request.grpc,
            zone: request.zone,
            state: MemberState::Active,
            since: self.clock.now(),
        };
        match self.group.write(&Command::Join(member)).await {
            Ok(Outcome::Joined(node)) => {
                let renew = |leases: &mut crate::lease::Leases, now| {
                    leases.renew(node, now, Load::default());
                };
                self.term.with(renew);
                Ok(Response::new(v1::JoinResponse { node: node.0 }))
            }
            Ok(other) => Err(Status::internal(format!("a join came to {other:?}"))),
            Err(error) => Err(refused(&error)),
        }
    }

    async fn heartbeat(
        &self,
        request: Request<v1::HeartbeatRequest>,
    ) -> Result<Response<v1::HeartbeatResponse>, Status> {
        self.lead()?;
        let request = request.into_inner();
        let node = self.member(request.node)?;
        let shard = |load: &v1::ShardLoad| {
            let shard = u16::try_from(load.shard).ok()?;
            Some((Shard(shard), load.n_series))
        };
        let load = Load {
            n_series: request.n_series,
            n_targets: request.n_targets,
            shards: request.shards.iter().filter_map(shard).collect(),
        };
        self.term.with(|leases, now| leases.renew(node, now, load));
        Ok(Response::new(v1::HeartbeatResponse {}))
    }

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        if request.into_inner().leader_only {
            self.lead()?;
        }
        let states = futures::stream::unfold(self.watching(), Watching::next);
        Ok(Response::new(Box::pin(states)))
    }

    async fn assignments(
        &self,
        request: Request<v1::AssignmentsRequest>,
    ) -> Result<Response<Self::AssignmentsStream>, Status> {
        self.lead()?;
        let node = self.member(request.into_inner().node)?;
        let assigning = Assigning {
            assigned: Assigned::new(node),
            has_told: false,
            state: self.group.state(),
            leadership: self.group.leadership(),
            targets: self.targets.clone(),
            service: self.clone(),
        };
        let deltas = futures::stream::unfold(Some(assigning), |assigning| async {
            let (delta, assigning) = assigning?.next().await?;
            let goes_on = delta.is_ok();
            Some((delta, goes_on.then_some(assigning)))
        });
        Ok(Response::new(Box::pin(deltas)))
    }

    async fn reload(
        &self,
        _: Request<v1::ReloadRequest>,
    ) -> Result<Response<v1::ReloadResponse>, Status> {
        self.lead()?;
        match self.files.reload().await {
            Ok(version) => Ok(Response::new(v1::ReloadResponse { version })),
            Err(ReloadError::Refused(error)) => {
                Err(Status::invalid_argument(Chain(&error).to_string()))
            }
            Err(ReloadError::Write(error)) => Err(refused(&error)),
        }
    }

    async fn alertmanagers(
        &self,
        _: Request<v1::AlertmanagersRequest>,
    ) -> Result<Response<Self::AlertmanagersStream>, Status> {
        self.lead()?;
        let alerting = Alerting {
            told: None,
            leadership: self.group.leadership(),
            targets: self.targets.clone(),
            service: self.clone(),
        };
        let sets = futures::stream::unfold(Some(alerting), |alerting| async {
            let (set, alerting) = alerting?.next().await?;
            let goes_on = set.is_ok();
            Some((set, goes_on.then_some(alerting)))
        });
        Ok(Response::new(Box::pin(sets)))
    }

    async fn discovered_targets(
        &self,
        _: Request<v1::DiscoveredTargetsRequest>,
    ) -> Result<Response<v1::DiscoveredTargetsResponse>, Status> {
        self.lead()?;
        let targets = self.targets.borrow().clone();
        let mut response = v1::DiscoveredTargetsResponse::default();
        for (job, resolved) in targets.jobs() {
            response
                .active
                .extend(resolved.active.iter().map(Into::into));
            let dropped = resolved.dropped.iter().map(|labels| v1::DroppedTarget {
                discovered: Some(labels.into()),
                job: job.clone(),
            });
            response.dropped.extend(dropped);
            if resolved.n_dropped > 0 {
                let n_dropped = resolved.n_dropped as u64;
                response.n_dropped.insert(job.clone(), n_dropped);
            }
        }
        Ok(Response::new(response))
    }
}
