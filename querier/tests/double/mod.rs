//! A cluster that is a querier and, on the other side of the wire, doubles of a discoverer, of ingesters and of a ruler.
mod discoverer;
mod ingester;
mod ruler;

use std::{num::NonZeroU16, sync::Arc};

use hashring::{Health, Member, Problem, ShardMap, place};
use model::{
    GroupKey, GroupSlice, Labels, NodeId, Outcome, ReplicationFactor, RowHead, SeriesSlice, Stamp,
    Timestamp,
};
use proto::v1;
use querier::{QuerySettings, Settings};
use runtime::{
    Clock, Components, Connection, Identity, InProcess, Network as _, Offload, serve_grpc,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub(crate) use ingester::{Behaviour, Writes};

/// What every clock shows: 2023-11-14T22:13:20Z.
pub(crate) const NOW_SECONDS: i64 = 1_700_000_000;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        seconds(0)
    }
}

/// `after` seconds after [`NOW_SECONDS`].
pub(crate) fn seconds(after: i64) -> Timestamp {
    Timestamp::from_millis((NOW_SECONDS + after) * 1000)
}

/// A cluster under construction.
#[derive(Default)]
pub(crate) struct Setup {
    ingesters: Vec<(Behaviour, Vec<GroupSlice>)>,
    rules: Option<Vec<v1::RuleGroup>>,
    query: QuerySettings,
    lifecycle: bool,
    remote_write: bool,
    admin: bool,
}

impl Setup {
    pub(crate) fn ingester(mut self, behaviour: Behaviour, slices: Vec<GroupSlice>) -> Self {
        self.ingesters.push((behaviour, slices));
        self
    }

    pub(crate) fn rules(mut self, groups: Vec<v1::RuleGroup>) -> Self {
        self.rules = Some(groups);
        self
    }

    pub(crate) fn query(mut self, settings: QuerySettings) -> Self {
        self.query = settings;
        self
    }

    pub(crate) fn lifecycle(mut self) -> Self {
        self.lifecycle = true;
        self
    }

    pub(crate) fn remote_write(mut self) -> Self {
        self.remote_write = true;
        self
    }

    pub(crate) fn admin(mut self) -> Self {
        self.admin = true;
        self
    }

    /// Starts it all; each shard has two replicas, if there are two ingesters.
    pub(crate) async fn start(self) -> Cluster {
        let network = InProcess::default();
        let stop = CancellationToken::new();
        let serve = async |address: String, routes: Routes| {
            let listener = network.listen(address).await.unwrap();
            tokio::spawn(serve_grpc(listener, routes, stop.clone()));
        };
        let mut members = Vec::new();
        let writes = Writes::default();
        for (i, (behaviour, slices)) in self.ingesters.into_iter().enumerate() {
            let mut member = member(i as u32 + 1, "ingester", v1::Role::Ingester);
            match behaviour {
                Behaviour::Dead => {}
                Behaviour::Lost => member.set_state(v1::MemberState::Unhealthy),
                _ => {
                    let routes = ingester::routes(behaviour, slices, writes.clone());
                    serve(member.grpc.clone(), routes).await;
                }
            }
            members.push(member);
        }
        let map = map(members.len() as u32);
        if let Some(groups) = self.rules {
            let member = member(100, "ruler", v1::Role::Ruler);
            serve(member.grpc.clone(), ruler::routes(groups)).await;
            members.push(member);
        }
        let routes = discoverer::routes(members, map.encode());
        serve("discoverer.inside:1".to_owned(), routes).await;

        let settings = Settings {
            identity: Identity {
                id: "querier-0".to_owned(),
                role: v1::Role::Querier,
                http: "querier.inside:9090".to_owned(),
                grpc: "querier.inside:9095".to_owned(),
                zone: String::new(),
            },
            http: "querier.inside:9090".to_owned(),
            grpc: "querier.inside:9095".to_owned(),
            discoverers: vec!["discoverer.inside:1".to_owned()],
            enable_lifecycle: self.lifecycle,
            enable_remote_write_receiver: self.remote_write,
            enable_admin_api: self.admin,
            query: self.query,
        };
        let components =
            Components::new(Arc::new(Fixed), Arc::new(network.clone()), Offload::Inline);
        tokio::spawn(querier::run(settings, components.clone(), stop.clone()));
        let cluster = Cluster {
            network,
            components,
            writes,
            _stop: stop.drop_guard(),
        };
        // Ready is when a discoverer has told of the cluster.
        while cluster.get("/-/ready").await.0 != 200 {
            tokio::task::yield_now().await;
        }
        cluster
    }
}

fn member(node: u32, name: &str, role: v1::Role) -> v1::Member {
    v1::Member {
        node,
        id: format!("{name}-{node}"),
        role: role.into(),
        http: format!("{name}-{node}.inside:80"),
        grpc: format!("{name}-{node}.inside:81"),
        zone: String::new(),
        state: v1::MemberState::Active.into(),
        since_millis: 0,
    }
}

fn map(n_ingesters: u32) -> ShardMap {
    let member = |node| Member {
        node: NodeId(node),
        weight: NonZeroU16::MIN,
        zone: String::new(),
        health: Health::Active,
    };
    let replication = ReplicationFactor::new(2).unwrap();
    let problem = Problem::new(replication, (1..=n_ingesters).map(member));
    place(&problem, &ShardMap::empty())
}

/// A running cluster; dropping it stops it.
pub(crate) struct Cluster {
    network: InProcess,
    pub(crate) components: Components,
    /// What ingesters were sent.
    pub(crate) writes: Writes,
    _stop: tokio_util::sync::DropGuard,
}

impl Cluster {
    /// Status and body of `GET path`.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.call(&format!("GET {path} HTTP/1.1\r\n"), "").await
    }

    /// The metric `name` of the querier; 0 while there is none.
    pub(crate) async fn metric(&self, name: &str) -> u32 {
        let (_, page) = self.get("/metrics").await;
        let mut values = page.lines().filter_map(|line| line.strip_prefix(name));
        values
            .next()
            .map_or(0, |value| value.trim().parse().unwrap())
    }

    /// Status and body of a form sent with POST.
    pub(crate) async fn post(&self, path: &str, form: &str) -> (u16, String) {
        let head = format!(
            "POST {path} HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n",
            form.len()
        );
        self.call(&head, form).await
    }

    /// A connection to the HTTP API; until the querier listens, nobody connects.
    pub(crate) async fn connect(&self) -> Connection {
        loop {
            let connected = self.network.connect("querier.inside:9090".to_owned()).await;
            match connected {
                Ok(connection) => return connection,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// Status and body of a call, spoken by hand.
    pub(crate) async fn call(&self, head: &str, body: &str) -> (u16, String) {
        let answer = self.exchange(head, body.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    /// The whole answer to a call, spoken by hand.
    pub(crate) async fn exchange(&self, head: &str, body: &[u8]) -> String {
        let mut connection = self.connect().await;
        let head = format!("{head}host: querier\r\nconnection: close\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        // The server may have answered, and closed, before it has read all.
        let _ = connection.write_all(body).await;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }
}

/// Labels by name and value.
type Pairs<'l> = &'l [(&'l str, &'l str)];

/// Rows of one group, every 15 s from 60 s ago: each series has a value or, with `None`, is absent.
pub(crate) fn group(key: u64, rank: u8, series: &[(Pairs<'_>, &[Option<f64>])]) -> GroupSlice {
    let n_rows = series.iter().map(|(_, values)| values.len()).max().unwrap();
    let row = |i: usize| RowHead {
        slot: seconds(i as i64 * 15 - 60),
        at: seconds(i as i64 * 15 - 60),
        stamp: Stamp {
            outcome: Outcome::Success,
            epoch: 1,
            rank,
            node: NodeId(1),
        },
    };
    let column = |(labels, values): &(Pairs<'_>, &[Option<f64>])| {
        let present = || {
            values
                .iter()
                .enumerate()
                .filter_map(|(i, v)| Some((i, (*v)?)))
        };
        SeriesSlice {
            labels: Labels::from_pairs(labels.iter().copied()),
            rows: present().map(|(i, _)| i as u32).collect(),
            values: present().map(|(_, v)| v).collect(),
            ..SeriesSlice::default()
        }
    };
    GroupSlice {
        group: GroupKey(key),
        rows: (0..n_rows).map(row).collect(),
        series: series.iter().map(column).collect(),
    }
}
