//! The group as the discoverer uses it: commands in, states and leadership out.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use openraft::{
    ChangeMembers, Config, Raft, ServerState, SnapshotPolicy,
    error::{ClientWriteError, Fatal, InitializeError, RaftError},
    metrics::RaftMetrics,
};
use proto::{MAX_MESSAGE_BYTES, v1::raft_server::RaftServer};
use runtime::{Components, TaskError, Tasks};
use tokio::sync::watch;
use tracing::{info, warn};
use tsdb::{Store, StoreError};

use super::{
    log::{LogError, LogStore},
    machine::Machine,
    network::Ways,
    server::Server,
    types::{Logged, Peer, Types},
};
use crate::state::{Command, Outcome, State};

/// How often the leader tells that it is there, in milliseconds. Followers look at their clocks every 3/2 of it.
const HEARTBEAT: u64 = 100;
/// Half of how long followers wait before they stand, in milliseconds: a leader's lease, then as long again. Each start
/// draws its own from this range. One stands at the latest 1,250 ms after the last heartbeat; if two stand at once and
/// split the votes, each stands again at the latest 700 ms later: still within the 2 s that a new leader may take.
const ELECTION: (u64, u64) = (400, 550);
/// A leader whom no quorum has heard for so long does not lead, in milliseconds.
const DEPOSED: u64 = 1500;
/// Entries between snapshots, and entries kept for those who lag.
const SNAPSHOT_EVERY: u64 = 64;

/// One discoverer's part in the Raft group. Clones share it.
#[derive(Clone)]
pub struct Group {
    raft: Raft<Types>,
    peers: Arc<Vec<Peer>>,
    state: watch::Receiver<Arc<State>>,
    leadership: watch::Receiver<Leadership>,
}

/// Who leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Leadership {
    /// Nobody, as far as is known.
    #[default]
    Nobody,
    /// Another discoverer.
    Other(Peer),
    /// This one, in the term.
    Own(u64),
}

/// The group cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The names of the peers do not hold this discoverer's.
    #[error("the peers do not name {0}, which this discoverer is")]
    NotAPeer(String),
    /// What is in the store cannot be used.
    #[error("open the raft group's store")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Openraft could not start.
    #[error("start the raft group")]
    Start(#[source] Box<Fatal<u64>>),
    /// Openraft stopped: the store failed, or the log holds what only a later release knows.
    #[error("the raft group stopped")]
    Stopped(#[source] Box<Fatal<u64>>),
}

impl From<StoreError> for GroupError {
    fn from(error: StoreError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl From<LogError> for GroupError {
    fn from(error: LogError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl From<Fatal<u64>> for GroupError {
    fn from(error: Fatal<u64>) -> Self {
        Self::Start(Box::new(error))
    }
}

/// A command was not committed, as far as is known.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another discoverer leads, or nobody does.
    #[error("this discoverer does not lead")]
    NotLeader(Option<Peer>),
    /// The group has stopped here.
    #[error("the raft group has stopped")]
    Stopped(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Group {
    /// Starts the part of the discoverer named `id` in the group of `peers`, from what `store` holds.
    ///
    /// The group begins when the peer with the least name starts on an empty store; it ends with `tasks`.
    ///
    /// # Errors
    /// [`GroupError`]
    pub async fn start(
        id: &str,
        peers: Vec<Peer>,
        store: Arc<dyn Store>,
        components: &Components,
        tasks: &mut Tasks,
    ) -> Result<Self, GroupError> {
        if !peers.iter().any(|peer| peer.id == id) {
            return Err(GroupError::NotAPeer(id.to_owned()));
        }
        let log = LogStore::open(store, components.offload)?;
        let (machine, state) = Machine::open(log.clone()).await?;
        let ways = Ways {
            channels: components.channels.clone(),
            addresses: Arc::new(nodes(&peers).map(|(n, peer)| (n, peer.grpc)).collect()),
        };
        let own = Peer::number(id);
        let raft = Raft::new(
            own,
            Arc::new(config(patience(own, components))),
            ways,
            log,
            machine,
        )
        .await?;
        let first = peers.iter().all(|peer| *id <= *peer.id);
        if first && !raft.is_initialized().await? {
            match raft
                .initialize(nodes(&peers).collect::<BTreeMap<_, _>>())
                .await
            {
                Ok(()) => info!(n_peers = peers.len(), "the raft group begins"),
                // Entries of the others came first.
                Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
                Err(RaftError::APIError(error @ InitializeError::NotInMembers(_))) => {
                    warn!(%error, "the raft group cannot begin");
                }
                Err(RaftError::Fatal(fatal)) => return Err(fatal.into()),
            }
        }
        let peers = Arc::new(peers);
        let leadership = follow(&raft, own, Arc::clone(&peers), tasks);
        let group = Self {
            raft,
            peers,
            state,
            leadership,
        };
        let keeper = group.clone();
        tasks.spawn("raft membership", move |stop| async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = keeper.keep_membership() => {}
            }
            if let Err(error) = keeper.raft.shutdown().await {
                warn!(%error, "the raft group did not end in order");
            }
            Ok::<_, TaskError>(())
        });
        Ok(group)
    }

    /// The service that other discoverers call.
    pub fn service(&self) -> RaftServer<impl proto::v1::raft_server::Raft> {
        RaftServer::new(Server(self.raft.clone()))
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// The committed state, as far as it has come here.
    pub fn state(&self) -> watch::Receiver<Arc<State>> {
        self.state.clone()
    }

    /// Who leads.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Commits `command` and gives what came of it; when it returns, [`Group::state`] has it.
    ///
    /// # Errors
    /// [`WriteError::NotLeader`] if this discoverer does not lead: nothing was written, or it cannot be known.
    pub async fn write(&self, command: &Command) -> Result<Outcome, WriteError> {
        match self.raft.client_write(Logged(command.encode())).await {
            Ok(written) => Ok(written.data.into()),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => {
                Err(WriteError::NotLeader(to.leader_node))
            }
            Err(error) => Err(WriteError::Stopped(Box::new(error))),
        }
    }

    /// Whenever this discoverer leads, makes the group what the list of peers says: it may have grown or shrunk.
    async fn keep_membership(&self) {
        let wanted: BTreeSet<u64> = nodes(&self.peers).map(|(n, _)| n).collect();
        let mut leadership = self.leadership.clone();
        loop {
            if matches!(*leadership.borrow_and_update(), Leadership::Own(_)) {
                self.change_membership(&wanted).await;
            }
            if leadership.changed().await.is_err() {
                return;
            }
        }
    }

    async fn change_membership(&self, wanted: &BTreeSet<u64>) {
        let voters: BTreeSet<u64> = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow();
            metrics.membership_config.voter_ids().collect()
        };
        if voters == *wanted {
            return;
        }
        for (number, peer) in nodes(&self.peers).filter(|(n, _)| !voters.contains(n)) {
            if let Err(error) = self.raft.add_learner(number, peer, true).await {
                warn!(%error, "a new discoverer cannot join the raft group");
                return;
            }
        }
        let replace = ChangeMembers::ReplaceAllVoters(wanted.clone());
        match self.raft.change_membership(replace, false).await {
            Ok(_) => info!(n_peers = wanted.len(), "the raft group has changed"),
            Err(error) => warn!(%error, "the raft group cannot change"),
        }
    }
}

fn nodes(peers: &[Peer]) -> impl Iterator<Item = (u64, Peer)> {
    peers.iter().map(|p| (Peer::number(&p.id), p.clone()))
}

/// How long this start waits in elections: unlike the others by its name, unlike its last start by the time.
///
/// Openraft would draw it from the thread's generator, which no seed of a simulation decides.
fn patience(own: u64, components: &Components) -> u64 {
    let now = components.clock.now().as_millis();
    let drawn = xxhash_rust::xxh3::xxh3_64_with_seed(&now.to_le_bytes(), own);
    ELECTION.0 + drawn % (ELECTION.1 - ELECTION.0)
}

fn config(patience: u64) -> Config {
    Config {
        cluster_name: "pleiades".to_owned(),
        heartbeat_interval: HEARTBEAT,
        election_timeout_min: patience,
        // The end of the range is not inside.
        election_timeout_max: patience + 1,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY),
        max_in_snapshot_log_to_keep: SNAPSHOT_EVERY,
        ..Config::default()
    }
}

/// Follows who leads; ends with an error if the group stops by itself.
fn follow(
    raft: &Raft<Types>,
    own: u64,
    peers: Arc<Vec<Peer>>,
    tasks: &mut Tasks,
) -> watch::Receiver<Leadership> {
    let mut metrics = raft.metrics();
    let (to, leadership) = watch::channel(Leadership::Nobody);
    tasks.spawn("raft leadership", move |stop| async move {
        loop {
            let (now, running) = {
                let metrics = metrics.borrow_and_update();
                let now = leader(&metrics, own, &peers);
                // Who begins to lead first takes in its whole log: an old state would take all targets from everyone.
                let begins = matches!(now, Leadership::Own(_)) && *to.borrow() != now;
                let applied = metrics.last_applied.map(|id| id.index);
                match begins && applied < metrics.last_log_index {
                    true => (Leadership::Nobody, metrics.running_state.clone()),
                    false => (now, metrics.running_state.clone()),
                }
            };
            if let Err(fatal @ (Fatal::StorageError(_) | Fatal::Panicked)) = running {
                return Err(GroupError::Stopped(Box::new(fatal)));
            }
            to.send_if_modified(|held| {
                let changed = *held != now;
                if changed {
                    info!(leader = ?now, "leadership");
                    *held = now;
                }
                changed
            });
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                changed = metrics.changed() => if changed.is_err() {
                    return Ok(());
                },
                // The time since the last quorum grows although nothing changes.
                () = tokio::time::sleep(Duration::from_millis(DEPOSED)) => {}
            }
        }
    });
    leadership
}

fn leader(metrics: &RaftMetrics<u64, Peer>, own: u64, peers: &[Peer]) -> Leadership {
    let Some(leader) = metrics.current_leader else {
        return Leadership::Nobody;
    };
    if leader != own {
        // The address that this process was told counts before the one that the group was once told.
        let told = peers.iter().find(|p| Peer::number(&p.id) == leader);
        let known = metrics.membership_config.membership().get_node(&leader);
        let peer = told.or(known);
        return peer.map_or(Leadership::Nobody, |p| Leadership::Other(p.clone()));
    }
    let alone = metrics.membership_config.voter_ids().count() == 1;
    // One that led before it was restarted takes itself for the leader although the others may have another.
    let heard = alone
        || metrics
            .millis_since_quorum_ack
            .is_some_and(|ms| ms < DEPOSED);
    match metrics.state == ServerState::Leader && heard {
        true => Leadership::Own(metrics.current_term),
        false => Leadership::Nobody,
    }
}
