//! How long the first right answer takes after kill -9.
use std::{path::Path, time::Duration};

use anyhow::Context as _;
use model::{Millis, format_duration};

use super::{
    Systems, in_turn,
    played::Played,
    session::{Session, now},
    system::Installed,
    table::{Table, beside},
};
use crate::{duration, say};

/// How far before the kill the question lies: what VictoriaMetrics holds in memory alone is 5 s.
const BEFORE_SECONDS: f64 = 40.0;

/// The work that each system is given.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How many targets.
    #[arg(long, default_value_t = 1000)]
    targets: usize,
    /// How many series each target has.
    #[arg(long, default_value_t = 1000)]
    series: usize,
    /// How often each is scraped.
    #[arg(long, default_value = "30s", value_parser = duration)]
    interval: Millis,
    /// How long it runs until it is killed.
    #[arg(long, default_value = "4m", value_parser = duration)]
    duration: Millis,
    #[command(flatten)]
    systems: Systems,
}

/// What one system took.
struct Measured {
    /// Until it knows which targets were up.
    first: f64,
    /// Until it knows every series.
    every: f64,
    cpu_seconds: f64,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let all = args.systems.find().await?;
    let work = args.systems.folder()?;
    let flags = [
        format!("--targets={}", args.targets),
        format!("--series={}", args.series),
    ];
    let fleet = Played::start(&flags, work.path()).await?;
    let measure = async |one: &Installed| measure(one, &args, &fleet, work.path()).await;
    let measured = in_turn(&all, measure).await?;
    fleet.stop().await?;
    let mut table = Table::new([
        "system",
        "version",
        "seconds to the first right answer",
        "to one about every series",
        "CPU s",
    ]);
    for (installed, one) in all.iter().zip(&measured) {
        table.push([
            installed.system.to_string(),
            installed.version.clone(),
            beside(one.first, measured[0].first),
            beside(one.every, measured[0].every),
            beside(one.cpu_seconds, measured[0].cpu_seconds),
        ]);
    }
    say(&format!(
        "{} targets x {} series every {}, killed after {}; (ratios to {}):\n\n{table}",
        args.targets,
        args.series,
        format_duration(args.interval),
        format_duration(args.duration),
        all[0].system
    ));
    Ok(())
}

async fn measure(
    installed: &Installed,
    args: &Args,
    fleet: &Played,
    work: &Path,
) -> anyhow::Result<Measured> {
    let mut session = Session::start(installed, work, &[&fleet.targets], args.interval)?;
    let up = args.targets as f64;
    session.answers("sum(up)", None, up).await?;
    tokio::time::sleep(args.duration.to_std()).await;
    // Of every series, so that an answer is right only if all are there.
    let question = "count({job=\"fleet\"})";
    let at = now() - BEFORE_SECONDS;
    let right = session.number(question, at).await?;
    let right = right.with_context(|| format!("{question} gives nothing"))?;
    anyhow::ensure!(
        right >= (args.targets * args.series) as f64,
        "{question} gives {right}, which is less than the fleet has"
    );
    let mut session = session.kill_and_start().await?;
    let first: Duration = session.answers("sum(up)", Some(at), up).await?;
    let rest: Duration = session.answers(question, Some(at), right).await?;
    let cpu_seconds = session.usage()?.cpu_seconds;
    session.stop().await?;
    Ok(Measured {
        first: first.as_secs_f64(),
        every: (first + rest).as_secs_f64(),
        cpu_seconds,
    })
}
