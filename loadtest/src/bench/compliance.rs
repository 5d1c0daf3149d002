//! The queries of PromLabs' compliance suite to Pleiades and to the distribution's Prometheus, which hold the same
//! series.
//!
//! The distribution's Prometheus is older than the one whose language this is: what has changed on purpose since is
//! known by [`changed`], each with its reason, and counts as no difference. `docs/promql.md` lists the same.
mod changed;
mod demo;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use model::{Millis, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{
    agreement, remote_write,
    running::Running,
    system::{Installed, System},
};
use crate::{compare::Query, duration, say};

/// The distance of samples.
const INTERVAL: i64 = 15_000;
/// Samples lie so far beside the grid of the steps: none stands on the border of a window.
const BESIDE: i64 = 7_007;
/// The newest sample is so old that no system holds it back.
const AGE: i64 = 300_000;
/// Time goes on request by request: Prometheus takes nothing that is older than an hour before its newest sample.
const POINTS_A_REQUEST: usize = 20;

/// What to ask.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The queries, one JSON object with `query` and `should_fail` a line.
    #[arg(long)]
    queries: PathBuf,
    /// How far the samples reach back.
    #[arg(long, default_value = "2h", value_parser = duration)]
    span: Millis,
    /// Over how long the range queries go.
    #[arg(long, default_value = "10m", value_parser = duration)]
    range: Millis,
    /// The step of the range queries.
    #[arg(long, default_value = "10s", value_parser = duration)]
    step: Millis,
    /// Values may differ by this part of them: sums in another order.
    #[arg(long, default_value_t = 1e-9)]
    rounding: f64,
    /// The pleiades binary; without it the one beside this program.
    #[arg(long)]
    pleiades: Option<PathBuf>,
}

/// A line of the file.
#[derive(Debug, Deserialize)]
struct Asked {
    query: String,
    #[serde(default)]
    should_fail: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&args.queries)
        .with_context(|| format!("read the queries in {}", args.queries.display()))?;
    let work = tempfile::tempdir().context("make a folder to work in")?;
    let mut systems = Vec::new();
    for system in [System::Pleiades, System::Prometheus] {
        let installed = Installed::find(system, args.pleiades.as_deref()).await?;
        say(&format!("{} {} …", installed.system, installed.version));
        systems.push(Running::start(&installed, work.path()).await?);
    }
    let end = fill(args.span, &systems).await?;
    let (mut n_equal, mut n_different) = (0, 0);
    let mut as_meant: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let asked: Asked =
            serde_json::from_str(line).with_context(|| format!("read the query {line}"))?;
        for range in [None, Some((args.range, args.step))] {
            let query = Query {
                text: asked.query.clone(),
                end: end.as_seconds(),
                range,
            };
            let (ours, theirs) =
                tokio::try_join!(systems[0].client.ask(&query), systems[1].client.ask(&query))?;
            let different = difference(&asked, &ours, &theirs, args.rounding);
            match (different, changed::since(&asked.query)) {
                (None, _) => n_equal += 1,
                (Some(_), Some(reason)) => *as_meant.entry(reason).or_default() += 1,
                (Some(how), None) => {
                    n_different += 1;
                    say(&format!("{query}: {how}"));
                }
            }
        }
    }
    for (reason, n) in as_meant {
        say(&format!("{n} differ as meant: {reason}"));
    }
    say(&format!("{n_equal} answers equal, {n_different} different"));
    ensure!(n_equal > 0, "no answer was equal");
    ensure!(n_different == 0, "{n_different} answers differ");
    Ok(())
}

/// What is different, if anything is.
fn difference(asked: &Asked, ours: &Value, theirs: &Value, rounding: f64) -> Option<String> {
    let failed = |answer: &Value| answer["status"] != "success";
    match (failed(ours), failed(theirs)) {
        (true, true) => {
            let kinds = (&ours["errorType"], &theirs["errorType"]);
            (kinds.0 != kinds.1).then(|| format!("errors {} and {}", kinds.0, kinds.1))
        }
        (true, false) => Some(format!("only we fail: {}", ours["error"])),
        (false, true) => Some(format!("only they fail: {}", theirs["error"])),
        (false, false) if asked.should_fail => Some("both are to fail".to_owned()),
        (false, false) if ours["data"]["resultType"] != theirs["data"]["resultType"] => {
            Some("the results have other types".to_owned())
        }
        (false, false) => match agreement::distance(ours, theirs) {
            Ok(distance) if distance <= rounding => None,
            Ok(distance) => Some(format!("values are {distance:.1e} apart")),
            Err(why) => Some(why),
        },
    }
}

/// Gives the samples to all of `systems`; returns the time that none is newer than.
async fn fill(span: Millis, systems: &[Running]) -> anyhow::Result<Timestamp> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let end = (now - AGE) / 60_000 * 60_000;
    let times = (0..span.as_millis() / INTERVAL).map(|i| end - BESIDE - i * INTERVAL);
    let mut times: Vec<i64> = times.collect();
    times.reverse();
    let members = demo::members();
    for times in times.chunks(POINTS_A_REQUEST) {
        let request = remote_write::request(members.iter().map(|member| {
            let sample = |at: &i64| Some((*at, member.value(*at as f64 / 1e3)?));
            (&member.labels[..], times.iter().filter_map(sample))
        }));
        let sends = systems.iter().map(|system| system.send(request.clone()));
        futures::future::try_join_all(sends).await?;
    }
    let end = Timestamp::from_millis(end);
    for system in systems {
        system.answers("count(demo_num_cpus)", end, 3.0).await?;
        system.is_idle().await?;
    }
    Ok(end)
}
