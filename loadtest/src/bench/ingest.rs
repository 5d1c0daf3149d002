//! What scraping costs.
use std::{path::PathBuf, time::Duration};

use model::{Millis, format_duration};
use tokio::time::{Instant, sleep_until};

use super::{
    Systems, in_turn,
    played::Played,
    session::Session,
    system::Installed,
    table::{Table, beside},
};
use crate::{duration, say};

/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The work that each system is given.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How many targets.
    #[arg(long, default_value_t = 500)]
    targets: usize,
    /// How many series each target has.
    #[arg(long, default_value_t = 1000)]
    series: usize,
    /// Recorded pages for the targets to take turns with, in place of made-up series.
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["series", "churn"])]
    pages: Vec<PathBuf>,
    /// How often each is scraped.
    #[arg(long, default_value = "10s", value_parser = duration)]
    interval: Millis,
    /// How long it is measured, after each target was scraped twice.
    #[arg(long, default_value = "4m", value_parser = duration)]
    duration: Millis,
    /// The part of the series that are replaced by others now and then, from 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    churn: f64,
    #[command(flatten)]
    systems: Systems,
}

/// What one system took.
struct Measured {
    cpu_per_million: f64,
    steady_per_series: f64,
    peak_per_series: f64,
    written_per_sample: f64,
    disk_per_sample: f64,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let all = args.systems.find().await?;
    let work = args.systems.folder()?;
    let mut flags = vec![format!("--targets={}", args.targets)];
    match args.pages.is_empty() {
        true => flags.extend([
            format!("--series={}", args.series),
            format!("--churn={}", args.churn),
        ]),
        false => flags.extend(
            args.pages
                .iter()
                .map(|p| format!("--pages={}", p.display())),
        ),
    }
    let fleet = Played::start(&flags, work.path()).await?;
    let measure = async |one: &Installed| measure(one, &args, &fleet, work.path()).await;
    let measured = in_turn(&all, measure).await?;
    let n_series = fleet.series().await?;
    fleet.stop().await?;
    say(&format!(
        "{} targets with {n_series} series every {}, measured for {}; (ratios to {}):\n\n{}",
        args.targets,
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
    fleet: &Played,
    work: &std::path::Path,
) -> anyhow::Result<Measured> {
    let shown_before = fleet.samples().await?;
    let mut session = Session::start(installed, work, &[&fleet.targets], args.interval)?;
    let up = args.targets as f64;
    session.answers("sum(up)", None, up).await?;
    // The second page of a target tells from the first which memory it takes to keep it.
    let warm = Instant::now() + args.interval.to_std() * 2;
    sleep_until(warm).await;
    let n_series = fleet.series().await?;
    let (before, shown) = (session.usage()?, fleet.samples().await?);
    let (mut held, mut n_looks) = (0.0, 0.0);
    let end = warm + args.duration.to_std();
    let mut look = warm;
    while look < end {
        look += LOOK_EVERY;
        sleep_until(look).await;
        let usage = session.usage()?;
        // The second half counts as steady.
        if look >= warm + args.duration.to_std() / 2 {
            (held, n_looks) = (held + usage.rss_bytes as f64, n_looks + 1.0);
        }
    }
    let (after, n_samples) = (session.usage()?, fleet.samples().await? - shown);
    session.answers("sum(up)", None, up).await?;
    let n_all = (fleet.samples().await? - shown_before) as f64;
    let (n_series, n_samples) = (n_series as f64, n_samples as f64);
    let written = session.usage()?.written_bytes as f64;
    let disk = session.stop().await? as f64;
    Ok(Measured {
        cpu_per_million: (after.cpu_seconds - before.cpu_seconds) / n_samples * 1e6,
        steady_per_series: held / n_looks / n_series,
        peak_per_series: after.peak_rss_bytes as f64 / n_series,
        written_per_sample: written / n_all,
        disk_per_sample: disk / n_all,
    })
}

fn table(all: &[Installed], measured: &[Measured]) -> Table {
    let mut table = Table::new([
        "system",
        "version",
        "CPU s / million samples",
        "RSS / series, steady",
        "RSS / series, peak",
        "bytes written / sample",
        "bytes on disk / sample",
    ]);
    let first = &measured[0];
    for (installed, one) in all.iter().zip(measured) {
        table.push([
            installed.system.to_string(),
            installed.version.clone(),
            beside(one.cpu_per_million, first.cpu_per_million),
            beside(one.steady_per_series, first.steady_per_series),
            beside(one.peak_per_series, first.peak_per_series),
            beside(one.written_per_sample, first.written_per_sample),
            beside(one.disk_per_sample, first.disk_per_sample),
        ]);
    }
    table
}
