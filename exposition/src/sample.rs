//! Samples that may be more than a number.
use std::sync::Arc;

use model::{Histogram, Timestamp};

use crate::{Entry, Exemplar, Series};

/// Which forms of a histogram are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistogramRules {
    /// Native histograms, in place of their classic form: `scrape_native_histograms`.
    pub native: bool,
    /// The classic form also beside a native one: `always_scrape_classic_histograms`.
    pub always_classic: bool,
    /// Those that are classic only as native ones with custom buckets: `convert_classic_histograms_to_nhcb`.
    pub to_nhcb: bool,
}

/// A sample of a page that may be more than a number.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// Its series; of a histogram the value is the sum. Its exemplars stand in [`Sample::exemplars`] alone.
    pub series: Series<'a>,
    /// The histogram, if it is one.
    pub histogram: Option<Arc<Histogram>>,
    /// Since when it counts, if the page tells.
    pub start: Option<Timestamp>,
    /// Its exemplars.
    pub exemplars: &'a [Exemplar<'a>],
}

/// What a page consists of.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// Type, help or unit of a metric.
    Told(Entry<'a>),
    /// A sample.
    Sample(Sample<'a>),
}
