//! Which spans of 15 minutes still have rows that no segment holds.
use std::collections::BTreeMap;

use model::Timestamp;

use crate::keys::Era;

/// Counts the held rows of each generation. Rows are written into the present one, whatever their slot.
#[derive(Debug)]
pub(crate) struct Generations {
    current: i64,
    held: BTreeMap<i64, usize>,
}

impl Generations {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            current: Era::Rows.of(now),
            held: BTreeMap::new(),
        }
    }

    /// The generation that rows are written into.
    pub(crate) fn current(&self) -> i64 {
        self.current
    }

    /// Goes on to the generation of `now`; never back.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.current = self.current.max(Era::Rows.of(now));
    }

    /// Begins the next generation before its time, so that the present one can be done.
    pub(crate) fn next(&mut self) {
        self.current += 1;
    }

    /// Notes `n` rows that are being written into the present generation.
    pub(crate) fn enter(&mut self, n: usize) -> i64 {
        self.load(self.current, n);
        self.current
    }

    /// Notes `n` rows found in `generation`, whose family exists even if they are none.
    pub(crate) fn load(&mut self, generation: i64, n: usize) {
        *self.held.entry(generation).or_default() += n;
        // After a clock was set back, rows go on where they were.
        self.current = self.current.max(generation);
    }

    /// Notes that `n` rows of `generation` are no longer held, or were never written.
    pub(crate) fn leave(&mut self, generation: i64, n: usize) {
        if let Some(held) = self.held.get_mut(&generation) {
            *held -= n;
        }
    }

    /// The past generations without held rows, up to the first that has some:
    /// what a restart must skip is known from segments only while no older rows are left.
    pub(crate) fn done(&self) -> Vec<i64> {
        self.held
            .iter()
            .take_while(|(generation, held)| **generation < self.current && **held == 0)
            .map(|(generation, _)| *generation)
            .collect()
    }

    /// Forgets a generation whose family was dropped.
    pub(crate) fn dropped(&mut self, generation: i64) {
        self.held.remove(&generation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_done_when_it_and_all_before_hold_no_rows() {
        let at = |generation: i64| Era::Rows.start(generation);
        let mut generations = Generations::new(at(1));
        assert_eq!(generations.enter(2), 1);
        generations.advance(at(2));
        generations.enter(1);
        generations.advance(at(3));
        generations.leave(2, 1);
        assert_eq!(generations.done(), Vec::<i64>::new());
        generations.leave(1, 2);
        assert_eq!(generations.done(), [1, 2]);
        generations.dropped(1);
        generations.advance(at(0));
        assert_eq!(generations.current(), 3);
    }
}
