//! One run: a cluster, its faults, and what it answers in the end.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use tracing::info;
use tracing_subscriber::layer::SubscriberExt as _;
use turmoil::Sim;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    check::{Targets, Window, ask, judge},
    cluster::{Cluster, EPOCH, N_DISCOVERERS, N_EXPORTERS, N_INGESTERS, host},
    exporter::{CLOCK, DERIVED},
    faults::{Fault, Kind, Victim, faults},
    trace::Trace,
};

/// How much time passes between two looks at the network.
const TICK: Duration = Duration::from_millis(5);
/// From when on no slot may be missing: by then the cluster has formed.
const COMPLETE: Duration = Duration::from_secs(6);
/// The time from the end of the last fault to the end of what is asked for.
const SETTLE: Duration = Duration::from_secs(6);
/// Answers come this long after the last slot that is asked for, so that no slot is pending.
const PENDING: Duration = Duration::from_secs(2);
/// How long the answers may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What decided it.
    pub seed: u64,
    /// Stands for every segment and event in their order, and for the answers.
    pub digest: u64,
    /// How many segments and events there were.
    pub n_events: u64,
    /// What went wrong on purpose.
    pub faults: Vec<String>,
    /// What members told, each line with the digest of all that came before.
    pub lines: Vec<String>,
    /// What is not as it must be.
    pub wrong: Vec<String>,
}

/// Runs a cluster as `seed` decides.
///
/// Two runs in one process are alike only if each has a thread of its own: libraries keep state by thread.
pub fn run(seed: u64) -> Outcome {
    let trace = Trace::default();
    let subscriber = tracing_subscriber::registry().with(trace.clone());
    let faults = faults(seed, N_INGESTERS, N_DISCOVERERS);
    let ended = tracing::subscriber::with_default(subscriber, || simulate(seed, &faults, &trace));
    let told = trace.told();
    let (digest, wrong) = match ended {
        Ok((answers, wrong)) => {
            let digest = answers
                .values()
                .fold(told.digest, |digest, body| xxh3_64_with_seed(body, digest));
            (digest, wrong)
        }
        Err(error) => (told.digest, vec![error.to_string()]),
    };
    Outcome {
        seed,
        digest,
        n_events: told.n_events,
        faults: faults.iter().map(ToString::to_string).collect(),
        lines: told.lines,
        wrong,
    }
}

type Answers = BTreeMap<&'static str, Bytes>;

/// The answers, and what is wrong with them.
fn simulate(seed: u64, faults: &[Fault], trace: &Trace) -> turmoil::Result<(Answers, Vec<String>)> {
    let healed = faults
        .iter()
        .map(|fault| fault.to)
        .max()
        .unwrap_or(COMPLETE);
    let window = window(healed + SETTLE);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        .tcp_capacity(4096)
        .simulation_duration(healed + SETTLE + PENDING + PATIENCE)
        .epoch(std::time::UNIX_EPOCH + Duration::from_millis(EPOCH.as_millis().unsigned_abs()))
        .build();
    let cluster = Cluster::start(&mut sim, trace);
    let answers = Arc::new(Mutex::new(Answers::new()));
    let to = Arc::clone(&answers);
    sim.client("user", async move {
        tokio::time::sleep(healed + SETTLE + PENDING).await;
        for metric in ["up", CLOCK, DERIVED] {
            let answer = ask(metric, window).await?;
            to.lock().insert(metric, answer);
        }
        Ok(())
    });

    let mut coming: Vec<(Duration, bool, &Fault)> = faults
        .iter()
        .flat_map(|fault| [(fault.from, true, fault), (fault.to, false, fault)])
        .collect();
    coming.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
    let mut hit = String::new();
    loop {
        trace.set_now(sim.elapsed().as_millis() as u64);
        while let Some((_, begins, fault)) = coming.pop_if(|(at, ..)| *at <= sim.elapsed()) {
            if begins {
                hit = victim(fault.victim, &cluster);
                info!(host = hit, kind = ?fault.kind, "fault");
                strike(&mut sim, &cluster, &hit, fault.kind);
            } else {
                info!(host = hit, kind = ?fault.kind, "fault over");
                heal(&mut sim, &hit, fault.kind);
            }
        }
        if sim.step()? {
            break;
        }
    }
    drop(sim);
    let answers = answers.lock().clone();
    let wrong = judge(&answers, &targets(), window);
    Ok((answers, wrong))
}

/// From [`COMPLETE`] up to about `end`, so that every interval fits a whole number of times.
fn window(end: Duration) -> Window {
    let whole = |time: Duration| (time.as_millis() / 2000 * 2000) as i64;
    let epoch = EPOCH.as_millis();
    Window {
        end: epoch + whole(end),
        millis: whole(end) - whole(COMPLETE),
        epoch,
    }
}

/// What `prometheus.yml` names.
fn targets() -> Targets {
    let mut targets = Targets::new();
    for number in 0..N_EXPORTERS {
        let instance = format!("{}:9100", host("exporter", number));
        targets.insert(("exporters".to_owned(), instance.clone()), 2000);
        targets.insert(("again".to_owned(), instance), 1000);
    }
    targets
}

fn victim(victim: Victim, cluster: &Cluster) -> String {
    match victim {
        Victim::Ingester(number) => host("ingester", number),
        Victim::Discoverer(number) => host("discoverer", number),
        Victim::Leader => cluster.leader().unwrap_or_else(|| host("discoverer", 0)),
    }
}

/// Those whom `of` cannot reach.
fn cut_off(of: &str, kind: Kind) -> impl Iterator<Item = String> {
    let reaches = move |other: &str| kind == Kind::Partition && other.starts_with("exporter");
    Cluster::hosts().filter(move |other| other != of && !reaches(other))
}

fn strike(sim: &mut Sim<'_>, cluster: &Cluster, host: &str, kind: Kind) {
    match kind {
        Kind::Crash => cluster.crash(sim, host),
        Kind::Partition | Kind::Isolation => {
            cut_off(host, kind).for_each(|other| sim.partition(host, other));
        }
    }
}

fn heal(sim: &mut Sim<'_>, host: &str, kind: Kind) {
    match kind {
        Kind::Crash => sim.bounce(host),
        Kind::Partition | Kind::Isolation => {
            cut_off(host, kind).for_each(|other| sim.repair(host, other));
        }
    }
}
