//! Series that a rule no longer gives end with a staleness marker.
//!
//! Source: `Group.Eval` in Prometheus, `rules/group.go`.
use std::collections::BTreeSet;

use model::{Labels, STALE_NAN, Timestamp, Value};

use crate::result::RuleResult;

/// What a rule gave at its last evaluation.
#[derive(Clone, Debug, Default)]
pub struct Given(BTreeSet<Labels>);

impl Given {
    /// Takes in the samples of an evaluation at `now`; gives the markers of the series that are gone since.
    pub fn advance(&mut self, now: Timestamp, samples: &RuleResult) -> RuleResult {
        let next: BTreeSet<Labels> = samples.iter().map(|(labels, ..)| labels.clone()).collect();
        let before = std::mem::replace(&mut self.0, next);
        before
            .difference(&self.0)
            .map(|labels| (labels.clone(), now, MARKER))
            .collect()
    }

    /// The markers of all series, when the rule itself is gone.
    pub fn end(self, now: Timestamp) -> RuleResult {
        self.0
            .into_iter()
            .map(|labels| (labels, now, MARKER))
            .collect()
    }
}

const MARKER: Value = Value::Float(STALE_NAN);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_that_vanishes_is_marked_once() {
        let at = Timestamp::from_millis(5);
        let given = |jobs: &[&str]| -> RuleResult {
            let one = |job: &&str| (Labels::from_pairs([("job", job)]), at, Value::Float(1.0));
            jobs.iter().map(one).collect()
        };
        let mut last = Given::default();
        assert!(last.advance(at, &given(&["a", "b"])).is_empty());
        let markers = last.advance(at, &given(&["a"]));
        assert_eq!(markers, [(Labels::from_pairs([("job", "b")]), at, MARKER)]);
        assert!(last.advance(at, &given(&["a"])).is_empty());
        assert_eq!(last.end(at).len(), 1);
    }
}
