//! The scrape cycle of one target without IO: pages in, rows out.
use exposition::{Encoding, HistogramRules};
use model::{Labels, Metadata, Outcome, STALE_NAN};
use tsdb::{Defined, DictionaryNo, Ordinal, RowValues};

use super::{
    metadata,
    naming::Naming,
    page::{BucketRules, Counts, Found, Known, PageError, Rules},
};

/// The series that every scrape gives, in the order in which Prometheus writes them …
const REPORT: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];
/// … and those that come on top if `extra_scrape_metrics` is set.
const EXTRA_REPORT: [&str; 3] = [
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];

/// True if `labels` are those of a series that every scrape of the target with `target` gives.
pub(crate) fn is_report(labels: &Labels, target: &Labels) -> bool {
    let name = labels.metric_name();
    let mut names = REPORT.iter().chain(&EXTRA_REPORT);
    labels.len() == target.len() + 1 && names.any(|known| *known == name)
}

/// What does not change from scrape to scrape, unless the configuration does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CycleRules {
    pub(crate) naming: Naming,
    pub(crate) honor_timestamps: bool,
    /// Whether series with times of their own are marked when they vanish; the others are anyway.
    pub(crate) track_timestamps_staleness: bool,
    /// 0 sets no limit.
    pub(crate) sample_limit: u64,
    pub(crate) extra_metrics: bool,
    pub(crate) timeout_seconds: f64,
    /// Whether exemplars are looked at.
    pub(crate) exemplars: bool,
    /// Which forms of a histogram are read.
    pub(crate) histograms: HistogramRules,
    pub(crate) buckets: BucketRules,
    /// Whether since when samples count is stored.
    pub(crate) starts: bool,
    /// Whether series have their types and units as labels.
    pub(crate) metadata_labels: bool,
}

/// What an attempt to fetch a page brought.
#[derive(Debug)]
pub(crate) enum Scraped {
    /// A page to be read as the format says.
    Page { bytes: Vec<u8>, format: Encoding },
    /// None.
    Nothing {
        /// True if it was too large to be taken.
        too_large: bool,
    },
}

/// The row of one scrape, and what is to be told of it.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) outcome: Outcome,
    pub(crate) counts: Counts,
    /// Why a page that was fetched was refused.
    pub(crate) error: Option<PageError>,
    /// Type, help and unit by metric, if they are not those of the page before.
    pub(crate) metadata: Option<Vec<(String, Metadata)>>,
    /// The exemplars that were not on the page before.
    pub(crate) exemplars: Vec<Found>,
}

/// The memory of one target between scrapes.
#[derive(Debug)]
pub(crate) struct Cycle {
    rules: CycleRules,
    /// The labels of the series that every scrape gives.
    report: Vec<Labels>,
    /// Their places in the dictionary; empty if not known.
    report_places: Vec<Ordinal>,
    known: Known,
    /// The last page, until [`Cycle::release`].
    page: Vec<u8>,
    /// How long it was.
    page_len: usize,
    format: Option<Encoding>,
    row: RowValues,
    /// The series of the last row that had times of their own, if those are tracked.
    timed: Vec<Ordinal>,
    timed_of: DictionaryNo,
}

impl Cycle {
    /// A cycle that knows no page yet.
    pub(crate) fn new(rules: CycleRules) -> Self {
        let extra = if rules.extra_metrics {
            &EXTRA_REPORT[..]
        } else {
            &[]
        };
        let names = REPORT.iter().chain(extra);
        Self {
            report: names.map(|name| rules.naming.synthetic(name)).collect(),
            report_places: Vec::new(),
            known: Known::default(),
            page: Vec::new(),
            page_len: 0,
            format: None,
            row: RowValues::default(),
            timed: Vec::new(),
            timed_of: DictionaryNo::default(),
            rules,
        }
    }

    /// What it goes by.
    pub(crate) fn rules(&self) -> &CycleRules {
        &self.rules
    }

    /// How many bytes the last page had: about what the next one needs.
    pub(crate) fn page_len(&self) -> usize {
        self.page_len
    }

    /// The row that the last [`Cycle::observe`] made.
    pub(crate) fn row(&self) -> &RowValues {
        &self.row
    }

    /// Forgets all places, since the dictionary turned out to be another, and gives back the last page, if it was taken.
    pub(crate) fn forget(&mut self) -> Option<Scraped> {
        self.report_places.clear();
        self.known = Known::default();
        let (bytes, format) = (self.release(), self.format.take()?);
        Some(Scraped::Page { bytes, format })
    }

    /// Gives back the memory of the last page.
    pub(crate) fn release(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.page)
    }

    /// Makes the row of one scrape, which took `took_seconds`.
    ///
    /// `define` gives series their places in the group's dictionary. A page is taken whole or not at all: if it is
    /// refused the row is that of a failed scrape.
    pub(crate) fn observe(
        &mut self,
        scraped: Scraped,
        took_seconds: f64,
        mut define: impl FnMut(&[Labels]) -> Defined,
    ) -> Observed {
        let mut counts = Counts::default();
        let (mut body_bytes, mut error, mut metadata) = (0.0, None, None);
        let (mut outcome, mut exemplars) = (Outcome::Failed, Vec::new());
        self.format = None;
        self.row.clear(self.row.dictionary());
        match scraped {
            Scraped::Nothing { too_large } => {
                if too_large {
                    body_bytes = -1.0;
                }
            }
            Scraped::Page { bytes, format } => {
                body_bytes = bytes.len() as f64;
                let taken = self.take(&bytes, format, &mut counts, &mut define);
                self.format = taken.is_ok().then_some(format);
                match taken {
                    Ok((told_anew, found)) => {
                        exemplars = found;
                        outcome = Outcome::Success;
                        self.page_len = bytes.len();
                        metadata = told_anew.then(|| metadata::told(&bytes, format));
                    }
                    Err(refused) => {
                        error = Some(refused);
                        self.row.clear(self.row.dictionary());
                    }
                }
                self.page = bytes;
            }
        }
        let report = [
            f64::from(u8::from(outcome == Outcome::Success)),
            took_seconds,
            counts.scraped as f64,
            counts.post_relabel as f64,
            counts.added as f64,
            self.rules.timeout_seconds,
            self.rules.sample_limit as f64,
            body_bytes,
        ];
        self.place_report(&mut define);
        for (place, value) in self.report_places.iter().zip(report) {
            // A series of the page with the same labels stands.
            self.row.set(*place, value, None);
        }
        if self.rules.track_timestamps_staleness {
            self.mark_timed();
        }
        Observed {
            outcome,
            counts,
            error,
            metadata,
            exemplars,
        }
    }

    /// Marks the series that had times of their own and are gone. That of the others is derived from their absence.
    fn mark_timed(&mut self) {
        let is_timed = |(place, _, time): (Ordinal, f64, Option<_>)| time.map(|_| place);
        let now = self.row.iter().filter_map(is_timed).collect();
        let before = std::mem::replace(&mut self.timed, now);
        let dictionary = std::mem::replace(&mut self.timed_of, self.row.dictionary());
        if dictionary == self.timed_of {
            for place in before {
                // One that is still there stands.
                self.row.set(place, STALE_NAN, None);
            }
        }
    }

    /// Reads a page into the row; true if it tells otherwise of its metrics than the page before, and its new exemplars.
    fn take(
        &mut self,
        page: &[u8],
        format: Encoding,
        counts: &mut Counts,
        define: &mut impl FnMut(&[Labels]) -> Defined,
    ) -> Result<(bool, Vec<Found>), PageError> {
        let mut n_added = None;
        loop {
            self.place_report(define);
            let rules = Rules {
                naming: &self.rules.naming,
                honor_timestamps: self.rules.honor_timestamps,
                sample_limit: self.rules.sample_limit,
                exemplars: self.rules.exemplars,
                histograms: self.rules.histograms,
                buckets: self.rules.buckets,
                starts: self.rules.starts,
                metadata_labels: self.rules.metadata_labels,
            };
            *counts = Counts::default();
            let read = self.known.read(page, format, rules, &mut self.row, counts);
            // A page that is read again has no more new series for that.
            counts.added = *n_added.get_or_insert(counts.added);
            let mut read = read?;
            let defined = match read.new.is_empty() {
                true => None,
                false => Some(define(&read.new)),
            };
            match defined {
                Some(Defined { dictionary, .. }) if dictionary != self.row.dictionary() => {
                    // It was begun anew: nothing that was known of places holds, so all are defined by it.
                    self.known = Known::default();
                    self.report_places.clear();
                    self.row.clear(dictionary);
                }
                defined => {
                    let ordinals = defined.map(|d| d.ordinals).unwrap_or_default();
                    let found = std::mem::take(&mut read.found);
                    let known = read.finish(&ordinals, &mut self.row, counts);
                    let before = std::mem::replace(&mut self.known, known);
                    return Ok((!self.known.tells_as(&before), found));
                }
            }
        }
    }

    /// Makes the report's places known, and the row, which is empty, one by their dictionary.
    fn place_report(&mut self, define: &mut impl FnMut(&[Labels]) -> Defined) {
        if !self.report_places.is_empty() {
            return;
        }
        let defined = define(&self.report);
        if defined.dictionary != self.row.dictionary() {
            self.known = Known::default();
            self.row.clear(defined.dictionary);
        }
        self.report_places = defined.ordinals;
    }
}

#[cfg(test)]
mod tests;
