//! What hours of samples take on disk, once each system has flushed and merged them as far as it does.
//!
//! What that is differs: Pleiades is stopped and its directory compacted, as time would do; Prometheus writes a
//! snapshot, in which what its write-ahead log holds is a block too; VictoriaMetrics is told to flush and to merge.
use std::path::Path;

use anyhow::{Context as _, ensure};
use model::Millis;
use serde::Deserialize;
use tokio::process::Command;

use super::{
    Systems,
    history::History,
    running::Running,
    system::{Installed, System},
    table::{Table, beside, short},
    usage::disk_bytes,
};
use crate::say;

/// The newest sample is so old that every span of blocks has ended, with what may come late.
const AGE: Millis = Millis::from_seconds(3 * 3600);

/// What to store.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    history: History,
    #[command(flatten)]
    systems: Systems,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let installed = args.systems.find().await?;
    let work = args.systems.folder()?;
    let mut systems = Vec::new();
    for one in &installed {
        systems.push(Running::start(one, work.path()).await?);
    }
    let filled = args.history.fill(AGE, &systems).await?;
    let mut sizes = Vec::new();
    for (one, system) in installed.iter().zip(systems) {
        let size = settled(one, system).await;
        let size = size.with_context(|| format!("flush and merge {}", one.system))?;
        sizes.push(size as f64 / filled.n_samples as f64);
    }
    let mut table = Table::new(["system", "version", "MiB", "bytes / sample"]);
    for (one, size) in installed.iter().zip(&sizes) {
        table.push([
            one.system.to_string(),
            one.version.clone(),
            short(size * filled.n_samples as f64 / f64::from(1 << 20)),
            beside(*size, sizes[0]),
        ]);
    }
    say(&format!(
        "{} samples; (ratios to {}):\n\n{table}",
        filled.n_samples, installed[0].system
    ));
    Ok(())
}

/// Has `system` flush and merge, and ends it; returns how many bytes its data takes.
async fn settled(installed: &Installed, system: Running) -> anyhow::Result<u64> {
    match installed.system {
        System::Pleiades => {
            let data = system.stop().await?;
            let mut compact = Command::new(installed.binary());
            let ended = compact.args(["tsdb", "compact"]).arg(&data).status();
            ensure!(ended.await?.success(), "`tsdb compact` failed");
            measure(&data)
        }
        System::Prometheus => {
            let answer = system.client.post("/api/v1/admin/tsdb/snapshot").await?;
            let answer: Snapshot = serde_json::from_slice(&answer)?;
            let data = system.stop().await?;
            measure(&data.join("snapshots").join(answer.data.name))
        }
        System::VictoriaMetrics => {
            for path in ["/internal/force_flush", "/internal/force_merge"] {
                system.client.body(path).await?;
            }
            system.is_idle().await?;
            measure(&system.stop().await?)
        }
    }
}

fn measure(folder: &Path) -> anyhow::Result<u64> {
    disk_bytes(folder).with_context(|| format!("measure {}", folder.display()))
}

/// Prometheus' answer to a call for a snapshot.
#[derive(Debug, Deserialize)]
struct Snapshot {
    data: Name,
}

#[derive(Debug, Deserialize)]
struct Name {
    name: String,
}
