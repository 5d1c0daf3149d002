//! Whole discoverers, three of them, over a network within the process and paused time.
use std::{fs, path::Path, sync::Arc, time::Duration};

use discoverer::{Settings, raft::Peer};
use model::{ReplicationFactor, Timestamp};
use proto::v1;
use runtime::{
    Cluster, Components, Discoverers, Identity, InProcess, Load, Membership, Offload, Tasks,
    TokioClock,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tsdb::MemoryStore;

struct Running {
    network: InProcess,
    directory: tempfile::TempDir,
    peers: Vec<Peer>,
    nodes: Vec<Option<(CancellationToken, tokio::task::JoinHandle<()>)>>,
}

impl Running {
    fn of(n_nodes: usize, config: &str) -> Self {
        let peer = |i| Peer {
            id: format!("discoverer-{i}"),
            grpc: format!("d{i}.inside:1"),
        };
        let mut running = Self {
            network: InProcess::default(),
            directory: tempfile::tempdir().unwrap(),
            peers: (0..n_nodes).map(peer).collect(),
            nodes: Vec::new(),
        };
        running.write("prometheus.yml", config);
        for i in 0..n_nodes {
            let node = running.start(i);
            running.nodes.push(Some(node));
        }
        running
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn components(&self) -> Components {
        let clock = TokioClock::starting_at(Timestamp::from_millis(0));
        Components::new(
            Arc::new(clock),
            Arc::new(self.network.clone()),
            Offload::Inline,
        )
    }

    fn start(&self, i: usize) -> (CancellationToken, tokio::task::JoinHandle<()>) {
        let settings = Settings {
            id: self.peers[i].id.clone(),
            peers: self.peers.clone(),
            http: format!("d{i}.inside:2"),
            grpc: self.peers[i].grpc.clone(),
            advertised_http: format!("d{i}.inside:2"),
            zone: String::new(),
            config_file: self.path().join("prometheus.yml"),
            language: promql::Options::default(),
            skip_unsupported_sd: false,
            replication: ReplicationFactor::new(2).unwrap(),
            operator_file: None,
        };
        let stop = CancellationToken::new();
        let store = Arc::new(MemoryStore::new());
        let run = discoverer::run(settings, self.components(), store, stop.clone());
        let ended = tokio::spawn(async { run.await.unwrap() });
        (stop, ended)
    }

    async fn kill(&mut self, id: &str) {
        let i = self.peers.iter().position(|peer| peer.id == id).unwrap();
        let (stop, ended) = self.nodes[i].take().unwrap();
        stop.cancel();
        ended.await.unwrap();
    }

    /// A member that joins and renews its lease as ingesters do, until the token is cancelled.
    fn ingester(&self, i: usize) -> (Membership, CancellationToken) {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let addresses = self.peers.iter().map(|peer| peer.grpc.clone());
        let discoverers = Discoverers::new(addresses, self.components().channels);
        let identity = Identity {
            id: format!("ingester-{i}"),
            role: v1::Role::Ingester,
            http: String::new(),
            grpc: format!("i{i}.inside:1"),
            zone: String::new(),
        };
        let membership = Membership::start(&mut tasks, discoverers, identity, Load::default);
        tokio::spawn(tasks.run(Duration::from_secs(1)));
        (membership, stop)
    }
}

/// Waits until the cluster, as the member sees it, is as `wanted`.
async fn cluster_when(
    membership: &Membership,
    wanted: impl FnMut(&Arc<Cluster>) -> bool,
) -> Arc<Cluster> {
    let mut cluster: watch::Receiver<Arc<Cluster>> = membership.cluster();
    let found = tokio::time::timeout(Duration::from_secs(120), cluster.wait_for(wanted)).await;
    found.expect("not within two minutes").unwrap().clone()
}

type Assignments = tonic::Streaming<v1::AssignmentDelta>;

async fn assignments(membership: &Membership) -> Assignments {
    let mut node = membership.node();
    let node = node.wait_for(Option::is_some).await.unwrap().unwrap().0;
    loop {
        let opened = membership
            .discoverers()
            .on_leader(|mut client| async move {
                client.assignments(v1::AssignmentsRequest { node }).await
            })
            .await;
        match opened {
            Ok(stream) => return stream.into_inner(),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The addresses that a delta adds, sorted.
fn added(delta: &v1::AssignmentDelta) -> Vec<String> {
    let target = |upsert: &v1::Assignment| upsert.target.as_ref().unwrap().address.clone();
    let mut addresses: Vec<String> = delta.upserts.iter().map(target).collect();
    addresses.sort();
    addresses
}

fn config(addresses: &[&str]) -> String {
    format!(
        "scrape_configs: [{{job_name: node, static_configs: [{{targets: {addresses:?}}}], \
         file_sd_configs: [{{files: [targets.yml]}}]}}]"
    )
}

fn active(cluster: &Cluster, role: v1::Role) -> usize {
    let members = cluster.members_of(role);
    members
        .filter(|m| m.state() == v1::MemberState::Active)
        .count()
}

#[tokio::test(start_paused = true)]
async fn members_join_are_placed_and_told_what_to_scrape() {
    let running = Running::of(3, &config(&["a:1", "b:1"]));
    running.write("targets.yml", "- targets: [c:1]");
    let (first, _first_stop) = running.ingester(0);
    let (second, _second_stop) = running.ingester(1);
    let placed = |c: &Arc<Cluster>| c.map().is_some_and(|map| map.members().len() == 2);
    let cluster = cluster_when(&first, placed).await;
    let per_member: Vec<usize> = cluster
        .map()
        .unwrap()
        .n_shards()
        .iter()
        .map(|s| s.1)
        .collect();
    assert_eq!(per_member, [65536, 65536]);
    assert_eq!(cluster.replication_factor, 2);
    assert_eq!(cluster.config.as_ref().unwrap().version, 1);
    let whole = |c: &Arc<Cluster>| active(c, v1::Role::Discoverer) == 3;
    cluster_when(&second, whole).await;

    let mut streams = [assignments(&first).await, assignments(&second).await];
    for stream in &mut streams {
        let mut told = Vec::new();
        while told.len() < 3 {
            told.append(&mut added(&stream.message().await.unwrap().unwrap()));
        }
        told.sort();
        assert_eq!(told, ["a:1", "b:1", "c:1"]);
    }

    // A reload takes one away and adds one; both ingesters hold every shard.
    running.write("prometheus.yml", &config(&["b:1", "d:1"]));
    let reloaded = first
        .discoverers()
        .on_leader(|mut client| async move { client.reload(v1::ReloadRequest {}).await })
        .await
        .unwrap();
    assert_eq!(reloaded.into_inner().version, 2);
    for stream in &mut streams {
        let delta = stream.message().await.unwrap().unwrap();
        assert_eq!(added(&delta), ["d:1"]);
        let reasons: Vec<_> = delta.removes.iter().map(v1::Unassignment::reason).collect();
        assert_eq!(reasons, [v1::unassignment::Reason::Removed]);
        assert_eq!(delta.config_version, 2);
    }

    running.write("prometheus.yml", "scrape_configs: [{}]");
    let refused = first
        .discoverers()
        .on_leader(|mut client| async move { client.reload(v1::ReloadRequest {}).await })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    assert!(
        refused.message().contains("job_name is empty"),
        "{refused:?}"
    );

    running.write("prometheus.yml", "rule_files: [rules.yml]");
    let rule = "{alert: A, expr: up, annotations: {x: '{{ $labels.'}}";
    running.write(
        "rules.yml",
        &format!("groups: [{{name: g, rules: [{rule}]}}]"),
    );
    let refused = first
        .discoverers()
        .on_leader(|mut client| async move { client.reload(v1::ReloadRequest {}).await })
        .await
        .unwrap_err();
    assert!(refused.message().contains("template"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_is_taken_over_by_itself() {
    let running = Running::of(1, &config(&["a:1"]));
    let (ingester, _stop) = running.ingester(0);
    cluster_when(&ingester, |c| {
        c.config.as_ref().is_some_and(|c| c.version == 1)
    })
    .await;
    running.write("prometheus.yml", &config(&["a:1", "b:1"]));
    cluster_when(&ingester, |c| {
        c.config.as_ref().is_some_and(|c| c.version == 2)
    })
    .await;
    let mut stream = assignments(&ingester).await;
    let mut told = Vec::new();
    while told.len() < 2 {
        told.append(&mut added(&stream.message().await.unwrap().unwrap()));
    }
    assert_eq!(told, ["a:1", "b:1"]);
    let discovered = ingester
        .discoverers()
        .on_leader(|mut client| async move {
            let request = v1::DiscoveredTargetsRequest {};
            client.discovered_targets(request).await
        })
        .await;
    assert_eq!(discovered.unwrap().into_inner().active.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_member_gets_a_stand_in_and_comes_back_to_its_shards() {
    let running = Running::of(1, &config(&["a:1"]));
    let members: Vec<_> = (0..3).map(|i| running.ingester(i)).collect();
    let observer = &members[0].0;
    let placed = |c: &Arc<Cluster>| c.map().is_some_and(|map| map.members().len() == 3);
    let whole = cluster_when(observer, placed).await;
    let all = |c: &Arc<Cluster>| active(c, v1::Role::Ingester);
    members[2].1.cancel();
    let lost = cluster_when(observer, |c| all(c) == 2 && c.epoch > whole.epoch).await;
    let (map, before) = (lost.map().unwrap(), whole.map().unwrap());
    assert!(map.moves_since(before).is_empty());
    assert!(model::Shard::all().any(|shard| map.stand_ins(shard).count() == 1));
    let (_third, _stop) = running.ingester(2);
    let back = cluster_when(observer, |c| all(c) == 3 && c.epoch > lost.epoch).await;
    assert_eq!(back.map().unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_changes_nothing_by_itself() {
    let mut running = Running::of(3, &config(&["a:1", "b:1"]));
    let (ingester, _stop) = running.ingester(0);
    let ready = |c: &Arc<Cluster>| c.epoch == 1 && c.config.is_some() && !c.leader.is_empty();
    let before = cluster_when(&ingester, ready).await;
    let mut stream = assignments(&ingester).await;
    assert!(stream.message().await.unwrap().is_some());
    running.kill(&before.leader).await;
    let after = cluster_when(&ingester, |c| {
        !c.leader.is_empty() && c.leader != before.leader
    })
    .await;
    let mut stream = assignments(&ingester).await;
    let delta = stream.message().await.unwrap().unwrap();
    assert_eq!(added(&delta), ["a:1", "b:1"]);
    assert!(delta.removes.is_empty());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let later = ingester.cluster().borrow().clone();
    assert_eq!((later.epoch, after.epoch), (1, 1));
    assert_eq!(later.config.as_ref().unwrap().version, 1);
    assert_eq!(active(&later, v1::Role::Ingester), 1);
    // The discoverer that was killed holds no lease any more.
    assert_eq!(active(&later, v1::Role::Discoverer), 2);
}
