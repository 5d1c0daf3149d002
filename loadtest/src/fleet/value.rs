//! The value of a series at a time: closed formulas, so that nothing is kept and any time can be asked for.
use std::f64::consts::TAU;

use super::number::{fraction, hash};

/// How the values of a family behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole numbers that grow, a third of them asleep.
    Counter,
    /// Seconds with two decimals that grow.
    Seconds,
    /// Whole numbers that go up and down.
    Level,
    /// Three decimals that go up and down.
    Decimal,
    /// All digits of a double.
    Noise,
    /// The same for ever.
    Constant,
    /// Buckets, sum and count.
    Histogram,
}

impl Kind {
    /// The word of the `# TYPE` line.
    pub(super) const fn type_name(self) -> &'static str {
        match self {
            Self::Counter | Self::Seconds => "counter",
            Self::Level | Self::Decimal | Self::Noise | Self::Constant => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The upper bounds of every histogram's buckets but the last.
pub(super) const BOUNDS: [&str; 11] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10",
];

/// How long a rate stays the same, in seconds.
const GUST: f64 = 5.0;

/// What a counter has counted `elapsed` seconds after its start: its rate swings by half around a mean between one
/// in 100 s and 1000 a second, comes in gusts, and never falls below zero.
pub(super) fn events(chance: u64, elapsed: f64) -> f64 {
    let (activity, phase) = (fraction(chance, 0), fraction(chance, 16) * TAU);
    if activity < 0.35 {
        return (activity * 1000.0).floor();
    }
    let elapsed = gusty(chance, elapsed);
    let rate = 10_f64.powf((activity - 0.35) / 0.65 * 5.0 - 2.0);
    let omega = TAU / (600.0 + fraction(chance, 32) * 3000.0);
    // The integral of rate * (1 + sin(omega * t + phase) / 2).
    rate * (elapsed + (phase.cos() - (omega * elapsed + phase).cos()) / (2.0 * omega))
}

/// `elapsed` as a clock tells it that runs, for each [`GUST`] anew, between not at all and twice as fast.
fn gusty(chance: u64, elapsed: f64) -> f64 {
    let gust = (elapsed / GUST).floor();
    let off = |gust: f64| fraction(hash([chance, gust as u64]), 0) * GUST;
    let (from, to) = (off(gust), off(gust + 1.0));
    elapsed + from + (to - from) * (elapsed / GUST - gust)
}

/// A level at `seconds`: a slow wave with a little noise that changes every ten seconds, never below zero.
pub(super) fn level(chance: u64, seconds: f64) -> f64 {
    let base = 10_f64.powf(fraction(chance, 0) * 5.0);
    let swing = base * 0.8 * fraction(chance, 16);
    let omega = TAU / (300.0 + fraction(chance, 32) * 7200.0);
    let noise = fraction(hash([chance, (seconds / 10.0) as u64]), 0) * base * 0.05;
    base + swing * (omega * seconds).sin() + noise
}

/// The part of a histogram's observations at or below bound number `bound`; grows with `bound`, below 1.
pub(super) fn share(chance: u64, bound: usize) -> f64 {
    let middle = fraction(chance, 8) * BOUNDS.len() as f64;
    1.0 / (1.0 + (middle - bound as f64).exp())
}

/// The mean of a histogram's observations.
pub(super) fn mean(chance: u64) -> f64 {
    0.002 + fraction(chance, 24) * 3.0
}
