//! Recording rules: a query's result under a new name.
//!
//! Source: Prometheus, `rules/recording.go`.
use std::collections::BTreeSet;

use model::{METRIC_NAME, Timestamp};

use crate::{alert::EvaluationError, result::RuleResult};

/// A recording rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRule {
    /// The new name.
    pub record: String,
    /// The query.
    pub expr: String,
    /// Labels that are set on each series.
    pub labels: Vec<(String, String)>,
}

impl RecordRule {
    /// The samples at `now` that a query's `result` gives; `limit` 0 is none.
    ///
    /// # Errors
    /// [`EvaluationError::SameLabels`] and [`EvaluationError::Limit`]
    pub fn samples(
        &self,
        now: Timestamp,
        result: RuleResult,
        limit: usize,
    ) -> Result<RuleResult, EvaluationError> {
        let (mut seen, mut samples) = (BTreeSet::new(), Vec::with_capacity(result.len()));
        for (labels, _, value) in result {
            let mut own = labels.to_builder();
            own.set(METRIC_NAME, &self.record);
            for (name, text) in &self.labels {
                own.set(name, text);
            }
            let own = own.build();
            if !seen.insert(own.clone()) {
                return Err(EvaluationError::SameLabels("rule"));
            }
            samples.push((own, now, value));
        }
        if limit > 0 && samples.len() > limit {
            return Err(EvaluationError::Limit {
                limit,
                got: samples.len(),
                what: "series",
            });
        }
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use model::{Labels, Value};

    use super::*;

    fn result(jobs: &[&str]) -> RuleResult {
        let at = Timestamp::from_millis(1);
        let one = |job: &&str| (Labels::from_pairs([("job", job)]), at, Value::Float(1.0));
        jobs.iter().map(one).collect()
    }

    fn rule(labels: &[(&str, &str)]) -> RecordRule {
        RecordRule {
            record: "job:up".to_owned(),
            expr: "up".to_owned(),
            labels: labels
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn series_get_the_rules_name_and_labels_and_the_time_of_the_evaluation() {
        let samples = rule(&[("tier", "a")])
            .samples(Timestamp::from_millis(9), result(&["x"]), 0)
            .unwrap();
        assert_eq!(
            samples[0].0.to_string(),
            r#"{__name__="job:up", job="x", tier="a"}"#
        );
        assert_eq!(samples[0].1, Timestamp::from_millis(9));
    }

    #[test]
    fn series_that_become_one_and_too_many_series_are_refused() {
        let at = Timestamp::from_millis(9);
        let same = rule(&[("job", "same")]).samples(at, result(&["x", "y"]), 0);
        assert_eq!(same, Err(EvaluationError::SameLabels("rule")));
        let many = rule(&[]).samples(at, result(&["x", "y"]), 1).unwrap_err();
        assert_eq!(many.to_string(), "exceeded limit of 1 with 2 series");
    }
}
