//! The fleet that is scraped, played by a process of its own, so that its cost is nobody's.
use std::{net::SocketAddr, path::Path, path::PathBuf, time::Duration};

use anyhow::Context as _;
use tokio::process::Command;

use super::{
    ask::{api, count},
    process::Process,
};
use crate::compare::Client;

/// A fleet in another process.
#[derive(Debug)]
pub(super) struct Played {
    process: Process,
    client: Client,
    /// The list of its targets, for `file_sd_configs`.
    pub(super) targets: PathBuf,
}

impl Played {
    /// Starts it with the flags `flags` of `loadtest fleet`; what it needs lies in the folder `work`.
    pub(super) async fn start(flags: &[String], work: &Path) -> anyhow::Result<Self> {
        let (targets, log) = (work.join("targets.json"), work.join("fleet.log"));
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["fleet", "--listen=127.0.0.1:0", "--ports"]);
        command.arg(format!("--write-file-sd={}", targets.display()));
        command.args(flags);
        let mut process = Process::start(command, &log).context("start the fleet")?;
        let address = loop {
            process.must_run().context("start the fleet")?;
            let told = std::fs::read_to_string(&log)?;
            let address = told
                .lines()
                .find_map(|l| l.strip_prefix("listening on ")?.parse::<SocketAddr>().ok());
            match address {
                Some(address) => break address,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        Ok(Self {
            process,
            client: api(address)?,
            targets,
        })
    }

    /// How many samples it has shown so far.
    pub(super) async fn samples(&self) -> anyhow::Result<u64> {
        let told = self.client.get("/stats").await.context("ask the fleet")?;
        count(&told["samples"]).context("the fleet tells no samples")
    }

    /// How many series its targets have together.
    pub(super) async fn series(&self) -> anyhow::Result<u64> {
        let told = self.client.get("/stats").await.context("ask the fleet")?;
        count(&told["series"]).context("the fleet tells no number of series")
    }

    /// The time between two requests for the same page, of all targets since this was asked last.
    pub(super) async fn gaps(&self) -> anyhow::Result<Vec<Duration>> {
        let told = self.client.get("/gaps").await.context("ask the fleet")?;
        let micros = told["micros"].as_array();
        let micros = micros.context("the fleet tells no gaps")?.iter();
        let gaps = micros.map(|gap| count(gap).map(Duration::from_micros));
        gaps.collect::<Option<_>>().context("a gap is no number")
    }

    /// Ends it.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await.context("end the fleet")
    }
}
