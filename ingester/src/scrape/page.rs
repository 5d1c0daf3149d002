//! A page read against the one before it.
//!
//! The same lines come in the same order, so each line's series text is first compared with the one that stood in
//! its place; only surprises are looked up by hash, and only texts that are new are parsed into labels. Of the page
//! before no text is kept, only the [`Print`] of each.
mod buckets;
mod family;
mod reading;

use std::sync::Arc;

use exposition::{
    Encoding, HistogramRules, Item, LabelsError, Print, SyntaxError, read_collated, read_protobuf,
};
use model::{Histogram, Labels, MetricType, Timestamp, exact};
use tsdb::{Ordinal, RowValues};

use self::reading::Reading;
use super::{
    metadata::Fingerprint,
    naming::{Naming, NamingError},
};
pub(crate) use buckets::BucketRules;

/// Why a page is refused whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PageError {
    /// It breaks its format.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The labels of a series are none.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// A series may not be stored.
    #[error(transparent)]
    Naming(#[from] NamingError),
    /// More samples than the job allows.
    #[error("sample limit exceeded")]
    SampleLimit,
    /// A histogram has more buckets than the job allows, and cannot be made coarser.
    #[error("histogram bucket limit exceeded")]
    BucketLimit,
}

/// Where a line's sample goes: the ordinal of its series, or nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place(u32);

impl Place {
    /// Relabelling drops the series.
    const DROPPED: Self = Self(u32::MAX);
    /// A limit keeps the series out: it is asked for again with each page.
    const REFUSED: Self = Self(u32::MAX - 1);
    /// Set for a series that is new: the other bits are its index among the new ones.
    const NEW: u32 = 1 << 31;
}

/// One series of a page and the place of its samples.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// With `length` the print of the series' text.
    hash: u64,
    length: u32,
    place: Place,
}

impl Line {
    fn new(text: Print, place: Place) -> Self {
        let Print { length, hash } = text;
        Self {
            hash,
            length,
            place,
        }
    }

    fn text(self) -> Print {
        let Self { hash, length, .. } = self;
        Print { length, hash }
    }
}

/// The lines between two series, where there are any.
#[derive(Clone, Copy, Debug)]
struct Between {
    /// The number of the line that they precede.
    line: u32,
    lines: Print,
    typed: Option<MetricType>,
}

/// The last page of a target that was taken, and the place of each of its lines.
#[derive(Debug, Default)]
pub(crate) struct Known {
    format: Option<Encoding>,
    lines: Vec<Line>,
    /// Ascending.
    between: Vec<Between>,
    /// Stands for what the page tells of its metrics.
    told: Fingerprint,
    /// The lines that have exemplars, ascending, and what stands for each of those.
    exemplars: Vec<(u32, u64)>,
}

/// An exemplar of a page that was not at its place on the page before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) series: Labels,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    /// Its own time.
    pub(crate) time: Option<Timestamp>,
    /// The explicit time of its sample.
    pub(crate) sample_time: Option<Timestamp>,
}

impl Found {
    /// The series, and its exemplar as it is stored beside a sample of the time `at`.
    pub(crate) fn stored(self, at: Timestamp) -> (Labels, model::Exemplar) {
        let exemplar = model::Exemplar {
            labels: self.labels,
            value: self.value,
            at: self.time.or(self.sample_time).unwrap_or(at),
            is_timed: self.time.is_some(),
        };
        (self.series, exemplar)
    }
}

/// How a page's reading is bounded and named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) naming: &'a Naming,
    pub(crate) honor_timestamps: bool,
    /// 0 sets no limit.
    pub(crate) sample_limit: u64,
    /// Whether exemplars are looked at.
    pub(crate) exemplars: bool,
    /// Which forms of a histogram are read.
    pub(crate) histograms: HistogramRules,
    pub(crate) buckets: BucketRules,
    /// Whether since when samples count is looked at.
    pub(crate) starts: bool,
    /// Whether series have their types and units as labels.
    pub(crate) metadata_labels: bool,
}

/// What was counted on the way, as far as the page was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Samples on the page.
    pub(crate) scraped: u64,
    /// Samples that relabelling left.
    pub(crate) post_relabel: u64,
    /// Series whose text was not on the page before.
    pub(crate) added: u64,
    /// Samples of series that had one on the page already.
    pub(crate) duplicates: u64,
}

/// A page that was read and waits for the places of its new series.
#[derive(Debug)]
pub(crate) struct Read {
    known: Known,
    /// The labels of the series that are new, in the order of the page.
    pub(crate) new: Vec<Labels>,
    /// The exemplars that are new.
    pub(crate) found: Vec<Found>,
    /// The samples of those, and their explicit times.
    new_samples: Vec<(u32, f64, Option<Timestamp>)>,
    /// What is beside the numbers of those, by their index.
    new_beside: Vec<(u32, Beside)>,
}

/// What a sample is besides a number.
#[derive(Clone, Debug, Default)]
struct Beside {
    histogram: Option<Arc<Histogram>>,
    start: Option<Timestamp>,
}

impl Beside {
    /// Puts a sample with this into `row`; false if its series has one already.
    fn set(
        self,
        row: &mut RowValues,
        ordinal: Ordinal,
        value: f64,
        time: Option<Timestamp>,
    ) -> bool {
        let is_set = match self.histogram {
            Some(histogram) => row.set_histogram(ordinal, histogram, time),
            None => row.set(ordinal, value, time),
        };
        if let Some(start) = self.start.filter(|_| is_set) {
            row.set_start(ordinal, start);
        }
        is_set
    }
}

impl Known {
    /// True if the last page tells the same of its metrics as that of `other`.
    pub(crate) fn tells_as(&self, other: &Self) -> bool {
        self.told == other.told
    }

    /// Reads `page`: samples of known series go into `row` at once. `self` is left as it is.
    pub(crate) fn read(
        &self,
        page: &[u8],
        format: Encoding,
        rules: Rules<'_>,
        row: &mut RowValues,
        counts: &mut Counts,
    ) -> Result<Read, PageError> {
        let before = match self.format == Some(format) {
            true => self,
            false => &Self::default(),
        };
        let mut reading = Reading::new(before, rules, counts);
        match format {
            Encoding::Lines(format) => {
                let take = |item: Item<'_>| reading.item(item, row);
                if !read_collated(page, format, rules.histograms, rules.starts, take)? {
                    reading.lines(page, format, row)?;
                }
            }
            Encoding::Protobuf => {
                read_protobuf(page, rules.histograms, |item| reading.item(item, row))?;
            }
        }
        reading.done(format)
    }
}

impl Read {
    /// Puts the samples of new series into `row`, by the `ordinals` of [`Read::new`], and gives what is known now.
    pub(crate) fn finish(
        mut self,
        ordinals: &[Ordinal],
        row: &mut RowValues,
        counts: &mut Counts,
    ) -> Known {
        let mut beside = self.new_beside.into_iter().peekable();
        for (i, (new, value, time)) in (0_u32..).zip(self.new_samples) {
            let ordinal = ordinals[new as usize];
            let beside = beside.next_if(|(of, _)| *of == i);
            if ordinal != Ordinal::REFUSED {
                let is_first = match beside {
                    Some((_, beside)) => beside.set(row, ordinal, value, time),
                    None => row.set(ordinal, value, time),
                };
                counts.duplicates += u64::from(!is_first);
            }
        }
        for line in &mut self.known.lines {
            if line.place != Place::DROPPED && line.place.0 & Place::NEW != 0 {
                line.place = match ordinals[(line.place.0 & !Place::NEW) as usize] {
                    Ordinal::REFUSED => Place::REFUSED,
                    ordinal => Place(ordinal.0),
                };
            }
        }
        if self.known.lines.capacity() > self.known.lines.len() / 8 * 9 {
            exact(&mut self.known.lines);
        }
        if self.known.between.capacity() > self.known.between.len() / 8 * 9 {
            exact(&mut self.known.between);
        }
        self.known
    }
}
