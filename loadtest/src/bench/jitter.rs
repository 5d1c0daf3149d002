//! Whether many targets are scraped when they should be.
use std::{path::Path, time::Duration};

use anyhow::Context as _;
use model::{Millis, format_duration};

use super::{
    Systems, in_turn,
    played::Played,
    session::Session,
    system::Installed,
    table::{Table, beside, short},
};
use crate::{duration, say};

/// So many targets are played by one process: each takes two of its file descriptors.
const FLEET: usize = 2500;

/// The work that each system is given.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How many targets.
    #[arg(long, default_value_t = 10_000)]
    targets: usize,
    /// How many series each target has.
    #[arg(long, default_value_t = 100)]
    series: usize,
    /// How often each is scraped.
    #[arg(long, default_value = "15s", value_parser = duration)]
    interval: Millis,
    /// How long it is measured, after each target was scraped twice.
    #[arg(long, default_value = "2m", value_parser = duration)]
    duration: Millis,
    #[command(flatten)]
    systems: Systems,
}

/// How one system kept time: by how much the gaps between scrapes of a target differ from the interval, as targets see it.
#[derive(Debug, PartialEq)]
struct Measured {
    n_gaps: usize,
    p50: Duration,
    p99: Duration,
    max: Duration,
    cpu_cores: f64,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let all = args.systems.find().await?;
    let work = args.systems.folder()?;
    let mut fleets = Vec::new();
    for first in (0..args.targets).step_by(FLEET) {
        let folder = work.path().join(format!("fleet-{first}"));
        std::fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
        let flags = [
            format!("--targets={}", FLEET.min(args.targets - first)),
            format!("--series={}", args.series),
            format!("--name=target-{first}"),
        ];
        fleets.push(Played::start(&flags, &folder).await?);
    }
    let measure = async |one: &Installed| measure(one, &args, &fleets, work.path()).await;
    let measured = in_turn(&all, measure).await?;
    for fleet in fleets {
        fleet.stop().await?;
    }
    say(&format!(
        "{} targets with {} series each every {}, measured for {}; (ratios to {}):\n\n{}",
        args.targets,
        args.series,
        format_duration(args.interval),
        format_duration(args.duration),
        all[0].system,
        table(&all, &measured)
    ));
    Ok(())
}

async fn measure(
    installed: &Installed,
    args: &Args,
    fleets: &[Played],
    work: &Path,
) -> anyhow::Result<Measured> {
    let targets: Vec<&Path> = fleets.iter().map(|fleet| &*fleet.targets).collect();
    let mut session = Session::start(installed, work, &targets, args.interval)?;
    session
        .answers("sum(up)", None, args.targets as f64)
        .await?;
    // The first gaps are from the system before, or from a start at which all is new.
    tokio::time::sleep(args.interval.to_std() * 2).await;
    all_gaps(fleets).await?;
    let before = session.usage()?;
    tokio::time::sleep(args.duration.to_std()).await;
    let (gaps, after) = (all_gaps(fleets).await?, session.usage()?);
    session.stop().await?;
    let cpu_cores = (after.cpu_seconds - before.cpu_seconds) / args.duration.as_seconds();
    off(gaps, args.interval.to_std(), cpu_cores)
}

async fn all_gaps(fleets: &[Played]) -> anyhow::Result<Vec<Duration>> {
    let mut gaps = Vec::new();
    for fleet in fleets {
        gaps.extend(fleet.gaps().await?);
    }
    Ok(gaps)
}

/// By how much `gaps` differ from `interval`.
fn off(gaps: Vec<Duration>, interval: Duration, cpu_cores: f64) -> anyhow::Result<Measured> {
    anyhow::ensure!(!gaps.is_empty(), "no target was scraped twice");
    let mut off: Vec<Duration> = gaps.iter().map(|gap| gap.abs_diff(interval)).collect();
    off.sort_unstable();
    let quantile = |q: f64| off[((off.len() - 1) as f64 * q) as usize];
    Ok(Measured {
        n_gaps: off.len(),
        p50: quantile(0.5),
        p99: quantile(0.99),
        max: quantile(1.0),
        cpu_cores,
    })
}

fn table(all: &[Installed], measured: &[Measured]) -> Table {
    let mut table = Table::new([
        "system",
        "version",
        "scrapes",
        "off by, p50, ms",
        "p99",
        "most",
        "cores",
    ]);
    let first = &measured[0];
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    for (installed, one) in all.iter().zip(measured) {
        table.push([
            installed.system.to_string(),
            installed.version.clone(),
            one.n_gaps.to_string(),
            short(millis(one.p50)),
            short(millis(one.p99)),
            short(millis(one.max)),
            beside(one.cpu_cores, first.cpu_cores),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_and_late_are_off_alike() {
        let second = Duration::from_secs(1);
        let gaps = (0..200).map(|i| match i % 2 {
            0 => second + Duration::from_millis(i),
            _ => second - Duration::from_millis(i),
        });
        let found = off(gaps.collect(), second, 0.5).unwrap();
        assert_eq!((found.p50.as_millis(), found.p99.as_millis()), (99, 197));
        assert_eq!(found.max.as_millis(), 199);
        off(Vec::new(), second, 0.5).unwrap_err();
    }
}
