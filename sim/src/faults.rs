//! What goes wrong in a run, and when.
use std::{fmt, time::Duration};

use crate::dice::Dice;

/// When the first fault comes: the cluster has begun to scrape long before.
const FIRST: Duration = Duration::from_secs(10);
/// How many faults a run has.
const N_FAULTS: usize = 3;
/// How long a fault lasts, in milliseconds: on both sides of a lease.
const LASTS: (u64, u64) = (1_000, 14_000);
/// The time between one fault's end and the next one's begin, in milliseconds. What has come back must have joined
/// again and have synced what it holds, since a shard that loses both replicas loses slots.
const CALM: (u64, u64) = (5_000, 8_000);

/// Whom a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// The ingester of this number.
    Ingester(usize),
    /// The discoverer that leads when the fault comes.
    Leader,
    /// The discoverer of this number.
    Discoverer(usize),
}

/// What befalls the victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The machine goes down, with all that was not synced, and comes up again.
    Crash,
    /// No other member can be reached, nor can anybody reach it; it can scrape.
    Partition,
    /// Nothing at all can be reached.
    Isolation,
}

/// Something that goes wrong, and comes right again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Since the run began.
    pub(crate) from: Duration,
    /// When it is over.
    pub(crate) to: Duration,
    pub(crate) victim: Victim,
    pub(crate) kind: Kind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { victim, kind, .. } = self;
        write!(
            f,
            "{kind:?} of {victim:?} from {:?} to {:?}",
            self.from, self.to
        )
    }
}

/// The faults of `seed`, one after another, among `n_ingesters` and `n_discoverers`.
pub(crate) fn faults(seed: u64, n_ingesters: usize, n_discoverers: usize) -> Vec<Fault> {
    let mut dice = Dice::new(seed);
    let mut from = FIRST;
    let mut faults = Vec::new();
    for _ in 0..N_FAULTS {
        let to = from + Duration::from_millis(dice.between(LASTS.0, LASTS.1));
        let mut one_of = |n: usize| dice.between(0, n as u64 - 1) as usize;
        let victim = match one_of(6) {
            0..=3 => Victim::Ingester(one_of(n_ingesters)),
            4 => Victim::Leader,
            _ => Victim::Discoverer(one_of(n_discoverers)),
        };
        let kind = [Kind::Crash, Kind::Partition, Kind::Isolation][one_of(3)];
        faults.push(Fault {
            from,
            to,
            victim,
            kind,
        });
        from = to + Duration::from_millis(dice.between(CALM.0, CALM.1));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_follow_each_other() {
        for seed in 0..100 {
            let faults = faults(seed, 3, 3);
            assert_eq!(faults.len(), N_FAULTS);
            assert!(faults.windows(2).all(|two| two[0].to < two[1].from));
            assert!(faults.iter().all(|fault| fault.from < fault.to));
        }
    }
}
