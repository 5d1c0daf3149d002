//! How long after each other a target is scraped.
use std::{sync::Mutex, time::Instant};

/// So many gaps are kept until they are asked for; what comes then is not.
const MAX: usize = 1 << 22;

/// The gaps between the requests for each target's page.
#[derive(Debug)]
pub(super) struct Gaps(Mutex<State>);

#[derive(Debug)]
struct State {
    /// When each target was asked last.
    last: Vec<Option<Instant>>,
    micros: Vec<u32>,
}

impl Gaps {
    /// None yet, of `targets` targets.
    pub(super) fn new(targets: usize) -> Self {
        Self(Mutex::new(State {
            last: vec![None; targets],
            micros: Vec::new(),
        }))
    }

    /// Takes note that `target` is asked at `now`.
    pub(super) fn asked(&self, target: usize, now: Instant) {
        let mut state = self.lock();
        let last = state.last[target].replace(now);
        if let Some(last) = last
            && state.micros.len() < MAX
        {
            let micros = now.saturating_duration_since(last).as_micros();
            state.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
    }

    /// The gaps since this was called last, in microseconds, as they came.
    pub(super) fn take(&self) -> Vec<u32> {
        std::mem::take(&mut self.lock().micros)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn gaps_are_those_of_each_target_and_told_once() {
        let (gaps, begin) = (Gaps::new(2), Instant::now());
        for (target, millis) in [(0, 0), (1, 3), (0, 10), (1, 14), (0, 19)] {
            gaps.asked(target, begin + Duration::from_millis(millis));
        }
        assert_eq!(gaps.take(), [10_000, 11_000, 9_000]);
        assert!(gaps.take().is_empty());
    }
}
