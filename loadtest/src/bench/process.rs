//! A process that the bench has started, and that does not outlive it.
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::usage::{self, Usage};

/// How long a process may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(60);
/// How much of its log an error shows.
const SHOWN_LINES: usize = 5;

/// A running process, killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: u32,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it prints goes to the file `log`.
    pub(super) fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log).with_context(|| format!("make the log {}", log.display()))?;
        let program = command.as_std().get_program().display().to_string();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {program}"))?;
        let pid = child
            .id()
            .context("a process that was just started has an id")?;
        Ok(Self {
            child,
            pid,
            log: log.to_owned(),
        })
    }

    /// What it has used so far.
    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.pid)
    }

    /// Lets the peak of its memory begin anew.
    pub(super) fn forget_peak(&self) -> anyhow::Result<()> {
        usage::forget_peak(self.pid)
    }

    /// Fails, with the end of its log, if it has ended.
    pub(super) fn must_run(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        bail!("it ended with {status}: {}", last.join(" | "))
    }

    /// Asks it to end, and waits.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        kill_process(pid.context("process ids are positive")?, Signal::TERM)?;
        match tokio::time::timeout(GRACE, self.child.wait()).await {
            Ok(ended) => ended.map(drop).context("wait for its end"),
            Err(_) => {
                self.child.kill().await?;
                bail!("it did not end within {GRACE:?} of SIGTERM")
            }
        }
    }

    /// Ends it without a warning.
    pub(super) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("kill it")
    }
}
