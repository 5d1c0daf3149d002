//! The processes of a local cluster: started, watched, signalled, and written down.
use std::{
    collections::HashMap, fs, fs::OpenOptions, path::PathBuf, process::Stdio, time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use tokio::{
    process::Command,
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

use super::{
    layout::{self, Shared},
    ready,
    roster::{self, Member, Roster, State},
};
use crate::client::HttpClient;

/// How long a member may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(15);

/// What happens to members' processes.
pub(super) enum Event {
    /// The process `pid` is ready.
    Ready { id: String, pid: u32 },
    /// The process `pid` has ended.
    Exited { id: String, pid: u32 },
}

/// The members and their processes; the roster on disk says at all times what is known of them.
pub(super) struct Processes {
    pub(super) shared: Shared,
    pub(super) roster: Roster,
    program: PathBuf,
    client: HttpClient,
    events: mpsc::Receiver<Event>,
    notify: mpsc::Sender<Event>,
    watchers: JoinSet<()>,
    ready_watchers: HashMap<String, AbortHandle>,
    /// Where in each log the current process began.
    logged_before: HashMap<String, usize>,
}

impl Processes {
    /// The members of `roster`, none of which runs yet.
    pub(super) fn new(shared: Shared, roster: Roster) -> anyhow::Result<Self> {
        roster.write(&shared.data_dir)?;
        let (notify, events) = mpsc::channel(64);
        Ok(Self {
            shared,
            roster,
            program: std::env::current_exe().context("find this program")?,
            client: HttpClient::new()?,
            events,
            notify,
            watchers: JoinSet::new(),
            ready_watchers: HashMap::new(),
            logged_before: HashMap::new(),
        })
    }

    /// The next thing that happens to a process.
    pub(super) async fn event(&mut self) -> Event {
        self.events.recv().await.expect("a sender is held here")
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.roster.members.iter().map(|m| m.id.clone()).collect()
    }
    /// Starts the process of `id`, writes it down, and watches for its end and for its being ready.
    pub(super) fn spawn(&mut self, id: &str) -> anyhow::Result<()> {
        self.publish()?;
        let member = self.roster.get(id)?.clone();
        let log = self.shared.data_dir.join(format!("{id}.log"));
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("open {}", log.display()))?;
        let before = log.metadata().map_or(0, |log| log.len() as usize);
        self.logged_before.insert(id.to_owned(), before);
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
    pub(super) fn take(&mut self, event: Event) -> anyhow::Result<()> {
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
    pub(super) fn update(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Member),
    ) -> anyhow::Result<()> {
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
    pub(super) fn state(&self, id: &str) -> anyhow::Result<State> {
        Ok(self.roster.get(id)?.state)
    }
    pub(super) fn signal(&self, id: &str, signal: Signal) -> anyhow::Result<()> {
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
    pub(super) async fn stop(&mut self, id: &str) -> anyhow::Result<()> {
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
    pub(super) async fn down(&mut self, id: &str) -> anyhow::Result<()> {
        while self.state(id)? != State::Down {
            let event = self.event().await;
            self.take(event)?;
        }
        Ok(())
    }
    pub(super) async fn running(&mut self, id: &str) -> anyhow::Result<()> {
        loop {
            match self.state(id)? {
                State::Running | State::Paused => return Ok(()),
                State::Down => bail!(self.why_down(id)),
                State::Starting => {}
            }
            let event = self.event().await;
            self.take(event)?;
        }
    }
    /// Waits for all members to be ready; fails with the first that ends, whichever was waited for.
    pub(super) async fn all_running(&mut self) -> anyhow::Result<()> {
        loop {
            let of_state = |state| self.roster.members.iter().find(|m| m.state == state);
            if let Some(down) = of_state(State::Down) {
                bail!(self.why_down(&down.id));
            }
            if of_state(State::Starting).is_none() {
                return Ok(());
            }
            let event = self.event().await;
            self.take(event)?;
        }
    }
    /// What a member that ended by itself said at last: its complaint, or the last lines of its log.
    fn why_down(&self, id: &str) -> String {
        let path = self.shared.data_dir.join(format!("{id}.log"));
        let log = fs::read_to_string(&path).unwrap_or_default();
        let before = self.logged_before.get(id).copied().unwrap_or_default();
        let lines: Vec<&str> = log.get(before..).unwrap_or_default().lines().collect();
        let complaint = lines
            .iter()
            .rposition(|line| line.starts_with("pleiades: "));
        let from = complaint.unwrap_or(lines.len().saturating_sub(5));
        let last = lines[from..].join("\n");
        format!(
            "{id} ended by itself; the end of {}:\n{last}",
            path.display()
        )
    }
    /// Ends the members: those that ask others first, those that are asked last. All are tried whatever goes wrong.
    pub(super) async fn end_all(mut self) -> anyhow::Result<()> {
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
