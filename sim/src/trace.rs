//! What happened in a run, as one number: each segment on the network and each event that a member tells.
use std::{
    fmt::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tracing::{Event, Level, Metadata, Subscriber, field::Field};
use tracing_subscriber::layer::{Context, Layer};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Whose events count besides the network's.
const MEMBERS: [&str; 6] = [
    "discoverer",
    "ingester",
    "querier",
    "runtime",
    "tsdb",
    "sim",
];
/// The network's events.
const NETWORK: &str = "turmoil";

/// The trace of a run. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    /// Virtual milliseconds since the run began.
    now: Arc<AtomicU64>,
    told: Arc<Mutex<Told>>,
}

/// What has been told so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Stands for everything, in its order.
    pub(crate) digest: u64,
    /// How many events there were.
    pub(crate) n_events: u64,
    /// What members told, with the digest before it, so that two runs can be held side by side.
    pub(crate) lines: Vec<String>,
}

impl Trace {
    /// Sets the time of what comes.
    pub(crate) fn set_now(&self, millis: u64) {
        self.now.store(millis, Ordering::Relaxed);
    }

    /// Virtual milliseconds since the run began, as of the current step.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// What has been told so far.
    pub(crate) fn told(&self) -> Told {
        self.told.lock().clone()
    }
}

impl<S: Subscriber> Layer<S> for Trace {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let target = metadata.target();
        let room = target.split("::").next().unwrap_or_default();
        room == NETWORK || (MEMBERS.contains(&room) && *metadata.level() <= Level::INFO)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let is_network = event.metadata().target() == NETWORK;
        let mut line = Line(format!("{:>6} ", self.now()));
        event.record(&mut line);
        let Line(line) = line;
        // The number of the step alone says nothing.
        if is_network && line.contains("message=step ") {
            return;
        }
        let mut told = self.told.lock();
        told.n_events += 1;
        if !is_network {
            let line = format!("{:016x} {line}", told.digest);
            told.lines.push(line);
        }
        told.digest = xxh3_64_with_seed(line.as_bytes(), told.digest);
    }
}

struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // The bytes of segments hold dates of the real day, and would take long to print.
        if field.name() != "protocol" {
            // Writing into a string cannot fail.
            let _ = write!(self.0, "{}={value:?} ", field.name());
        }
    }
}
