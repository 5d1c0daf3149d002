//! `min_over_time` and `max_over_time`, and when they were.
use std::collections::VecDeque;

use model::Sample;

use super::window::{Function, Window};
use crate::error::EvalError;

/// Which of a window's values is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extreme {
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// What is told of the extreme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Its value.
    Value,
    /// The last time that it was reached, in seconds.
    Time,
}

/// The extreme of a sliding window. NaN counts only where there is nothing else.
///
/// Holds the samples that can still become the extreme: each is beaten by none that came after it.
pub(super) struct Sliding {
    extreme: Extreme,
    told: Told,
    /// Places and samples, oldest first, best first.
    candidates: VecDeque<(usize, Sample)>,
    /// How many samples were taken in or passed over.
    n_seen: usize,
}

impl Sliding {
    pub(super) fn new(extreme: Extreme, told: Told) -> Self {
        Self {
            extreme,
            told,
            candidates: VecDeque::new(),
            n_seen: 0,
        }
    }

    /// True if `newer` makes `older` needless. Of equals the first gives the value, the last gives the time.
    fn beats(&self, newer: f64, older: f64) -> bool {
        let better = match self.extreme {
            Extreme::Min => newer < older,
            Extreme::Max => newer > older,
        };
        better
            || (older.is_nan() && (!newer.is_nan() || self.told == Told::Time))
            || (newer == older && self.told == Told::Time)
    }
}

impl Function for Sliding {
    fn begin(&mut self, _samples: &[Sample], _same_windows: bool) {
        self.candidates.clear();
        self.n_seen = 0;
    }

    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        for place in self.n_seen.max(window.first)..window.after() {
            let sample = window.samples[place - window.first];
            while let Some((_, last)) = self.candidates.back() {
                if !self.beats(sample.value, last.value) {
                    break;
                }
                self.candidates.pop_back();
            }
            self.candidates.push_back((place, sample));
        }
        self.n_seen = window.after();
        while let Some((place, _)) = self.candidates.front() {
            if *place >= window.first {
                break;
            }
            self.candidates.pop_front();
        }
        let best = self.candidates.front().map(|(_, sample)| *sample);
        Ok(best.map(|sample| match self.told {
            Told::Value => sample.value,
            Told::Time => sample.at.as_seconds(),
        }))
    }
}
