//! A server under churn for a while: its memory by the minute, and whether it stays flat.
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use model::Millis;
use tokio::process::{Child, Command};

use crate::{
    duration,
    fleet::{Addresses, Churn, Fleet, Server, Shape},
    say,
};

/// Memory may grow by this part from one half of the time after warming up to the other.
const FLAT: f64 = 0.1;
const MINUTE: Duration = Duration::from_secs(60);

/// The settings of a soak.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The binary that is run as `all`.
    #[arg(long, default_value = "bin/pleiades")]
    pub pleiades: PathBuf,
    /// How long it is watched.
    #[arg(long, default_value = "30m", value_parser = duration)]
    pub duration: Millis,
    /// From when on memory should be flat.
    #[arg(long, default_value = "10m", value_parser = duration)]
    pub warm_up: Millis,
    /// How many targets.
    #[arg(long, default_value_t = 100)]
    pub targets: usize,
    /// How many series each target has.
    #[arg(long, default_value_t = 1000)]
    pub series: usize,
    /// The part of the series that others replace each minute, from 0 to 1.
    #[arg(long, default_value_t = 0.1)]
    pub churn: f64,
    /// How often targets are scraped.
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub interval: Millis,
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:9490")]
    pub listen: SocketAddr,
    /// An empty directory for its data.
    #[arg(long)]
    pub data_dir: PathBuf,
}

/// Runs the soak; true if memory was flat.
///
/// # Errors
/// If the fleet or the server cannot be started, or the server ends.
pub async fn run(args: Args) -> anyhow::Result<bool> {
    let fleet = Arc::new(Fleet::new(Shape {
        seed: 1,
        targets: args.targets,
        series: args.series,
        churn: Churn {
            fraction: args.churn,
            every: Millis::from_seconds(60),
        },
        explicit_grid: None,
    }));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let pages = Server::bind(fleet, any, Addresses::PathPerTarget, false).await?;
    std::fs::create_dir_all(&args.data_dir)?;
    let (targets, config) = (
        args.data_dir.join("targets.json"),
        args.data_dir.join("prometheus.yml"),
    );
    std::fs::write(&targets, pages.targets_json())?;
    let text = format!(
        "global: {{scrape_interval: {0}, scrape_timeout: {0}}}\n\
         scrape_configs: [{{job_name: fleet, file_sd_configs: [{{files: [targets.json]}}]}}]\n",
        format_args!("{}ms", args.interval.as_millis())
    );
    std::fs::write(&config, text)?;
    let mut server = start(&args, &config)?;
    let pid = server.id().context("the server runs")?;
    say(&format!(
        "{} series, {:.0} of them replaced each minute; minute, resident memory, data on disk",
        args.targets * args.series,
        args.churn * (args.targets * args.series) as f64
    ));
    let watched = tokio::select! {
        watched = watch(&args, pid) => watched?,
        ended = server.wait() => bail!("the server ended: {}", ended?),
        served = pages.run() => bail!("the fleet ended: {served:?}"),
    };
    server.kill().await?;
    Ok(verdict(&watched, args.warm_up.to_std()))
}

fn start(args: &Args, config: &Path) -> anyhow::Result<Child> {
    Command::new(&args.pleiades)
        .arg("all")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            args.data_dir.join("data").display()
        ))
        .arg(format!("--web.listen-address={}", args.listen))
        .arg("--log.level=warn")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("start {}", args.pleiades.display()))
}

/// Resident memory at the end of each minute, in bytes.
async fn watch(args: &Args, pid: u32) -> anyhow::Result<Vec<u64>> {
    let n_minutes = args.duration.to_std().as_secs() / MINUTE.as_secs();
    let mut watched = Vec::new();
    for minute in 1..=n_minutes {
        tokio::time::sleep(MINUTE).await;
        let resident = resident_bytes(pid)?;
        let stored = bytes_below(&args.data_dir.join("data"));
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        say(&format!(
            "{minute:3} {:8.1} MiB {:8.1} MiB",
            mib(resident),
            mib(stored)
        ));
        watched.push(resident);
    }
    Ok(watched)
}

fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| {
        let text = line.strip_prefix("VmRSS:")?;
        text.trim().trim_end_matches(" kB").parse::<u64>().ok()
    });
    Ok(kib.context("the system tells no resident memory")? * 1024)
}

/// The sizes of all files in a directory that is written meanwhile.
fn bytes_below(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => found.len(),
        // It was dropped between the look at the directory and this one.
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Memory rises and falls with what is cut and retired, so that the mean of the second half of the minutes after warming
/// up is held against that of the first.
fn verdict(watched: &[u64], warm_up: Duration) -> bool {
    let warm = (warm_up.as_secs() / MINUTE.as_secs()) as usize;
    let watched = watched.get(warm..).unwrap_or_default();
    let (before, after) = watched.split_at(watched.len() / 2);
    if before.is_empty() {
        say("too short for a verdict");
        return false;
    }
    let mean = |minutes: &[u64]| minutes.iter().sum::<u64>() as f64 / minutes.len() as f64;
    let growth = mean(after) / mean(before) - 1.0;
    let word = match growth <= FLAT {
        true => "flat",
        false => "not flat",
    };
    let (first, half, last) = (warm + 1, warm + before.len(), warm + watched.len());
    say(&format!(
        "memory is {word}: {:+.1} % from the mean of minutes {first} to {half} to that of {} to {last}",
        growth * 100.0,
        half + 1
    ));
    growth <= FLAT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_after_the_warm_up_is_not_flat() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        assert!(verdict(&[10, 50, 90, 110, 100, 115], minutes(2)));
        assert!(!verdict(&[10, 50, 90, 110, 115, 110], minutes(2)));
        assert!(!verdict(&[10, 50, 90], minutes(2)));
    }
}
