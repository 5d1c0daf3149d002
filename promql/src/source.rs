//! Where evaluation gets its series from.
use std::sync::Arc;

use model::{Matcher, Series, TimeRange};

/// The series and the time that one selector of a plan needs; what the shell fetches before evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// Every instant that any step of the query looks at, lookback, range and offset included; both ends closed.
    pub range: TimeRange,
}

/// The series of the plan's selections, in the order of the plan's list.
///
/// Evaluation pulls series one at a time, so that a source may stream them. A selection that several parts of a plan
/// share is asked for once by each.
pub trait Source: Sync {
    /// The series of selection `selection`, each label set once, with all samples in the selection's range
    /// (staleness markers included), in any order of series.
    fn series<'a>(&'a self, selection: usize) -> Box<dyn Iterator<Item = Arc<Series>> + Send + 'a>;
}

/// Series that were fetched whole.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// For each selection its series.
    pub selections: Vec<Vec<Arc<Series>>>,
}

impl Source for Fetched {
    fn series<'a>(&'a self, selection: usize) -> Box<dyn Iterator<Item = Arc<Series>> + Send + 'a> {
        Box::new(self.selections[selection].iter().cloned())
    }
}
