//! One system at work over a folder of its own.
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail};
use model::{Millis, format_duration};
use tokio::time::Instant;

use super::{
    ask::{api, number},
    process::Process,
    system::Installed,
    usage::{Usage, disk_bytes},
};
use crate::compare::Client;

/// How long a system may take until it answers as expected.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A system that runs.
#[derive(Debug)]
pub(super) struct Session {
    installed: Installed,
    config: PathBuf,
    data: PathBuf,
    log: PathBuf,
    process: Process,
    client: Client,
}

impl Session {
    /// Starts `installed` over fresh data in the folder `work`, scraping those that the files `targets` list every `interval`.
    pub(super) fn start(
        installed: &Installed,
        work: &Path,
        targets: &[&Path],
        interval: Millis,
    ) -> anyhow::Result<Self> {
        let folder = work.join(installed.system.to_string());
        std::fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
        let (config, data) = (folder.join("prometheus.yml"), folder.join("data"));
        let interval = format_duration(interval);
        let targets: Vec<_> = targets
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let text = format!(
            "global:\n  scrape_interval: {interval}\n  scrape_timeout: {interval}\nscrape_configs:\n- job_name: fleet\n  \
             file_sd_configs:\n  - files: [{}]\n",
            targets.join(", ")
        );
        std::fs::write(&config, text)?;
        let log = folder.join("log");
        let (process, client) = launch(installed, &config, &data, &log)?;
        Ok(Self {
            installed: installed.clone(),
            config,
            data,
            log,
            process,
            client,
        })
    }

    /// Waits until the query `text` at `at`, or at every moment anew, gives `expected`; returns how long that took.
    pub(super) async fn answers(
        &mut self,
        text: &str,
        at: Option<f64>,
        expected: f64,
    ) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let mut last = String::new();
        while began.elapsed() < PATIENCE {
            self.process.must_run()?;
            match number(&self.client, text, at.unwrap_or_else(now)).await {
                Ok(Some(found)) if found == expected => return Ok(began.elapsed()),
                Ok(found) => last = format!("it gives {found:?}"),
                Err(error) => last = format!("{error:#}"),
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        bail!("{text} does not give {expected} within {PATIENCE:?}: {last}")
    }

    /// The number that the query `text` gives at `at`.
    pub(super) async fn number(&self, text: &str, at: f64) -> anyhow::Result<Option<f64>> {
        number(&self.client, text, at).await
    }

    /// What it has used since it was started last.
    pub(super) fn usage(&mut self) -> anyhow::Result<Usage> {
        self.process.must_run()?;
        self.process.usage()
    }

    /// Kills it, and starts it again over what it left behind.
    pub(super) async fn kill_and_start(self) -> anyhow::Result<Self> {
        self.process.kill().await?;
        let (process, client) = launch(&self.installed, &self.config, &self.data, &self.log)?;
        Ok(Self {
            process,
            client,
            ..self
        })
    }

    /// Ends it; returns how many bytes it leaves on disk.
    pub(super) async fn stop(self) -> anyhow::Result<u64> {
        self.process.stop().await?;
        disk_bytes(&self.data).with_context(|| format!("measure {}", self.data.display()))
    }
}

fn launch(
    installed: &Installed,
    config: &Path,
    data: &Path,
    log: &Path,
) -> anyhow::Result<(Process, Client)> {
    let listen = runtime::free_listener()?.local_addr()?;
    let process = Process::start(installed.command(config, data, listen), log)?;
    Ok((process, api(listen)?))
}

/// Seconds since the Unix epoch.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock stands after 1970").as_secs_f64()
}
