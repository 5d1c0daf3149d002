//! What a page consists of.
use std::borrow::Cow;

use model::{Labels, MetricType, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use crate::{LabelsError, labels, protobuf};

/// One line of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'a> {
    /// A series with its value.
    Series(Series<'a>),
    /// `# TYPE metric kind`.
    Type {
        /// The name of the metric family.
        metric: Cow<'a, str>,
        /// Its kind.
        kind: MetricType,
    },
    /// `# HELP metric text`, unescaped.
    Help {
        /// The name of the metric family.
        metric: Cow<'a, str>,
        /// What it means.
        help: Cow<'a, str>,
    },
    /// `# UNIT metric unit`, in OpenMetrics.
    Unit {
        /// The name of the metric family.
        metric: Cow<'a, str>,
        /// The unit; may be empty.
        unit: Cow<'a, str>,
    },
    /// Any other line that begins with `#`, with it.
    Comment(&'a [u8]),
}

/// A series as it stands on the page: its text, which is parsed into labels only on demand, and its value.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// The lines between the series before it and this one, as they are written.
    pub before: &'a [u8],
    /// Name and labels as they are written, from the start of the line to the last byte before the blank.
    pub text: &'a [u8],
    /// True if `text` was the one that the caller of [`Parser::next_expecting`](crate::Parser::next_expecting) expected.
    pub expected: bool,
    /// The type of the last `# TYPE` line above, of whatever family: decides which labels hold numbers.
    pub kind: MetricType,
    /// True if that line is among those of `before`.
    pub typed: bool,
    /// The value as it is written.
    pub value_text: &'a [u8],
    /// The value; every NaN is the same quiet one, so none can be taken for a staleness marker.
    pub value: f64,
    /// The explicit time, if the page gives one.
    pub timestamp: Option<Timestamp>,
    /// The exemplar, in OpenMetrics.
    pub exemplar: Option<Exemplar<'a>>,
}

impl Series<'_> {
    /// Parses the text into labels, unescaped, the metric's name among them; empty values are left out.
    ///
    /// The values of `le` in a histogram and of `quantile` in a summary are written as OpenMetrics writes
    /// numbers: `1` becomes `1.0`. The set may lack a metric name if the page gave an empty one.
    ///
    /// # Errors
    /// [`LabelsError`] if a name comes twice or is not UTF-8.
    pub fn labels(&self) -> Result<Labels, LabelsError> {
        labels::of_series(self.text, self.kind)
    }
}

impl PartialEq for Series<'_> {
    /// Values are compared bit for bit.
    fn eq(&self, other: &Self) -> bool {
        self.before == other.before
            && self.text == other.text
            && self.expected == other.expected
            && self.kind == other.kind
            && self.typed == other.typed
            && self.value_text == other.value_text
            && self.value.to_bits() == other.value.to_bits()
            && self.timestamp == other.timestamp
            && self.exemplar == other.exemplar
    }
}

/// An example of what a series counted.
#[derive(Clone, Copy, Debug)]
pub struct Exemplar<'a> {
    /// Its labels as they are written, without the braces; on a protobuf page its message.
    pub text: &'a [u8],
    /// True if `text` is a message.
    pub(crate) is_message: bool,
    /// Its value.
    pub value: f64,
    /// Its time, if the page gives one.
    pub timestamp: Option<Timestamp>,
}

impl<'a> Exemplar<'a> {
    /// That of a protobuf page whose message is `text`.
    pub(crate) const fn of_message(
        text: &'a [u8],
        value: f64,
        timestamp: Option<Timestamp>,
    ) -> Self {
        Self {
            text,
            is_message: true,
            value,
            timestamp,
        }
    }

    /// Parses the labels; values keep their escapes, as in Prometheus.
    ///
    /// # Errors
    /// [`LabelsError`] if a name comes twice or is not UTF-8.
    pub fn labels(&self) -> Result<Labels, LabelsError> {
        match self.is_message {
            true => protobuf::exemplar_labels(self.text),
            false => labels::of_exemplar(self.text),
        }
    }
}

impl PartialEq for Exemplar<'_> {
    /// Values are compared bit for bit.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
            && self.value.to_bits() == other.value.to_bits()
            && self.timestamp == other.timestamp
    }
}

/// Stands for a text that is not kept: its length and its hash. Two texts that differ have one print once in 2^64 times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Print {
    /// The length in bytes.
    pub length: u32,
    /// Some hash of the bytes; not the same in every release.
    pub hash: u64,
}

impl Print {
    /// That of `text`.
    pub fn of(text: &[u8]) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        Self {
            length: text.len() as u32,
            hash: xxh3_64(text),
        }
    }

    /// `bytes` in two parts, if they begin with the text that this stands for.
    pub(crate) fn split(self, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let (text, rest) = bytes.split_at_checked(self.length as usize)?;
        (Self::of(text) == self).then_some((text, rest))
    }
}

/// A series of the previous page, as a parser of the same [`Format`](crate::Format) gave it.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Of [`Series::before`].
    pub before: Print,
    /// [`Series::kind`] if [`Series::typed`].
    pub typed: Option<MetricType>,
    /// Of [`Series::text`].
    pub text: Print,
}

impl From<&Series<'_>> for Expected {
    fn from(series: &Series<'_>) -> Self {
        Self {
            before: Print::of(series.before),
            typed: series.typed.then_some(series.kind),
            text: Print::of(series.text),
        }
    }
}
