//! A local cluster, driven as people drive it: by `pleiades local` and `pleiades ring`.
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use proto::v1;
use runtime::{Components, Discoverers};
use rustix::process::Signal;
use serde::Deserialize;
use tokio::task::JoinSet;
use tonic::Streaming;

use super::{Api, Process, free_address, pleiades, process};

/// A line of `cluster.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Member {
    pub(crate) role: String,
    pub(crate) id: String,
    pub(crate) pid: u32,
    pub(crate) http: String,
    pub(crate) grpc: String,
    pub(crate) state: String,
}

impl Member {
    /// True if the process of this member lives.
    pub(crate) fn lives(&self) -> bool {
        let command = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let flag = format!("--id={}", self.id);
        command
            .split(|byte| *byte == 0)
            .any(|arg| arg == flag.as_bytes())
    }
}

/// What `pleiades ring --json` tells.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ring {
    pub(crate) epoch: u64,
    pub(crate) leader: String,
    pub(crate) members: Vec<RingMember>,
    /// The nodes that hold each shard, rank 0 first; with `--shards`.
    #[serde(default)]
    pub(crate) shards: Vec<Vec<u32>>,
}

/// A member in the ring.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RingMember {
    pub(crate) id: String,
    pub(crate) role: String,
    pub(crate) state: String,
}

impl Ring {
    /// The states of the ingesters, by number.
    pub(crate) fn ingesters(&self) -> Vec<&str> {
        let mut ingesters: Vec<_> = self
            .members
            .iter()
            .filter(|m| m.role == "ingester")
            .collect();
        ingesters.sort_by_key(|member| &member.id);
        ingesters.into_iter().map(|m| m.state.as_str()).collect()
    }
}

/// Discoverers and what each tells of the cluster.
pub(crate) struct Electorate(Vec<(String, Streaming<v1::ClusterState>)>);

impl Electorate {
    /// The name of the one that leads, as soon as it says so itself.
    pub(crate) async fn elected(self) -> String {
        let mut claims = JoinSet::new();
        for (id, mut states) in self.0 {
            claims.spawn(async move {
                loop {
                    let state = states.message().await.expect("a survivor answers");
                    if state.expect("a survivor goes on").leader == id {
                        return id;
                    }
                }
            });
        }
        let first = claims.join_next().await.expect("there are survivors");
        first.expect("none of them panics")
    }
}

/// A cluster; every process of it is killed when it is dropped.
pub(crate) struct Cluster {
    dir: PathBuf,
    supervisor: Process,
    web: String,
}

impl Cluster {
    /// `pleiades local up` with three discoverers and three ingesters on `dir`, which has a `prometheus.yml`.
    pub(crate) async fn up(dir: &Path, more: &[&str]) -> Self {
        let web = free_address();
        let config = format!("--config.file={}", dir.join("prometheus.yml").display());
        let data = format!("--data-dir={}", data(dir).display());
        let listen = format!("--web.listen-address={web}");
        let mut args = vec!["local", "up", &config, &data, &listen];
        args.extend(more);
        let mut cluster = Self {
            dir: dir.to_owned(),
            supervisor: Process::start(&args),
            web,
        };
        cluster
            .supervisor
            .prints("ready", Duration::from_secs(60))
            .await;
        cluster
    }

    /// The querier's API.
    pub(crate) fn api(&self) -> Api {
        Api::new(&self.web)
    }

    /// `cluster.json`.
    pub(crate) fn members(&self) -> Vec<Member> {
        let text = fs::read_to_string(data(&self.dir).join("cluster.json"));
        text.ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// The member `id`.
    pub(crate) fn member(&self, id: &str) -> Member {
        let found = self.members().into_iter().find(|member| member.id == id);
        found.unwrap_or_else(|| panic!("there is no {id}"))
    }

    /// `pleiades local` with `args`: what it says, or why it does not do it.
    pub(crate) async fn local(&self, args: &[&str]) -> Result<String, String> {
        let data = format!("--data-dir={}", data(&self.dir).display());
        let mut all = vec!["local"];
        all.extend(args);
        all.push(&data);
        let output = pleiades(&all).await;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(text(output.stdout)),
            false => Err(text(output.stderr)),
        }
    }

    /// Kills the process of `id` without a word to anybody.
    pub(crate) fn strike(&self, id: &str) {
        process::signal(self.member(id).pid, Signal::KILL);
    }

    /// What the discoverers but `other` tell of themselves from now on.
    pub(crate) async fn electorate(&self, other: &str) -> Electorate {
        let mut states = Vec::new();
        for member in self.members() {
            if member.role != "discoverer" || member.id == other {
                continue;
            }
            let channels = Components::system().channels;
            let mut client = Discoverers::new([], channels).client(&member.grpc).unwrap();
            let request = v1::WatchRequest { leader_only: false };
            let mut told = client.watch(request).await.unwrap().into_inner();
            // The stream is open when it has told how things are.
            told.message().await.unwrap();
            states.push((member.id, told));
        }
        Electorate(states)
    }

    /// `pleiades ring --json` with `more` flags.
    pub(crate) async fn ring(&self, more: &[&str]) -> Result<Ring, String> {
        let discoverers = self
            .members()
            .into_iter()
            .filter(|m| m.role == "discoverer");
        let discoverers: Vec<String> = discoverers.map(|member| member.grpc).collect();
        let discoverers = format!("--discoverers={}", discoverers.join(","));
        let mut args = vec!["ring", "--json", &discoverers];
        args.extend(more);
        let output = pleiades(&args).await;
        match output.status.success() {
            true => serde_json::from_slice(&output.stdout).map_err(|error| error.to_string()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// How many copies of targets the ingesters that live scrape, as they say themselves.
    pub(crate) async fn n_copies(&self) -> Result<u64, String> {
        let mut n_copies = 0;
        for member in self.members() {
            if member.role != "ingester" || !member.lives() {
                continue;
            }
            let api = Api::new(&member.http);
            let (_, page) = api.send(http::Method::GET, "/metrics").await?;
            let line = |line: &str| {
                line.strip_prefix("pleiades_ingester_targets ")?
                    .parse()
                    .ok()
            };
            let told: Option<u64> = page.lines().find_map(line);
            n_copies += told.ok_or_else(|| format!("{} does not tell", member.id))?;
        }
        Ok(n_copies)
    }

    /// The processes, the one that watches them too.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let members = self.members();
        let pids = members.iter().map(|member| member.pid);
        pids.chain([self.supervisor.pid()]).collect()
    }

    /// Kills every process at once, the one that watches them too.
    pub(crate) fn kill(&self) {
        self.supervisor.signal(Signal::KILL);
        for member in self.members().iter().filter(|member| member.lives()) {
            process::signal(member.pid, Signal::KILL);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.show_logs();
        }
    }
}

impl Cluster {
    /// The ends of the members' logs, for whoever reads of a test that failed.
    fn show_logs(&self) {
        use std::io::Write as _;
        for member in self.members() {
            let log = data(&self.dir).join(format!("{}.log", member.id));
            let log = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(15)..].join("\n");
            let _ = writeln!(
                std::io::stderr(),
                "--- {} ({})\n{last}",
                member.id,
                member.state
            );
        }
    }
}

fn data(dir: &Path) -> PathBuf {
    dir.join("data")
}
