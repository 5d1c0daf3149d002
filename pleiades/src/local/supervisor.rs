//! `local up`: starts the members, watches them, serves requests, and ends them in order.
use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use tokio::{process::Command, sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    control::{self, Asked, Request},
    layout::{self, Counts, Shared},
    ready,
    roster::{self, Member, Roster, State},
    settle,
};
use crate::{client::HttpClient, print, shutdown};

/// How long a member may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(15);

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
    /// A flag for every ingester, as it is; may be given again.
    #[arg(long = "ingester-arg", allow_hyphen_values = true)]
    ingester_args: Vec<String>,
    /// A flag for every querier, as it is; may be given again.
    #[arg(long = "querier-arg", allow_hyphen_values = true)]
    querier_args: Vec<String>,
}

/// Runs the cluster until SIGTERM or Ctrl-C.
pub(super) async fn run(up: Up, log_level: &str) -> anyhow::Result<()> {
    fs::create_dir_all(&up.data_dir)
        .with_context(|| format!("create {}", up.data_dir.display()))?;
    let data_dir = up.data_dir.canonicalize()?;
    let listener = control::listen(&data_dir).await?;
    let mut cluster = Cluster::prepare(&up, data_dir, log_level)?;

    let stop = CancellationToken::new();
    tokio::spawn(shutdown::on_signal(stop.clone()));
    let (ask, mut asked) = mpsc::channel(1);
    tokio::spawn(control::serve(listener, ask));

    let up_and_ready = async {
        for id in cluster.ids() {
            cluster.spawn(&id)?;
        }
        cluster.all_running().await
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        started = up_and_ready => match started {
            Ok(()) => {
                print(&cluster.roster.table());
                print(&format!("querying: http://{}", up.web_listen_address));
                print("ready");
            }
            Err(error) => {
                cluster.end_all().await?;
                return Err(error);
            }
        },
    }
    while !stop.is_cancelled() {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            event = cluster.events.recv() => cluster.take(event.expect("the cluster holds a sender"))?,
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
    cluster.end_all().await
}

/// What happens to members' processes.
enum Event {
    /// The process `pid` is ready.
    Ready { id: String, pid: u32 },
    /// The process `pid` has ended.
    Exited { id: String, pid: u32 },
}

struct Cluster {
    shared: Shared,
    counts: Counts,
    web: String,
    roster: Roster,
    program: PathBuf,
    client: HttpClient,
    events: mpsc::Receiver<Event>,
    notify: mpsc::Sender<Event>,
    watchers: JoinSet<()>,
    ready_watchers: HashMap<String, tokio::task::AbortHandle>,
}

impl Cluster {
    fn prepare(up: &Up, data_dir: PathBuf, log_level: &str) -> anyhow::Result<Self> {
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
        let roster = layout::roster(counts, &up.web_listen_address, &before)
            .context("find free ports on 127.0.0.1")?;
        roster.write(&data_dir)?;
        let config_file = match &up.config_file {
            Some(file) => file
                .canonicalize()
                .with_context(|| format!("read {}", file.display()))?,
            None => write_default_config(&data_dir)?,
        };
        let (notify, events) = mpsc::channel(64);
        Ok(Self {
            shared: Shared {
                data_dir,
                config_file,
                replication_factor: up.replication_factor,
                log_level: log_level.to_owned(),
                ingester_args: up.ingester_args.clone(),
                querier_args: up.querier_args.clone(),
            },
            counts,
            web: up.web_listen_address.clone(),
            roster,
            program: std::env::current_exe().context("find this program")?,
            client: HttpClient::new()?,
            events,
            notify,
            watchers: JoinSet::new(),
            ready_watchers: HashMap::new(),
        })
    }

    fn ids(&self) -> Vec<String> {
        self.roster.members.iter().map(|m| m.id.clone()).collect()
    }

    /// Starts the process of `id`, writes it down, and watches for its end and for its being ready.
    fn spawn(&mut self, id: &str) -> anyhow::Result<()> {
        self.publish()?;
        let member = self.roster.get(id)?.clone();
        let log = self.shared.data_dir.join(format!("{id}.log"));
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("open {}", log.display()))?;
        let mut child = Command::new(&self.program)
            .args(layout::command_line(&self.shared, &self.roster, &member))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C reaches this process alone, which ends the members in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {id}"))?;
        let pid = child.id().context("a process has a number while it runs")?;
        self.update(id, |member| {
            member.pid = pid;
            member.state = State::Starting;
        })?;
        let (id, notify) = (id.to_owned(), self.notify.clone());
        let (client, http) = (self.client.clone(), member.http);
        let polled = (id.clone(), notify.clone());
        let handle = self.watchers.spawn(async move {
            ready::ready(&client, &http).await;
            let (id, notify) = polled;
            // The receiver lives as long as the cluster.
            let _ = notify.send(Event::Ready { id, pid }).await;
        });
        self.ready_watchers.insert(id.clone(), handle);
        self.watchers.spawn(async move {
            // Whatever it was, the process is gone.
            let _ = child.wait().await;
            let _ = notify.send(Event::Exited { id, pid }).await;
        });
        Ok(())
    }

    /// Writes what an event tells into the roster.
    fn take(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Ready { id, pid } => self.update(&id, |member| {
                if member.pid == pid && member.state == State::Starting {
                    member.state = State::Running;
                }
            }),
            Event::Exited { id, pid } => {
                if let Some(watcher) = self.ready_watchers.remove(&id) {
                    watcher.abort();
                }
                self.update(&id, |member| {
                    if member.pid == pid {
                        member.state = State::Down;
                    }
                })
            }
        }
    }

    fn update(&mut self, id: &str, change: impl FnOnce(&mut Member)) -> anyhow::Result<()> {
        if let Some(member) = self.roster.members.iter_mut().find(|m| m.id == id) {
            change(member);
        }
        self.roster.write(&self.shared.data_dir)
    }

    /// Writes the file by which the cluster scrapes itself.
    fn publish(&self) -> anyhow::Result<()> {
        let path = layout::members_path(&self.shared.data_dir);
        roster::replace(&path, &layout::members_file_sd(&self.roster))
    }

    fn state(&self, id: &str) -> anyhow::Result<State> {
        Ok(self.roster.get(id)?.state)
    }

    async fn serve(&mut self, request: Request) -> anyhow::Result<String> {
        match request {
            Request::Kill { id } => {
                self.signal(&id, Signal::KILL)?;
                self.down(&id).await?;
                Ok(format!("{id} was killed"))
            }
            Request::Stop { id } => {
                self.stop(&id).await?;
                Ok(format!("{id} has ended"))
            }
            Request::Pause { id } => {
                self.signal(&id, Signal::STOP)?;
                self.update(&id, |member| member.state = State::Paused)?;
                Ok(format!("{id} is paused"))
            }
            Request::Resume { id } => {
                if self.state(&id)? != State::Paused {
                    bail!("{id} is not paused");
                }
                self.signal(&id, Signal::CONT)?;
                self.update(&id, |member| member.state = State::Running)?;
                Ok(format!("{id} goes on"))
            }
            Request::Start { id } => {
                if self.state(&id)? != State::Down {
                    bail!("{id} runs already");
                }
                self.spawn(&id)?;
                self.running(&id).await?;
                Ok(format!("{id} is ready"))
            }
            Request::Scale { ingesters } => self.scale(ingesters).await,
        }
    }

    async fn scale(&mut self, ingesters: usize) -> anyhow::Result<String> {
        let now = self.counts.ingesters;
        if ingesters < now {
            bail!(SCALE_DOWN);
        }
        let known: BTreeSet<String> = self.ids().into_iter().collect();
        let counts = Counts {
            ingesters,
            ..self.counts
        };
        let states: HashMap<String, State> = self
            .roster
            .members
            .iter()
            .map(|m| (m.id.clone(), m.state))
            .collect();
        let mut roster = layout::roster(counts, &self.web, &self.roster)?;
        for member in &mut roster.members {
            if let Some(state) = states.get(&member.id) {
                member.state = *state;
            }
        }
        self.roster = roster;
        self.counts = counts;
        for id in self.ids() {
            if !known.contains(&id) {
                self.spawn(&id)?;
                self.running(&id).await?;
            }
        }
        let discoverers = self.roster.discoverers();
        let waiting = settle::settled(discoverers, ingesters);
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                settled = &mut waiting => {
                    settled?;
                    return Ok(format!("{ingesters} ingesters, settled"));
                }
                event = self.events.recv() => {
                    self.take(event.expect("the cluster holds a sender"))?;
                }
            }
        }
    }

    fn signal(&self, id: &str, signal: Signal) -> anyhow::Result<()> {
        let member = self.roster.get(id)?;
        if member.state == State::Down {
            bail!("{id} is down");
        }
        let pid = i32::try_from(member.pid).ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("{id} has no process"))?;
        match kill_process(pid, signal) {
            // It has just ended by itself; the event that says so is under way.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => {
                Err(error).with_context(|| format!("signal {id}, process {}", member.pid))
            }
        }
    }

    /// Asks `id` to end, and ends it if it has not within the grace period.
    async fn stop(&mut self, id: &str) -> anyhow::Result<()> {
        self.signal(id, Signal::TERM)?;
        // A frozen process hears nothing.
        self.signal(id, Signal::CONT)?;
        if tokio::time::timeout(GRACE, self.down(id)).await.is_err() {
            tracing::warn!(id, "did not end in time and is killed");
            self.signal(id, Signal::KILL)?;
            self.down(id).await?;
        }
        Ok(())
    }

    async fn down(&mut self, id: &str) -> anyhow::Result<()> {
        while self.state(id)? != State::Down {
            let event = self.events.recv().await;
            self.take(event.expect("the cluster holds a sender"))?;
        }
        Ok(())
    }

    async fn running(&mut self, id: &str) -> anyhow::Result<()> {
        loop {
            match self.state(id)? {
                State::Running | State::Paused => return Ok(()),
                State::Down => bail!(self.why_down(id)),
                State::Starting => {}
            }
            let event = self.events.recv().await;
            self.take(event.expect("the cluster holds a sender"))?;
        }
    }

    async fn all_running(&mut self) -> anyhow::Result<()> {
        for id in self.ids() {
            self.running(&id).await?;
        }
        Ok(())
    }

    /// The last lines of the log of a member that ended by itself.
    fn why_down(&self, id: &str) -> String {
        let path = self.shared.data_dir.join(format!("{id}.log"));
        let log = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(5)..].join("\n");
        format!(
            "{id} ended by itself; the end of {}:\n{last}",
            path.display()
        )
    }

    /// Ends the members: those that ask others first, those that are asked last. All are tried whatever goes wrong.
    async fn end_all(mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for role in ["ruler", "querier", "ingester", "discoverer"] {
            let alive = |member: &&Member| member.state != State::Down;
            let of_role = self.roster.of_role(role).filter(alive);
            let ids: Vec<String> = of_role.map(|member| member.id.clone()).collect();
            // All of a role at once, then one after the other until they have ended.
            for id in &ids {
                outcome = outcome.and(self.signal(id, Signal::TERM));
            }
            for id in &ids {
                if self.state(id)? != State::Down {
                    outcome = outcome.and(self.stop(id).await);
                }
            }
        }
        outcome
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
