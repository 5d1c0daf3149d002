//! What rules' queries give.
use model::{Labels, Sample, Timestamp, Value};
use template::QueryResult;

/// Numbers and histograms, each with its series and time.
pub type RuleResult = Vec<(Labels, Timestamp, Value)>;

/// `result` as alerts and templates see it: a histogram is the number 0.
///
/// Source: Prometheus, `AlertingRule.Eval` in `rules/alerting.go`, which looks at `F` alone.
pub(crate) fn numbers(result: RuleResult) -> QueryResult {
    let number = |(labels, at, value)| {
        let value = match value {
            Value::Float(value) => value,
            Value::Histogram(_) => 0.0,
        };
        (labels, Sample { at, value })
    };
    result.into_iter().map(number).collect()
}

/// `numbers` as they are written.
pub(crate) fn of_numbers(numbers: QueryResult) -> RuleResult {
    let one = |(labels, sample): (Labels, Sample)| (labels, sample.at, Value::Float(sample.value));
    numbers.into_iter().map(one).collect()
}
