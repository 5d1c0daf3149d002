//! The text that stands for a series that no line of its page gives.
use model::{MetricType, Timestamp};

use crate::{Series, float};

/// Writes the series of one metric after another, as a text page with all names in quotes would.
#[derive(Debug, Default)]
pub(crate) struct SeriesText {
    /// The metric's labels, each behind a comma.
    labels: Vec<u8>,
    series: Vec<u8>,
}

impl SeriesText {
    /// Begins a metric without labels.
    pub(crate) fn begin(&mut self) {
        self.labels.clear();
    }

    /// Adds a label.
    pub(crate) fn label(&mut self, name: &str, value: &str) {
        self.labels.push(b',');
        put_quoted(&mut self.labels, [name]);
        self.labels.push(b'=');
        put_quoted(&mut self.labels, [value]);
    }

    /// Writes the series `name` and `suffix`, with one more label that holds a number.
    pub(crate) fn series(&mut self, name: &str, suffix: &str, label: Option<(&str, f64)>) {
        self.series.clear();
        self.series.push(b'{');
        put_quoted(&mut self.series, [name, suffix]);
        self.series.extend_from_slice(&self.labels);
        if let Some((name, number)) = label {
            self.series.push(b',');
            self.series.extend_from_slice(name.as_bytes());
            self.series.extend_from_slice(b"=\"");
            float::put_open_metrics(&mut self.series, number);
            self.series.push(b'"');
        }
        self.series.push(b'}');
    }

    /// The series that was written last, with a sample that no line gives.
    pub(crate) fn written(&self, value: f64, timestamp: Option<Timestamp>) -> Series<'_> {
        Series {
            before: &[],
            text: &self.series,
            expected: false,
            kind: MetricType::Unknown,
            typed: false,
            value_text: &[],
            value,
            timestamp,
            exemplar: None,
        }
    }
}

fn put_quoted<const N: usize>(dst: &mut Vec<u8>, parts: [&str; N]) {
    dst.push(b'"');
    for part in parts {
        let mut rest = part.as_bytes();
        while let Some(at) = memchr::memchr3(b'\\', b'"', b'\n', rest) {
            dst.extend_from_slice(&rest[..at]);
            dst.push(b'\\');
            dst.push(if rest[at] == b'\n' { b'n' } else { rest[at] });
            rest = &rest[at + 1..];
        }
        dst.extend_from_slice(rest);
    }
    dst.push(b'"');
}
