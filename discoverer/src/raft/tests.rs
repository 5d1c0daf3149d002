//! Openraft's own suite over our storage, and groups of three over a network within the process and paused time.
mod suite;

use std::{sync::Arc, time::Duration};

use model::{NodeId, ReplicationFactor, Timestamp};
use runtime::{Components, InProcess, Network, Offload, Tasks, TokioClock, serve_grpc};
use tokio_util::sync::CancellationToken;
use tsdb::{MemoryStore, Store};

use super::{Group, Leadership, Peer, WriteError, has_configuration};
use crate::state::{Command, ConfigBundle, Outcome, State};

/// A discoverer's group with what it stands on.
struct Node {
    group: Group,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
}

struct Cluster {
    network: InProcess,
    peers: Vec<Peer>,
    stores: Vec<MemoryStore>,
    nodes: Vec<Option<Node>>,
}

impl Cluster {
    async fn of(n_nodes: usize) -> Self {
        let peer = |i| Peer {
            id: format!("discoverer-{i}"),
            grpc: format!("d{i}.inside:1"),
        };
        let mut cluster = Self {
            network: InProcess::default(),
            peers: (0..n_nodes).map(peer).collect(),
            stores: (0..n_nodes).map(|_| MemoryStore::new()).collect(),
            nodes: (0..n_nodes).map(|_| None).collect(),
        };
        for i in 0..n_nodes {
            cluster.start(i).await;
        }
        cluster
    }

    async fn start(&mut self, i: usize) {
        let clock = TokioClock::starting_at(Timestamp::from_millis(0));
        let components = Components::new(
            Arc::new(clock),
            Arc::new(self.network.clone()),
            Offload::Inline,
        );
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let peer = &self.peers[i];
        let store: Arc<dyn Store> = Arc::new(self.stores[i].clone());
        let group = Group::start(&peer.id, self.peers.clone(), store, &components, &mut tasks);
        let group = group.await.unwrap();
        let listener = self.network.listen(peer.grpc.clone()).await.unwrap();
        let routes = tonic::service::Routes::new(group.service());
        tasks.spawn("grpc", |stop| serve_grpc(listener, routes, stop));
        let ended = tokio::spawn(async move {
            tasks.run(Duration::from_secs(5)).await.unwrap();
        });
        self.nodes[i] = Some(Node { group, stop, ended });
    }

    /// Ends a node as a power cut would.
    async fn kill(&mut self, i: usize) {
        let node = self.nodes[i].take().unwrap();
        node.stop.cancel();
        node.ended.await.unwrap();
        self.stores[i].crash();
    }

    fn running(&self) -> impl Iterator<Item = (usize, &Group)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(|(i, node)| Some((i, &node.as_ref()?.group)))
    }

    /// Waits until a running node leads and all others follow it; gives which.
    async fn leader(&self) -> usize {
        let leading = self.running().map(|(i, group)| {
            let mut leadership = group.leadership();
            Box::pin(async move {
                let own = |l: &Leadership| matches!(l, Leadership::Own(_));
                leadership.wait_for(own).await.unwrap();
                i
            })
        });
        let (leader, ..) = futures::future::select_all(leading).await;
        let expected = Leadership::Other(self.peers[leader].clone());
        for (_, group) in self.running().filter(|(i, _)| *i != leader) {
            group
                .leadership()
                .wait_for(|l| *l == expected)
                .await
                .unwrap();
        }
        leader
    }

    async fn write(&self, i: usize, command: &Command) -> Outcome {
        let group = &self.nodes[i].as_ref().unwrap().group;
        group.write(command).await.unwrap()
    }

    async fn state_when(&self, i: usize, ready: impl FnMut(&Arc<State>) -> bool) -> Arc<State> {
        let mut state = self.nodes[i].as_ref().unwrap().group.state();
        state.wait_for(ready).await.unwrap().clone()
    }
}

fn factor(copies: u8) -> Command {
    Command::SetReplication(ReplicationFactor::new(copies).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_command_reaches_every_member() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    assert_eq!(cluster.write(leader, &factor(2)).await, Outcome::Changed);
    assert_eq!(cluster.write(leader, &factor(2)).await, Outcome::Unchanged);
    for i in 0..3 {
        let state = cluster.state_when(i, |s| s.version == 1).await;
        assert_eq!(state.replication, ReplicationFactor::new(2));
    }
    let follower = (leader + 1) % 3;
    let group = &cluster.nodes[follower].as_ref().unwrap().group;
    match group.write(&factor(3)).await {
        Err(WriteError::NotLeader(Some(peer))) => assert_eq!(peer, cluster.peers[leader]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_leader_is_followed_within_two_seconds() {
    let mut cluster = Cluster::of(3).await;
    let first = cluster.leader().await;
    cluster.write(first, &factor(2)).await;
    cluster.kill(first).await;
    let lost = tokio::time::Instant::now();
    let second = cluster.leader().await;
    assert_ne!(first, second);
    assert!(
        lost.elapsed() < Duration::from_secs(2),
        "{:?}",
        lost.elapsed()
    );
    assert_eq!(cluster.write(second, &factor(3)).await, Outcome::Changed);

    // The old leader comes back with what it had synced and follows.
    cluster.start(first).await;
    let state = cluster.state_when(first, |s| s.version == 2).await;
    assert_eq!(state.replication, ReplicationFactor::new(3));
}

#[tokio::test(start_paused = true)]
async fn one_member_of_three_alone_commits_nothing() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    for i in (0..3).filter(|i| *i != leader) {
        cluster.kill(i).await;
    }
    let group = &cluster.nodes[leader].as_ref().unwrap().group;
    let (command, mut leadership) = (factor(2), group.leadership());
    let write = tokio::time::timeout(Duration::from_secs(30), group.write(&command));
    let deposed = async {
        // What a wait gives holds a lock on the value: dropped at once.
        let waited = leadership.wait_for(|l| *l == Leadership::Nobody).await;
        waited.map(drop).unwrap();
    };
    let (written, ()) = tokio::join!(write, deposed);
    assert!(!matches!(written, Ok(Ok(_))), "{written:?}");
    assert_eq!(group.state().borrow().version, 0);
}

#[tokio::test(start_paused = true)]
async fn a_member_far_behind_catches_up_by_snapshot() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let late = (leader + 1) % 3;
    cluster.kill(late).await;
    for i in 0..400 {
        let copies = if i % 2 == 0 { 1 } else { 2 };
        cluster.write(leader, &factor(copies)).await;
    }
    cluster
        .write(leader, &Command::RemoveMember(NodeId(9)))
        .await;
    // It lost its disk as well: what the others purged can only come as a snapshot.
    cluster.stores[late] = MemoryStore::new();
    cluster.start(late).await;
    let state = cluster.state_when(late, |s| s.version == 400).await;
    assert_eq!(state.replication, ReplicationFactor::new(2));
    let snapshot = cluster.stores[late]
        .get(super::log::META, b"snapshot")
        .unwrap();
    assert!(snapshot.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_all_keeps_the_state() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    for i in 0..100 {
        cluster.write(leader, &factor(1 + i % 2)).await;
    }
    for i in 0..3 {
        cluster.kill(i).await;
    }
    for i in 0..3 {
        cluster.start(i).await;
    }
    let leader = cluster.leader().await;
    let state = cluster.state_when(leader, |s| s.version == 100).await;
    assert_eq!(state.replication, ReplicationFactor::new(2));
}

#[tokio::test(start_paused = true)]
async fn a_group_of_one_grows_to_three() {
    let mut cluster = Cluster::of(3).await;
    for i in 0..3 {
        cluster.kill(i).await;
        cluster.stores[i] = MemoryStore::new();
    }
    let three = std::mem::take(&mut cluster.peers);
    cluster.peers = three[..1].to_vec();
    cluster.start(0).await;
    assert_eq!(cluster.leader().await, 0);
    cluster.write(0, &factor(2)).await;
    cluster.kill(0).await;
    cluster.peers = three;
    for i in 0..3 {
        cluster.start(i).await;
    }
    for i in 0..3 {
        let state = cluster.state_when(i, |s| s.version == 1).await;
        assert_eq!(state.replication, ReplicationFactor::new(2));
    }
    cluster.leader().await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_tells_whether_a_configuration_was_committed() {
    let mut cluster = Cluster::of(1).await;
    let leader = cluster.leader().await;
    let store = Arc::new(cluster.stores[0].clone());
    let told = async || {
        let store: Arc<dyn Store> = store.clone();
        has_configuration(store, Offload::Inline).await.unwrap()
    };
    cluster.write(leader, &factor(2)).await;
    assert!(!told().await);
    let bundle = ConfigBundle::default();
    cluster.write(leader, &Command::SetConfig(bundle)).await;
    assert!(told().await);
    // By now a snapshot stands for the entry.
    for i in 0..200 {
        cluster.write(leader, &factor(1 + i % 2)).await;
    }
    cluster.kill(0).await;
    assert!(told().await);
    let first = store.scan(super::log::LOG, tsdb::KeyRange::ALL).unwrap();
    let first = first.into_iter().next().unwrap().unwrap().0;
    assert!(u64::from_be_bytes(first[..].try_into().unwrap()) > 64);
}
