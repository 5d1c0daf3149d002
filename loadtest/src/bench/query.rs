//! Queries of dashboards to systems that hold the same series.
//!
//! ```text
//! corpus ─> remote write ─> the systems, all at once ─> the list of queries, in turns ─> a table
//! ```
//!
//! Asking begins when all have settled what was sent. The systems take turns within each query, so that whatever else the
//! machine does meets all of them. The peak of their memory is that of the queries alone: it begins anew once all is filled.
mod list;

use std::time::{Duration, Instant};

use anyhow::ensure;
use model::{Millis, Timestamp};
use tokio::time::sleep;

use self::list::{LIST, Shape};
use super::{
    Systems, agreement,
    history::History,
    running::Running,
    table::{Table, beside, short},
};
use crate::say;

/// How often one system is asked before the next has its turn.
const TURN: usize = 5;
/// Two orders of summation may differ by so much.
const ROUNDING: f64 = 1e-9;

/// So little work is none; how long it is looked for, and how long at most.
const IDLE_CORES: f64 = 0.05;
const LOOK_EVERY: Duration = Duration::from_millis(500);
const SETTLED_BY: Duration = Duration::from_secs(30);

/// What to ask about what.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    history: History,
    /// How often each system is asked each query.
    #[arg(long, default_value_t = 25)]
    repeat: usize,
    /// Asks only the queries whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    #[command(flatten)]
    systems: Systems,
}

/// What one system needed for one query.
struct Measured {
    /// Ascending.
    times: Vec<Duration>,
    cpu_seconds: f64,
}

impl Measured {
    /// The time below which `part` of the answers came, in milliseconds.
    fn quantile(&self, part: f64) -> f64 {
        let last = self.times.len() - 1;
        self.times[(last as f64 * part).round() as usize].as_secs_f64() * 1e3
    }

    fn cpu_millis(&self) -> f64 {
        self.cpu_seconds * 1e3 / self.times.len() as f64
    }
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    ensure!(args.repeat > 0, "--repeat is zero");
    let installed = args.systems.find().await?;
    let work = args.systems.folder()?;
    let mut systems = Vec::new();
    for one in &installed {
        say(&format!("{} {} …", one.system, one.version));
        systems.push(Running::start(one, work.path()).await?);
    }
    let end = args.history.fill(Millis::ZERO, &systems).await?.end;
    settle(&mut systems).await?;
    let mut before = Vec::new();
    for system in &mut systems {
        system.forget_peak()?;
        before.push(system.usage()?.rss_bytes);
    }
    let mut table = Table::new(["query", "system", "p50 ms", "p95 ms", "CPU ms", "answers"]);
    let asked = LIST.iter().filter(|shape| shape.name.contains(&args.only));
    for shape in asked {
        measure(shape, &mut systems, end, args.repeat, &mut table).await?;
    }
    let mut memory = Table::new(["system", "RSS before, MiB", "peak of the queries, MiB"]);
    let mebibytes = |bytes: u64| short(bytes as f64 / f64::from(1 << 20));
    for (system, before) in systems.iter_mut().zip(before) {
        let peak = system.usage()?.peak_rss_bytes;
        memory.push([system.name.clone(), mebibytes(before), mebibytes(peak)]);
    }
    say(&format!(
        "(ratios to {})\n\n{table}\n{memory}",
        installed[0].system
    ));
    Ok(())
}

/// Waits until nobody is busy any more with what was sent, or for [`SETTLED_BY`].
async fn settle(systems: &mut [Running]) -> anyhow::Result<()> {
    let mut used = || -> anyhow::Result<f64> {
        let each = systems
            .iter_mut()
            .map(|system| Ok(system.usage()?.cpu_seconds));
        each.sum()
    };
    let begun = Instant::now();
    let mut before = used()?;
    while begun.elapsed() < SETTLED_BY {
        sleep(LOOK_EVERY).await;
        let now = used()?;
        if now - before < LOOK_EVERY.as_secs_f64() * IDLE_CORES {
            break;
        }
        before = now;
    }
    Ok(())
}

/// Asks every system the same in turns, and adds a row for each.
async fn measure(
    shape: &Shape,
    systems: &mut [Running],
    end: Timestamp,
    repeat: usize,
    table: &mut Table,
) -> anyhow::Result<()> {
    let path = shape.path_and_query(end);
    let (mut answers, mut measured) = (Vec::new(), Vec::new());
    for system in systems.iter() {
        answers.push(system.client.get(&path).await?);
        measured.push(Measured {
            times: Vec::with_capacity(repeat),
            cpu_seconds: 0.0,
        });
    }
    while measured[0].times.len() < repeat {
        for (system, measured) in systems.iter_mut().zip(&mut measured) {
            let before = system.usage()?.cpu_seconds;
            for _ in 0..TURN.min(repeat - measured.times.len()) {
                let begun = Instant::now();
                system.client.body(&path).await?;
                measured.times.push(begun.elapsed());
            }
            measured.cpu_seconds += system.usage()?.cpu_seconds - before;
        }
    }
    for one in &mut measured {
        one.times.sort();
    }
    let first = &measured[0];
    for ((system, one), answer) in systems.iter().zip(&measured).zip(&answers) {
        let agrees = match agreement::distance(&answers[0], answer) {
            Ok(distance) if distance <= ROUNDING => "equal".to_owned(),
            Ok(distance) => format!("{distance:.1e} apart"),
            Err(why) => why,
        };
        table.push([
            shape.name.to_owned(),
            system.name.clone(),
            beside(one.quantile(0.5), first.quantile(0.5)),
            beside(one.quantile(0.95), first.quantile(0.95)),
            beside(one.cpu_millis(), first.cpu_millis()),
            agrees,
        ]);
    }
    Ok(())
}
