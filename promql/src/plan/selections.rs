//! Which series and times the selectors of a plan look at.
use model::{METRIC_NAME, MatchOp, Matcher, TimeRange, Timestamp};

use super::tree::Reference;
use crate::source::Selection;

/// The first and the last time of evaluation, in milliseconds; every step of a grid lies between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Bounds {
    /// The times that are looked at from these.
    pub(super) fn through(self, reference: Reference) -> Self {
        Self {
            first: reference.time(self.first),
            last: reference.time(self.last),
        }
    }

    /// The times so long after these: of windows that reach so far beyond them.
    pub(super) fn until(self, after: i64) -> Self {
        Self {
            first: self.first.saturating_add(after),
            last: self.last.saturating_add(after),
        }
    }

    /// The grid of a subquery whose windows of width `range` end within these bounds.
    pub(super) fn subquery(self, range: i64, step: i64) -> Self {
        Self {
            first: first_of_grid(self.first.saturating_sub(range), step),
            last: self.last,
        }
    }
}

/// The first multiple of `step` after `time`.
pub(crate) fn first_of_grid(time: i64, step: i64) -> i64 {
    time.div_euclid(step).saturating_add(1).saturating_mul(step)
}

/// The selections of a plan, the like ones once.
#[derive(Debug, Default)]
pub(super) struct Selections {
    pub(super) list: Vec<Selection>,
}

impl Selections {
    /// The place of the selection of what matches within `width` before the times looked at; the window is
    /// open to the left.
    pub(super) fn add(&mut self, matchers: &[Matcher], times: Bounds, width: i64) -> usize {
        let start = times.first.saturating_sub(width).saturating_add(1);
        let last = Timestamp::from_millis(times.last);
        // A subquery whose grid has no point looks at nothing, yet its selection keeps its place.
        let range = TimeRange::new(Timestamp::from_millis(start), last)
            .unwrap_or_else(|_| TimeRange::at(last));
        let like = |s: &Selection| s.matchers == matchers && s.range == range;
        if let Some(place) = self.list.iter().position(like) {
            return place;
        }
        self.list.push(Selection {
            matchers: matchers.to_vec(),
            range,
        });
        self.list.len() - 1
    }
}

/// True if all series that match have one and the same metric name.
pub(super) fn one_name(matchers: &[Matcher]) -> bool {
    matchers
        .iter()
        .any(|m| m.name() == METRIC_NAME && m.op() == MatchOp::Equal)
}
