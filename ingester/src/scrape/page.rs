//! A page read against the one before it.
//!
//! The same lines come in the same order, so each line's series text is first compared with the one that stood in
//! its place; only surprises are looked up by hash, and only texts that are new are parsed into labels. Of the page
//! before no text is kept, only the [`Print`] of each.
mod buckets;

use std::sync::Arc;

use exposition::{
    Encoding, Entry, Exemplar, Expected, Format, HistogramRules, Item, LabelsError, Parser, Print,
    Sample, Series, SyntaxError, read_protobuf,
};
use hashbrown::HashTable;
use model::{Histogram, Labels, MetricType, Timestamp};
use tsdb::{Ordinal, RowValues};
use xxhash_rust::xxh3::xxh3_64_with_seed;

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
        let mut reading = Reading {
            before,
            cursor: 0,
            between_cursor: 0,
            table: None,
            lines: Vec::with_capacity(before.lines.len()),
            between: Vec::with_capacity(before.between.len()),
            new: Vec::new(),
            new_samples: Vec::new(),
            new_beside: Vec::new(),
            n_samples: 0,
            over_buckets: false,
            told: Fingerprint::default(),
            exemplars: Vec::new(),
            found: Vec::new(),
            rules,
            counts,
        };
        match format {
            Encoding::Lines(format) => reading.lines(page, format, row)?,
            Encoding::Protobuf => read_protobuf(page, rules.histograms, |item| match item {
                Item::Sample(sample) => reading.take_sample(sample, row),
                Item::Told(entry) => {
                    reading.told.add(&entry);
                    Ok(())
                }
            })?,
        }
        if rules.sample_limit > 0 && reading.n_samples > rules.sample_limit {
            return Err(PageError::SampleLimit);
        }
        if reading.over_buckets {
            return Err(PageError::BucketLimit);
        }
        let Reading {
            lines,
            between,
            new,
            new_samples,
            new_beside,
            told,
            exemplars,
            found,
            ..
        } = reading;
        let known = Self {
            format: Some(format),
            lines,
            between,
            told,
            exemplars,
        };
        Ok(Read {
            known,
            new,
            found,
            new_samples,
            new_beside,
        })
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
            self.known.lines.shrink_to_fit();
        }
        if self.known.between.capacity() > self.known.between.len() / 8 * 9 {
            self.known.between.shrink_to_fit();
        }
        self.known
    }
}

/// One page under way.
struct Reading<'a> {
    before: &'a Known,
    /// The line of the page before that is expected next.
    cursor: usize,
    /// What of its lines between series is expected next.
    between_cursor: usize,
    /// All lines by their text: those of the page before, and after them those of this page that are new.
    /// Made at the first surprise.
    table: Option<HashTable<u32>>,
    lines: Vec<Line>,
    between: Vec<Between>,
    new: Vec<Labels>,
    new_samples: Vec<(u32, f64, Option<Timestamp>)>,
    new_beside: Vec<(u32, Beside)>,
    n_samples: u64,
    /// A histogram had too many buckets.
    over_buckets: bool,
    told: Fingerprint,
    exemplars: Vec<(u32, u64)>,
    found: Vec<Found>,
    rules: Rules<'a>,
    counts: &'a mut Counts,
}

impl Reading<'_> {
    fn expected(&self) -> Option<Expected> {
        let line = self.before.lines.get(self.cursor)?;
        let between = self.before.between.get(self.between_cursor);
        let between = between.filter(|between| between.line as usize == self.cursor);
        Some(Expected {
            before: between.map_or(Print::default(), |between| between.lines),
            typed: between.and_then(|between| between.typed),
            text: line.text(),
        })
    }

    /// Goes on in the page before behind its line `line`.
    fn go_on_behind(&mut self, line: usize) {
        let next = self.before.between.get(self.between_cursor);
        if line == self.cursor {
            self.between_cursor += usize::from(next.is_some_and(|b| b.line as usize == line));
        } else {
            let passed = |between: &Between| between.line as usize <= line;
            self.between_cursor = self.before.between.partition_point(passed);
        }
        self.cursor = line + 1;
    }

    fn lines(&mut self, page: &[u8], format: Format, row: &mut RowValues) -> Result<(), PageError> {
        let mut parser = Parser::new(page, format);
        loop {
            let next = match self.expected() {
                Some(expected) => parser.next_expecting(&expected),
                None => parser.next(),
            };
            match next {
                None => return Ok(()),
                Some(Ok(Entry::Series(series))) => self.take(&series, row)?,
                Some(Ok(entry)) => self.told.add(&entry),
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    fn take(&mut self, series: &Series<'_>, row: &mut RowValues) -> Result<(), PageError> {
        let Some(place) = self.place(series)? else {
            return Ok(());
        };
        if let Some(exemplar) = &series.exemplar {
            self.exemplars(series, std::slice::from_ref(exemplar), place);
        }
        if !self.has_room() {
            return Ok(());
        }
        let time = series.timestamp.filter(|_| self.rules.honor_timestamps);
        if place.0 & Place::NEW != 0 {
            let new = place.0 & !Place::NEW;
            self.new_samples.push((new, series.value, time));
        } else if !row.set(Ordinal(place.0), series.value, time) {
            self.counts.duplicates += 1;
        }
        Ok(())
    }

    /// Takes a sample that may be more than a number.
    fn take_sample(&mut self, sample: Sample<'_>, row: &mut RowValues) -> Result<(), PageError> {
        let series = &sample.series;
        let Some(place) = self.place(series)? else {
            return Ok(());
        };
        self.exemplars(series, sample.exemplars, place);
        let histogram = sample.histogram.map(|h| self.rules.buckets.apply(h));
        let Ok(histogram) = histogram.transpose() else {
            self.counts.post_relabel += 1;
            self.over_buckets = true;
            return Ok(());
        };
        if !self.has_room() {
            return Ok(());
        }
        let start = sample.start.filter(|_| self.rules.starts);
        let beside = Beside { histogram, start };
        let time = series.timestamp.filter(|_| self.rules.honor_timestamps);
        if place.0 & Place::NEW != 0 {
            let new = place.0 & !Place::NEW;
            self.new_beside
                .push((self.new_samples.len() as u32, beside));
            self.new_samples.push((new, series.value, time));
        } else if !beside.set(row, Ordinal(place.0), series.value, time) {
            self.counts.duplicates += 1;
        }
        Ok(())
    }

    /// Counts a sample that relabelling left; false if it is one more than the limit allows: then the rest is read for the
    /// sake of the counts.
    fn has_room(&mut self) -> bool {
        self.counts.post_relabel += 1;
        self.n_samples += 1;
        let limit = self.rules.sample_limit;
        limit == 0 || self.n_samples <= limit
    }

    /// The place of a series, whose line is noted; none if relabelling drops it.
    #[inline]
    fn place(&mut self, series: &Series<'_>) -> Result<Option<Place>, PageError> {
        self.counts.scraped += 1;
        self.told.series(series.before);
        if !series.before.is_empty() {
            self.between.push(Between {
                line: self.lines.len() as u32,
                lines: Print::of(series.before),
                typed: series.typed.then_some(series.kind),
            });
        }
        let before = self.before;
        let (text, place) = match before.lines.get(self.cursor) {
            Some(line) if series.expected || line.text() == Print::of(series.text) => {
                self.go_on_behind(self.cursor);
                (line.text(), line.place)
            }
            _ => {
                let text = Print::of(series.text);
                (text, self.surprise(series, text)?)
            }
        };
        let place = match place {
            Place::REFUSED => self.again(series)?,
            place => place,
        };
        self.lines.push(Line::new(text, place));
        Ok((place != Place::DROPPED).then_some(place))
    }

    /// Takes the exemplars of the line that was pushed last, whose series has `place`, but for those that the same line of
    /// the page before had.
    fn exemplars(&mut self, series: &Series<'_>, exemplars: &[Exemplar<'_>], place: Place) {
        if self.rules.exemplars && !exemplars.is_empty() {
            // A series that is known moved the cursor behind its line of the page before.
            let is_known = place.0 & Place::NEW == 0 && self.cursor > 0;
            let before = is_known.then(|| self.cursor as u32 - 1);
            for exemplar in exemplars {
                self.exemplar(series, exemplar, before);
            }
        }
    }

    /// Takes an exemplar of the line that was pushed last, unless the line `before` of the page before had the same.
    fn exemplar(&mut self, series: &Series<'_>, exemplar: &Exemplar<'_>, before: Option<u32>) {
        let seed = exemplar.timestamp.map_or(0, Timestamp::as_millis) as u64;
        let hash = xxh3_64_with_seed(exemplar.text, seed ^ exemplar.value.to_bits());
        self.exemplars.push((self.lines.len() as u32 - 1, hash));
        let known = &self.before.exemplars;
        let is_known = before.is_some_and(|before| {
            let first = known.partition_point(|(line, _)| *line < before);
            let mut same_line = known[first..]
                .iter()
                .take_while(|(line, _)| *line == before);
            same_line.any(|(_, known)| *known == hash)
        });
        if is_known {
            return;
        }
        // What gives no label set is left out; its sample is kept, as in Prometheus.
        let labels = series
            .labels()
            .map(|labels| self.rules.naming.stored(&labels));
        if let (Ok(Ok(Some(series_labels))), Ok(labels)) = (labels, exemplar.labels()) {
            self.found.push(Found {
                series: series_labels,
                labels,
                value: exemplar.value,
                time: exemplar.timestamp,
                sample_time: series.timestamp.filter(|_| self.rules.honor_timestamps),
            });
        }
    }

    /// The place of a series that is not the expected one.
    fn surprise(&mut self, series: &Series<'_>, text: Print) -> Result<Place, PageError> {
        let mut table = match self.table.take() {
            Some(table) => table,
            None => self.table_of_before(),
        };
        let found = table.find(text.hash, |i| self.text(*i) == Some(text));
        let place = match found {
            Some(i) => {
                let i = *i as usize;
                let n_before = self.before.lines.len();
                match i.checked_sub(n_before) {
                    Some(new) => self.lines[new].place,
                    None => {
                        // From there on the pages may be the same again.
                        self.go_on_behind(i);
                        self.before.lines[i].place
                    }
                }
            }
            None => {
                let place = self.name(series)?;
                // The line that is about to be pushed.
                let line = (self.before.lines.len() + self.lines.len()) as u32;
                let hash = |i: &u32| self.text(*i).unwrap_or(text).hash;
                table.insert_unique(text.hash, line, hash);
                place
            }
        };
        self.table = Some(table);
        Ok(place)
    }

    fn table_of_before(&self) -> HashTable<u32> {
        let lines = &self.before.lines;
        let mut table = HashTable::with_capacity(lines.len());
        for (i, line) in lines.iter().enumerate() {
            table.insert_unique(line.hash, i as u32, |i| lines[*i as usize].hash);
        }
        table
    }

    /// The text of a line by its number: those of the page before come first, then those of this page.
    fn text(&self, line: u32) -> Option<Print> {
        let (line, n_before) = (line as usize, self.before.lines.len());
        match line.checked_sub(n_before) {
            None => Some(self.before.lines[line].text()),
            Some(line) => self.lines.get(line).map(|line| line.text()),
        }
    }

    /// Parses a text whose series was refused before.
    fn again(&mut self, series: &Series<'_>) -> Result<Place, PageError> {
        let n_added = self.counts.added;
        let place = self.name(series);
        self.counts.added = n_added;
        place
    }

    /// Parses a text that was never seen.
    fn name(&mut self, series: &Series<'_>) -> Result<Place, PageError> {
        match self.rules.naming.stored(&series.labels()?)? {
            None => Ok(Place::DROPPED),
            Some(labels) => {
                let limit = self.rules.sample_limit;
                if limit == 0 || self.n_samples < limit {
                    self.counts.added += 1;
                }
                self.new.push(labels);
                Ok(Place((self.new.len() - 1) as u32 | Place::NEW))
            }
        }
    }
}
