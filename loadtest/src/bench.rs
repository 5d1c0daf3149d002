//! Pleiades beside Prometheus and VictoriaMetrics on one machine: the same work for each in turn, and what it cost.
//!
//! ```text
//! fleet (a process of its own) <- scrapes - one system (a fresh folder, loopback) <- questions - bench
//!                                           |
//!                                           +- /proc/PID: CPU, memory, bytes written
//! ```
//!
//! Every system runs with its defaults. Only ratios within one run mean something, since machines differ.
mod agreement;
mod ask;
mod compliance;
mod disk;
mod history;
mod ingest;
mod jitter;
mod played;
mod process;
mod query;
mod remote_write;
mod restart;
mod running;
mod session;
mod system;
mod table;
mod usage;

use std::path::PathBuf;

use anyhow::Context as _;

use self::system::{Installed, System};
use crate::say;

/// What to measure.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Whether the queries of a compliance suite give what they give in Prometheus, but for what 3.x means to change.
    Compliance(compliance::Args),
    /// What hours of samples take on disk.
    Disk(disk::Args),
    /// What scraping costs: CPU for a sample, memory for a series, bytes written.
    Ingest(ingest::Args),
    /// How far off their slots scrapes are while there are many targets.
    Jitter(jitter::Args),
    /// How long the queries of dashboards take, and whether the answers agree.
    Query(query::Args),
    /// How long the first right answer takes after kill -9.
    Restart(restart::Args),
}

/// Whom to measure.
#[derive(Clone, Debug, clap::Args)]
struct Systems {
    /// The systems, in this order.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [System::Pleiades, System::Prometheus, System::VictoriaMetrics])]
    systems: Vec<System>,
    /// The pleiades binary; without it the one beside this program.
    #[arg(long)]
    pleiades: Option<PathBuf>,
    /// Where each system gets a fresh folder, which is removed in the end; without it the system's temporary folder.
    #[arg(long)]
    work_dir: Option<PathBuf>,
}

impl Systems {
    /// All of them, found on this machine.
    async fn find(&self) -> anyhow::Result<Vec<Installed>> {
        anyhow::ensure!(!self.systems.is_empty(), "--systems names none");
        let mut all = Vec::new();
        for system in &self.systems {
            all.push(Installed::find(*system, self.pleiades.as_deref()).await?);
        }
        Ok(all)
    }

    /// A fresh folder that goes when it is dropped.
    fn folder(&self) -> anyhow::Result<tempfile::TempDir> {
        let folder = match &self.work_dir {
            Some(parent) => tempfile::tempdir_in(parent),
            None => tempfile::tempdir(),
        };
        folder.context("make a folder to work in")
    }
}

/// Measures each of `all`, one after the other.
async fn in_turn<M>(
    all: &[Installed],
    measure: impl AsyncFn(&Installed) -> anyhow::Result<M>,
) -> anyhow::Result<Vec<M>> {
    let mut measured = Vec::new();
    for one in all {
        say(&format!("{} {} …", one.system, one.version));
        let figures = measure(one).await;
        measured.push(figures.with_context(|| format!("measure {}", one.system))?);
    }
    Ok(measured)
}

/// Measures, and prints one table.
///
/// # Errors
/// If a system is missing, does not come up, or does not answer as it should.
pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Compliance(args) => compliance::run(args).await,
        Command::Disk(args) => disk::run(args).await,
        Command::Ingest(args) => ingest::run(args).await,
        Command::Jitter(args) => jitter::run(args).await,
        Command::Query(args) => query::run(args).await,
        Command::Restart(args) => restart::run(args).await,
    }
}
