//! Warnings and infos that come with a result, each with the place in the query that it speaks of.
//!
//! Source: Prometheus, `util/annotations/annotations.go`.
use crate::{Position, ast::Span, calendar::rfc3339, number::general, quote::quote};

/// How loudly an annotation speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The result may well be wrong.
    Warning,
    /// The query may not be what was meant.
    Info,
}

/// What an annotation says.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A quantile below 0, above 1 or NaN.
    InvalidQuantile(f64),
    /// A ratio below -1 or above 1, and the bound that was used.
    InvalidRatio(f64, f64),
    /// The `le` of a bucket is no number.
    BadBucketLabel {
        /// The metric, if it is still known.
        metric: String,
        /// The value of `le`.
        value: String,
    },
    /// `sort` in a range query.
    SortInRangeQuery,
    /// `rate` or `increase` over a metric whose name is not a counter's.
    PossibleNonCounter(String),
    /// `rate` or `increase` over a metric whose label `__type__` is not a counter's.
    NonCounterType {
        /// The metric.
        metric: String,
        /// What the label says.
        kind: String,
    },
    /// Buckets of `histogram_quantile` that had to be made monotonic.
    ForcedMonotonicity {
        /// The metric, if it is still known.
        metric: String,
        /// Where and by how much.
        extent: Extent,
    },
    /// Numbers and histograms in one window of a metric.
    MixedFloatsHistograms(String),
    /// Numbers and histograms in one group of an aggregation.
    MixedFloatsHistogramsInAggregation,
    /// A native histogram and the buckets of a classic one under one name, if that is still known.
    MixedClassicNative(String),
    /// A gauge where a counter is needed.
    HistogramNotCounter(String),
    /// A counter where a gauge is needed.
    HistogramNotGauge(String),
    /// Exponential and custom buckets in one metric.
    MixedExponentialCustom(String),
    /// Exponential and custom buckets on the sides of an operator.
    IncompatibleBuckets(&'static str),
    /// Values that an operator does not take.
    IncompatibleTypes {
        /// The kind of the left side.
        left: &'static str,
        /// The operator.
        operator: &'static str,
        /// The kind of the right side.
        right: &'static str,
    },
    /// Histograms that an aggregation passed over.
    IgnoredInAggregation(&'static str),
    /// Histograms that a function over windows passed over.
    IgnoredInRange(String),
    /// A quantile that lies among observations of NaN.
    QuantileNan(String),
    /// A quantile of a histogram with observations of NaN.
    QuantileSkewed(String),
    /// A fraction of a histogram with observations of NaN.
    FractionNan(String),
    /// One histogram was reset, the other surely not.
    ResetCollision(HistogramOperation),
    /// Custom bounds that differed.
    BoundsReconciled(HistogramOperation),
    /// A counter began before the sample that came before.
    StartOverlap {
        /// The metric.
        metric: String,
        /// In how many windows.
        n_windows: u64,
    },
    /// A warning from outside of the evaluation, with no place in the query.
    Other(String),
}

/// What was done with histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistogramOperation {
    /// One was added to another.
    Addition,
    /// One was subtracted from another.
    Subtraction,
    /// Many were aggregated.
    Aggregation,
}

impl HistogramOperation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

/// Where buckets had to be made monotonic, and by how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// The first and the last step, in milliseconds.
    pub times: (i64, i64),
    /// The lowest and the highest upper bound.
    pub buckets: (f64, f64),
    /// The largest difference of counts.
    pub max_diff: f64,
    /// How many histograms.
    pub n_samples: u64,
}

impl Extent {
    fn hull(self, other: Self) -> Self {
        Self {
            times: (
                self.times.0.min(other.times.0),
                self.times.1.max(other.times.1),
            ),
            buckets: (
                self.buckets.0.min(other.buckets.0),
                self.buckets.1.max(other.buckets.1),
            ),
            max_diff: self.max_diff.max(other.max_diff),
            n_samples: self.n_samples + other.n_samples,
        }
    }
}

impl Note {
    /// How loudly it speaks.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::PossibleNonCounter(_)
            | Self::NonCounterType { .. }
            | Self::ForcedMonotonicity { .. }
            | Self::IncompatibleTypes { .. }
            | Self::IgnoredInAggregation(_)
            | Self::IgnoredInRange(_)
            | Self::QuantileNan(_)
            | Self::QuantileSkewed(_)
            | Self::FractionNan(_)
            | Self::BoundsReconciled(_) => Severity::Info,
            _ => Severity::Warning,
        }
    }

    /// What it says, without details that differ between places; notes with the same text are one.
    fn text(&self) -> String {
        let for_metric = |metric: &str| match metric {
            "" => String::new(),
            name => format!(" for metric name {}", quote(name)),
        };
        match self {
            Self::InvalidQuantile(q) => format!(
                "PromQL warning: quantile value should be between 0 and 1, got {}",
                general(*q, None)
            ),
            Self::InvalidRatio(ratio, bound) => format!(
                "PromQL warning: ratio value should be between -1 and 1, got {}, capping to {}",
                general(*ratio, None),
                general(*bound, None)
            ),
            Self::BadBucketLabel { metric, value } => format!(
                "PromQL warning: bucket label \"le\" is missing or has a malformed value of {}{}",
                quote(value),
                for_metric(metric)
            ),
            Self::SortInRangeQuery => "PromQL warning: sort is ineffective for range queries \
                since results are always ordered by labels"
                .to_owned(),
            Self::PossibleNonCounter(metric) => format!(
                "PromQL info: metric might not be a counter, name does not end in \
                 _total/_sum/_count/_bucket: {}",
                quote(metric)
            ),
            Self::NonCounterType { metric, kind } => format!(
                "PromQL info: metric might not be a counter, __type__ label is not set to \
                 \"counter\" or \"histogram\", got {}: {}",
                quote(kind),
                quote(metric)
            ),
            Self::ForcedMonotonicity { metric, .. } => format!(
                "PromQL info: input to histogram_quantile needed to be fixed for monotonicity \
                 (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}",
                for_metric(metric)
            ),
            Self::MixedFloatsHistograms(metric) => format!(
                "PromQL warning: encountered a mix of histograms and floats for metric name {}",
                quote(metric)
            ),
            Self::MixedFloatsHistogramsInAggregation => {
                "PromQL warning: encountered a mix of histograms and floats for aggregation"
                    .to_owned()
            }
            Self::MixedClassicNative(metric) => format!(
                "PromQL warning: vector contains a mix of classic and native histograms{}",
                for_metric(metric)
            ),
            Self::HistogramNotCounter(metric) => format!(
                "PromQL warning: this native histogram metric is not a counter: {}",
                quote(metric)
            ),
            Self::HistogramNotGauge(metric) => format!(
                "PromQL warning: this native histogram metric is not a gauge: {}",
                quote(metric)
            ),
            Self::MixedExponentialCustom(metric) => format!(
                "PromQL warning: vector contains a mix of histograms with exponential and custom \
                 buckets schemas for metric name {}",
                quote(metric)
            ),
            Self::IncompatibleBuckets(operator) => format!(
                "PromQL warning: incompatible bucket layout encountered for binary operator {operator}"
            ),
            Self::IncompatibleTypes {
                left,
                operator,
                right,
            } => format!(
                "PromQL info: incompatible sample types encountered for binary operator {}: \
                 {left} {operator} {right}",
                quote(operator)
            ),
            Self::IgnoredInAggregation(name) => {
                format!("PromQL info: ignored histogram in {name} aggregation")
            }
            Self::IgnoredInRange(metric) => format!(
                "PromQL info: ignored histograms in a range containing both floats and histograms \
                 for metric name {}",
                quote(metric)
            ),
            Self::QuantileNan(metric) => format!(
                "PromQL info: input to histogram_quantile has NaN observations, result is NaN{}",
                for_metric(metric)
            ),
            Self::QuantileSkewed(metric) => format!(
                "PromQL info: input to histogram_quantile has NaN observations, result is skewed higher{}",
                for_metric(metric)
            ),
            Self::FractionNan(metric) => format!(
                "PromQL info: input to histogram_fraction has NaN observations, which are excluded \
                 from all fractions{}",
                for_metric(metric)
            ),
            Self::ResetCollision(operation) => format!(
                "PromQL warning: conflicting counter resets during histogram {}",
                operation.as_str()
            ),
            Self::BoundsReconciled(operation) => format!(
                "PromQL info: mismatched custom buckets were reconciled during {}",
                operation.as_str()
            ),
            Self::StartOverlap { metric, .. } => format!(
                "PromQL warning: sample has start time that overlaps with previous sample timestamp \
                 for metric {}",
                quote(metric)
            ),
            Self::Other(text) => text.clone(),
        }
    }

    fn details(&self) -> String {
        match self {
            Self::ForcedMonotonicity { extent, .. } => format!(
                ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
                general(extent.buckets.0, None),
                general(extent.buckets.1, None),
                general(extent.max_diff, Some(2)),
                extent.n_samples,
                rfc3339(extent.times.0),
                rfc3339(extent.times.1),
            ),
            Self::StartOverlap { n_windows, .. } if *n_windows > 1 => {
                format!(" ({n_windows} occurrences)")
            }
            _ => String::new(),
        }
    }

    /// Takes up what differs between places from `other`, which has the same text.
    fn join(&mut self, other: &Self) {
        match (self, other) {
            (
                Self::ForcedMonotonicity { extent, .. },
                Self::ForcedMonotonicity { extent: other, .. },
            ) => *extent = extent.hull(*other),
            (
                Self::StartOverlap { n_windows, .. },
                Self::StartOverlap {
                    n_windows: other, ..
                },
            ) => *n_windows += other,
            _ => {}
        }
    }
}

/// What there is to say about one series, in the order in which it first came.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Note>);

impl Notes {
    /// Adds a note, if nothing like it is there.
    pub(crate) fn add(&mut self, note: Note) {
        let alike = |held: &&mut Note| match (&**held, &note) {
            (Note::StartOverlap { metric, .. }, Note::StartOverlap { metric: other, .. }) => {
                metric == other
            }
            (held, note) => held == note,
        };
        match self.0.iter_mut().find(alike) {
            Some(held) => held.join(&note),
            None => self.0.push(note),
        }
    }
}

impl IntoIterator for Notes {
    type Item = Note;
    type IntoIter = std::vec::IntoIter<Note>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A note and the part of the query that it speaks of.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    /// What it says.
    pub note: Note,
    /// The bytes of the query, if it speaks of some.
    pub span: Option<Span>,
}

impl Annotation {
    /// The text of the HTTP API, with the position in `query` at the end.
    pub fn render(&self, query: &str) -> String {
        let mut text = self.note.text() + &self.note.details();
        if let Some(span) = &self.span {
            text.push_str(&format!(" ({})", Position::of(query, span.start)));
        }
        text
    }
}

/// The annotations of one evaluation, in the order in which they first came, each text once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotations(Vec<Annotation>);

impl Annotations {
    /// Adds a note; one with the same text gives way to the later place, as in Prometheus.
    pub fn add(&mut self, mut note: Note, span: Option<Span>) {
        // Few differ, so a scan is the shortest way.
        let text = note.text();
        let Some(held) = self.0.iter_mut().find(|a| a.note.text() == text) else {
            self.0.push(Annotation { note, span });
            return;
        };
        note.join(&held.note);
        *held = Annotation { note, span };
    }

    /// Adds all of `others`.
    pub fn merge(&mut self, others: Self) {
        for Annotation { note, span } in others.0 {
            self.add(note, span);
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Annotation> {
        self.0.iter()
    }

    /// The texts of the warnings, with positions in `query`.
    pub fn warnings(&self, query: &str) -> Vec<String> {
        self.texts(Severity::Warning, query)
    }

    /// The texts of the infos, with positions in `query`.
    pub fn infos(&self, query: &str) -> Vec<String> {
        self.texts(Severity::Info, query)
    }

    fn texts(&self, severity: Severity, query: &str) -> Vec<String> {
        let wanted = self.0.iter().filter(|a| a.note.severity() == severity);
        wanted.map(|a| a.render(query)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_told_once_with_its_place() {
        let mut notes = Annotations::default();
        let note = || Note::PossibleNonCounter("x".to_owned());
        notes.add(note(), Some(5..10));
        notes.add(note(), Some(5..10));
        notes.add(Note::SortInRangeQuery, Some(0..4));
        assert_eq!(
            notes.infos("rate(x[5m])"),
            [
                "PromQL info: metric might not be a counter, name does not end in \
                 _total/_sum/_count/_bucket: \"x\" (1:6)"
            ]
        );
        assert_eq!(notes.warnings("rate(x[5m])").len(), 1);
    }

    #[test]
    fn repairs_of_buckets_are_told_together() {
        let mut notes = Annotations::default();
        for (at, bound) in [(60_000, 0.5), (0, 10.0)] {
            let extent = Extent {
                times: (at, at),
                buckets: (bound, bound),
                max_diff: bound,
                n_samples: 1,
            };
            let metric = String::new();
            notes.add(Note::ForcedMonotonicity { metric, extent }, Some(0..1));
        }
        let [info] = &notes.infos("x")[..] else {
            panic!("one info")
        };
        assert!(
            info.ends_with(
                ", from buckets 0.5 to 10, with a max diff of 10, over 2 samples \
                 from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z (1:1)"
            ),
            "{info}"
        );
    }
}
