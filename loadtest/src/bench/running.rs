//! A system that takes remote writes and answers.
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use model::Timestamp;

use super::{
    ask::{api, number},
    process::Process,
    system::{Installed, System},
    usage::Usage,
};
use crate::compare::Client;

/// How long it may take until it is ready, or answers as expected.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How long it may be busy with what it was sent.
const IDLE_AFTER: usize = 60;
/// Who uses less than this in a second has nothing to do.
const IDLE_SECONDS: f64 = 0.03;

/// One of the systems.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) name: String,
    pub(super) client: Client,
    data: PathBuf,
    process: Process,
}

impl Running {
    /// Starts `installed` in a folder of its own below `work`, and waits until it is ready.
    pub(super) async fn start(installed: &Installed, work: &Path) -> anyhow::Result<Self> {
        let name = installed.system.to_string();
        let folder = work.join(&name);
        std::fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
        let config = folder.join("prometheus.yml");
        std::fs::write(&config, "scrape_configs: []\n")?;
        let listen = runtime::free_listener()?.local_addr()?;
        let data = folder.join("data");
        let mut command = installed.command(&config, &data, listen);
        let ready = match installed.system {
            System::Pleiades | System::Prometheus => {
                command.args([
                    "--web.enable-remote-write-receiver",
                    "--web.enable-admin-api",
                ]);
                "/-/ready"
            }
            System::VictoriaMetrics => {
                // What it is asked twice it is to compute twice.
                command.arg("-search.disableCache");
                "/health"
            }
        };
        let process = Process::start(command, &folder.join("log"))?;
        let mut running = Self {
            client: api(listen)?,
            data,
            process,
            name,
        };
        let begun = Instant::now();
        while let Err(error) = running.client.body(ready).await {
            let started = || format!("start {}", running.name);
            running.process.must_run().with_context(started)?;
            if begun.elapsed() > PATIENCE {
                return Err(error).with_context(|| format!("wait for {}", running.name));
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(running)
    }

    /// Sends a request of remote write; one that is refused for the moment is sent again.
    pub(super) async fn send(&self, request: Bytes) -> anyhow::Result<()> {
        let begun = Instant::now();
        while let Err(error) = self.client.write("/api/v1/write", request.clone()).await {
            if begun.elapsed() > PATIENCE {
                return Err(error).with_context(|| format!("send samples to {}", self.name));
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    /// Waits until the query `text` at `at` gives `expected`.
    pub(super) async fn answers(
        &self,
        text: &str,
        at: Timestamp,
        expected: f64,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let found = number(&self.client, text, at.as_seconds()).await?;
            if found == Some(expected) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("{text} gives {found:?} in {}, not {expected}", self.name);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Waits until it has nothing more to do, for a while.
    pub(super) async fn is_idle(&self) -> anyhow::Result<()> {
        for _ in 0..IDLE_AFTER {
            let before = self.process.usage()?.cpu_seconds;
            tokio::time::sleep(Duration::from_secs(1)).await;
            if self.process.usage()?.cpu_seconds - before < IDLE_SECONDS {
                break;
            }
        }
        Ok(())
    }

    /// What it has used so far.
    pub(super) fn usage(&mut self) -> anyhow::Result<Usage> {
        self.process.must_run()?;
        self.process.usage()
    }

    /// Lets the peak of its memory begin anew.
    pub(super) fn forget_peak(&self) -> anyhow::Result<()> {
        self.process.forget_peak()
    }

    /// Ends it; returns where its data lies.
    pub(super) async fn stop(self) -> anyhow::Result<PathBuf> {
        self.process.stop().await?;
        Ok(self.data)
    }
}
