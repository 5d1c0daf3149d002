//! `resets` and `changes`: how often a value fell, or differed from the one before.
use model::Sample;

use super::window::{Function, Window};
use crate::error::EvalError;

/// What is counted.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A value is below its predecessor.
    Reset,
    /// A value differs from its predecessor; NaN is like NaN.
    Change,
}

/// Counts of an event between neighbours, summed up from the first sample on.
pub(super) struct Running {
    event: Event,
    /// For each sample, how many events there were up to it; empty if there is none at all.
    before: Vec<u32>,
}

impl Running {
    /// Counts where a value is below its predecessor.
    pub(super) fn resets() -> Self {
        Self::new(Event::Reset)
    }

    /// Counts where a value differs from its predecessor; NaN is like NaN.
    pub(super) fn changes() -> Self {
        Self::new(Event::Change)
    }

    fn new(event: Event) -> Self {
        Self {
            event,
            before: Vec::new(),
        }
    }

    /// How many events the window has.
    pub(super) fn within(&self, window: &Window<'_>) -> u32 {
        match self.before.is_empty() {
            true => 0,
            false => self.before[window.after() - 1] - self.before[window.first],
        }
    }

    /// Counts where `happens`.
    fn count(&mut self, samples: &[Sample], happens: impl Fn(f64, f64) -> bool) {
        let events = (samples.iter().zip(samples.iter().skip(1)))
            .map(|(before, after)| happens(before.value, after.value));
        // Most counters are not reset in the time that is asked for. Without a way out in the middle this is many at once.
        if !events.clone().fold(false, |any, event| any | event) {
            return;
        }
        let mut n = 0;
        self.before.push(n);
        self.before.extend(events.map(|event| {
            n += u32::from(event);
            n
        }));
    }
}

impl Function for Running {
    fn begin(&mut self, samples: &[Sample], _same_windows: bool) {
        self.before.clear();
        match self.event {
            Event::Reset => self.count(samples, |before, after| after < before),
            Event::Change => self.count(samples, |before, after| {
                after != before && !(after.is_nan() && before.is_nan())
            }),
        }
    }

    fn value(&mut self, window: Window<'_>) -> Result<Option<f64>, EvalError> {
        Ok(Some(f64::from(self.within(&window))))
    }
}
