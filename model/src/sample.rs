//! Samples and series of samples.
use std::sync::Arc;

use crate::{Histogram, Labels, Timestamp};

/// The bits of the NaN that marks a series as gone.
///
/// Source: `StaleNaN` in Prometheus, `model/value/value.go`.
pub const STALE_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// True for the staleness marker alone; other NaNs are values.
pub fn is_stale_nan(value: f64) -> bool {
    value.to_bits() == STALE_NAN.to_bits()
}

/// The bits of the NaN that stands for a sample that was deleted where its place must be kept: a row that had the sample
/// is not one that lacked it. It is no value, and nobody outside sees it.
pub const DELETED_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0de1);

/// True for what stands for a deleted sample alone.
pub fn is_deleted_nan(value: f64) -> bool {
    value.to_bits() == DELETED_NAN.to_bits()
}

/// One value at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// What; bit for bit as it was scraped.
    pub value: f64,
}

impl PartialEq for Sample {
    /// Values are compared bit for bit, so that NaN equals itself and zero differs from minus zero.
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.value.to_bits() == other.value.to_bits()
    }
}

/// One histogram at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSample {
    /// When.
    pub at: Timestamp,
    /// What; in a series of samples usually shared.
    pub histogram: Arc<Histogram>,
}

/// Since when a counter or a histogram counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartTime {
    /// When the sample was taken.
    pub at: Timestamp,
    /// When counting began.
    pub start: Timestamp,
}

/// What a sample can hold.
#[derive(Clone, Debug)]
pub enum Value {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

impl PartialEq for Value {
    /// Bit for bit.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Histogram(a), Self::Histogram(b)) => a == b,
            _ => false,
        }
    }
}

/// The samples of one label set.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name.
    pub labels: Labels,
    /// Oldest first, no two at one instant.
    pub samples: Vec<Sample>,
    /// Oldest first, no two at one instant, and none at that of a sample.
    pub histograms: Vec<HistogramSample>,
    /// Where counting began, for those samples and histograms of which it is known; oldest first.
    pub starts: Vec<StartTime>,
}

impl Series {
    /// A series of numbers.
    pub const fn of_samples(labels: Labels, samples: Vec<Sample>) -> Self {
        Self {
            labels,
            samples,
            histograms: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// True if it has neither samples nor histograms.
    pub const fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.histograms.is_empty()
    }
}
