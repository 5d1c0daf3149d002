//! Examples of what a series counted.
use crate::{Labels, Timestamp};

/// One example, mostly of a trace.
#[derive(Clone, Debug)]
pub struct Exemplar {
    /// What it is of: `trace_id`, for one.
    pub labels: Labels,
    /// What was counted.
    pub value: f64,
    /// When; that of its sample if the page gave no time.
    pub at: Timestamp,
    /// True if the page gave the time.
    pub is_timed: bool,
}

impl PartialEq for Exemplar {
    /// Values are compared bit for bit, times only if both were given.
    ///
    /// Source: `Exemplar.Equals` in Prometheus, `model/exemplar/exemplar.go`.
    fn eq(&self, other: &Self) -> bool {
        self.is_timed == other.is_timed
            && (!self.is_timed || self.at == other.at)
            && self.value.to_bits() == other.value.to_bits()
            && self.labels == other.labels
    }
}
