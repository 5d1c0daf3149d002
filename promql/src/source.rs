//! Where evaluation gets its series from.
use std::sync::Arc;

use model::{Matcher, Series, TimeRange};

use crate::EvalError;

/// The series and the time that one selector of a plan needs; what the shell fetches before evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// Every instant that any step of the query looks at, lookback, range and offset included; both ends closed.
    pub range: TimeRange,
}

/// How much a selection has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Its parts, which are unfolded one by one: a few dozen series each, so that no part weighs much.
    pub n_parts: usize,
    /// About how many series.
    pub n_series: usize,
    /// About how many samples.
    pub n_samples: usize,
}

/// Takes a series; an error ends it all.
pub type Each<'e> = dyn FnMut(&Series) -> Result<(), EvalError> + 'e;

/// The series of the plan's selections, in the order of the plan's list.
///
/// Threads take the parts of a selection as they get to them and unfold them side by side, so that memory holds a few
/// parts at a time. A selection that several places of a plan share is asked for once by each.
pub trait Source: Sync {
    /// How much selection `selection` has.
    fn extent(&self, selection: usize) -> Extent;

    /// Hands the series of a part to `each`: over all parts each label set once, with all samples in the selection's
    /// range (staleness markers included), in an order that does not change from call to call.
    ///
    /// # Errors
    /// What `each` says.
    fn part(&self, selection: usize, part: usize, each: &mut Each<'_>) -> Result<(), EvalError>;
}

/// Series that were fetched whole.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// For each selection its series.
    pub selections: Vec<Vec<Arc<Series>>>,
}

/// How many series of [`Fetched`] make a part.
const PART: usize = 64;

impl Source for Fetched {
    fn extent(&self, selection: usize) -> Extent {
        let series = &self.selections[selection];
        Extent {
            n_parts: series.len().div_ceil(PART),
            n_series: series.len(),
            n_samples: series
                .iter()
                .map(|series| series.samples.len() + series.histograms.len())
                .sum(),
        }
    }

    fn part(&self, selection: usize, part: usize, each: &mut Each<'_>) -> Result<(), EvalError> {
        let mut parts = self.selections[selection].chunks(PART);
        let series = parts.nth(part).unwrap_or_default();
        series.iter().try_for_each(|series| each(series))
    }
}
