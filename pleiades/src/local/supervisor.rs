//! `local up`: starts the members, watches them, serves requests, and ends them in order.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use runtime::TelemetryArgs;
use rustix::process::Signal;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    control::{self, Asked, Request},
    layout::{self, Counts, Shared},
    processes::Processes,
    roster::{self, Member, Roster, State},
    settle,
};
use crate::{print, shutdown};

/// How long `start` waits for a member to be ready.
const START_WAIT: Duration = Duration::from_secs(10);

/// A cluster to start.
#[derive(Clone, Debug, Args)]
pub(crate) struct Up {
    /// Discoverers: 1, 3 or 5.
    #[arg(long, default_value_t = 3)]
    discoverers: usize,
    /// Ingesters.
    #[arg(long, default_value_t = 3)]
    ingesters: usize,
    /// Queriers.
    #[arg(long, default_value_t = 1)]
    queriers: usize,
    /// Rulers.
    #[arg(long, default_value_t = 1)]
    rulers: usize,
    /// Copies of everything.
    #[arg(long, default_value_t = 2)]
    replication_factor: u8,
    /// prometheus.yml; without it the cluster scrapes itself and, if one listens on 127.0.0.1:9100, a node exporter.
    #[arg(long = "config.file")]
    config_file: Option<PathBuf>,
    /// Where all data stays.
    #[arg(long, default_value = "data")]
    data_dir: PathBuf,
    /// Where the first querier listens.
    #[arg(long = "web.listen-address", default_value = "127.0.0.1:9090")]
    web_listen_address: String,
    /// A flag for every discoverer, as it is; may be given again.
    #[arg(long = "discoverer-arg", allow_hyphen_values = true)]
    discoverer_args: Vec<String>,
    /// A flag for every ingester, as it is; may be given again.
    #[arg(long = "ingester-arg", allow_hyphen_values = true)]
    ingester_args: Vec<String>,
    /// A flag for every querier, as it is; may be given again.
    #[arg(long = "querier-arg", allow_hyphen_values = true)]
    querier_args: Vec<String>,
}

/// Runs the cluster until SIGTERM or Ctrl-C.
pub(super) async fn run(up: Up, telemetry: &TelemetryArgs) -> anyhow::Result<()> {
    fs::create_dir_all(&up.data_dir)
        .with_context(|| format!("create {}", up.data_dir.display()))?;
    let data_dir = up.data_dir.canonicalize()?;
    let listener = control::listen(&data_dir).await?;
    let mut cluster = Cluster::prepare(&up, data_dir, telemetry)?;

    let stop = CancellationToken::new();
    tokio::spawn(shutdown::on_signal(stop.clone()));
    let (ask, mut asked) = mpsc::channel(1);
    tokio::spawn(control::serve(listener, ask));

    let up_and_ready = async {
        for id in cluster.processes.ids() {
            cluster.processes.spawn(&id)?;
        }
        cluster.processes.all_running().await
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        started = up_and_ready => match started {
            Ok(()) => {
                print(&cluster.processes.roster.table());
                print(&format!("querying: http://{}", up.web_listen_address));
                print("ready");
            }
            Err(error) => {
                cluster.processes.end_all().await?;
                return Err(error);
            }
        },
    }
    while !stop.is_cancelled() {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            event = cluster.processes.event() => cluster.processes.take(event)?,
            Some(Asked { request, answer }) = asked.recv() => {
                let done = tokio::select! {
                    biased;
                    () = stop.cancelled() => Err(anyhow::anyhow!("the cluster is shutting down")),
                    done = cluster.serve(request) => done,
                };
                // Who asked may have gone.
                let _ = answer.send(done);
            }
        }
    }
    cluster.processes.end_all().await
}
/// A cluster: its processes, and what it was asked to be.
struct Cluster {
    processes: Processes,
    counts: Counts,
    web: String,
}

impl Cluster {
    fn prepare(up: &Up, data_dir: PathBuf, telemetry: &TelemetryArgs) -> anyhow::Result<Self> {
        let counts = Counts {
            discoverers: up.discoverers,
            ingesters: up.ingesters,
            queriers: up.queriers,
            rulers: up.rulers,
        };
        if ![1, 3, 5].contains(&up.discoverers) {
            bail!("--discoverers must be 1, 3 or 5: a Raft group wants an odd number");
        }
        if up.ingesters < usize::from(up.replication_factor) || up.replication_factor == 0 {
            bail!(
                "--replication-factor {} wants at least as many --ingesters, and at least one; there are {}",
                up.replication_factor,
                up.ingesters
            );
        }
        let before = match Roster::path(&data_dir).exists() {
            true => Roster::read(&data_dir)?,
            false => Roster::default(),
        };
        if let Some(left) = before.members.iter().find(|member| still_runs(member)) {
            bail!(
                "{} still runs as process {} of an earlier `local up`: end it first",
                left.id,
                left.pid
            );
        }
        if before.of_role("ingester").count() > up.ingesters {
            bail!(SCALE_DOWN);
        }
        let mut roster = layout::roster(counts, &up.web_listen_address, &before)
            .context("find free ports on 127.0.0.1")?;
        for member in &mut roster.members {
            member.state = State::Down;
        }
        let config_file = match &up.config_file {
            Some(file) => file
                .canonicalize()
                .with_context(|| format!("read {}", file.display()))?,
            None => write_default_config(&data_dir)?,
        };
        let shared = Shared {
            data_dir,
            config_file,
            replication_factor: up.replication_factor,
            telemetry: telemetry.clone(),
            discoverer_args: up.discoverer_args.clone(),
            ingester_args: up.ingester_args.clone(),
            querier_args: up.querier_args.clone(),
        };
        Ok(Self {
            processes: Processes::new(shared, roster)?,
            counts,
            web: up.web_listen_address.clone(),
        })
    }

    async fn serve(&mut self, request: Request) -> anyhow::Result<String> {
        let processes = &mut self.processes;
        match request {
            Request::Kill { id } => {
                processes.signal(&id, Signal::KILL)?;
                processes.down(&id).await?;
                Ok(format!("{id} was killed"))
            }
            Request::Stop { id } => {
                processes.stop(&id).await?;
                Ok(format!("{id} has ended"))
            }
            Request::Pause { id } => {
                processes.signal(&id, Signal::STOP)?;
                processes.update(&id, |member| member.state = State::Paused)?;
                Ok(format!("{id} is paused"))
            }
            Request::Resume { id } => {
                if processes.state(&id)? != State::Paused {
                    bail!("{id} is not paused");
                }
                processes.signal(&id, Signal::CONT)?;
                processes.update(&id, |member| member.state = State::Running)?;
                Ok(format!("{id} goes on"))
            }
            Request::Start { id } => {
                if processes.state(&id)? != State::Down {
                    bail!("{id} runs already");
                }
                processes.spawn(&id)?;
                // A discoverer without a quorum is not ready before others are started, too.
                match tokio::time::timeout(START_WAIT, processes.running(&id)).await {
                    Ok(running) => running.map(|()| format!("{id} is ready")),
                    Err(_) => Ok(format!("{id} runs, but is not ready yet")),
                }
            }
            Request::Scale { ingesters } => self.scale(ingesters).await,
        }
    }

    async fn scale(&mut self, ingesters: usize) -> anyhow::Result<String> {
        if ingesters < self.counts.ingesters {
            bail!(SCALE_DOWN);
        }
        let processes = &mut self.processes;
        let known: BTreeSet<String> = processes.ids().into_iter().collect();
        self.counts.ingesters = ingesters;
        processes.roster = layout::roster(self.counts, &self.web, &processes.roster)?;
        for id in processes.ids().iter().filter(|id| !known.contains(*id)) {
            processes.spawn(id)?;
            processes.running(id).await?;
        }
        let waiting = settle::settled(processes.roster.discoverers(), ingesters);
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                settled = &mut waiting => {
                    settled?;
                    return Ok(format!("{ingesters} ingesters, settled"));
                }
                event = processes.event() => processes.take(event)?,
            }
        }
    }
}

/// What is said to those who want fewer ingesters.
const SCALE_DOWN: &str = "scaling ingesters down is refused: what only they hold would be lost, since members cannot \
                          yet hand their history over";

/// True if the process that `member` names is alive and still that member.
fn still_runs(member: &Member) -> bool {
    let command = fs::read(format!("/proc/{}/cmdline", member.pid)).unwrap_or_default();
    let flag = format!("--id={}", member.id);
    member.pid != 0 && command.split(|b| *b == 0).any(|arg| arg == flag.as_bytes())
}

fn write_default_config(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let node_exporter = std::net::TcpStream::connect_timeout(
        &std::net::SocketAddr::from(([127, 0, 0, 1], 9100)),
        Duration::from_millis(200),
    );
    let path = data_dir.join("prometheus.yml");
    roster::replace(
        &path,
        &layout::default_config(data_dir, node_exporter.is_ok()),
    )?;
    Ok(path)
}
