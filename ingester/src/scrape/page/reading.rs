//! One page on its way from text to places and values.
use exposition::{
    Encoding, Entry, Exemplar, Expected, Format, Item, LabelsError, Parser, Print, Sample, Series,
};
use hashbrown::HashTable;
use model::{Labels, Timestamp};
use tsdb::{Ordinal, RowValues};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    Beside, Between, Counts, Found, Known, Line, PageError, Place, Read, Rules, family::Family,
};
use crate::scrape::metadata::Fingerprint;

/// One page under way.
pub(super) struct Reading<'a> {
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
    /// What was told of the next series, if that becomes labels.
    family: Option<Family>,
    /// How the lines are written that stand before a series and were not told one by one.
    lines_before: Option<Format>,
    exemplars: Vec<(u32, u64)>,
    found: Vec<Found>,
    rules: Rules<'a>,
    counts: &'a mut Counts,
}

impl<'a> Reading<'a> {
    /// Begins to read a page that comes after `before`.
    pub(super) fn new(before: &'a Known, rules: Rules<'a>, counts: &'a mut Counts) -> Self {
        Self {
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
            family: rules.metadata_labels.then(Family::default),
            lines_before: None,
            exemplars: Vec::new(),
            found: Vec::new(),
            rules,
            counts,
        }
    }

    /// What was read of a page of `format`.
    pub(super) fn done(self, format: Encoding) -> Result<Read, PageError> {
        let limit = self.rules.sample_limit;
        if limit > 0 && self.n_samples > limit {
            return Err(PageError::SampleLimit);
        }
        if self.over_buckets {
            return Err(PageError::BucketLimit);
        }
        let Self {
            lines,
            between,
            new,
            new_samples,
            new_beside,
            told,
            exemplars,
            found,
            ..
        } = self;
        let known = Known {
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

    /// Reads a page of lines.
    pub(super) fn lines(
        &mut self,
        page: &[u8],
        format: Format,
        row: &mut RowValues,
    ) -> Result<(), PageError> {
        self.lines_before = Some(format);
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

    /// Takes what a page consists of that is not read line by line.
    pub(super) fn item(&mut self, item: Item<'_>, row: &mut RowValues) -> Result<(), PageError> {
        match item {
            Item::Sample(sample) => self.take_sample(sample, row),
            Item::Told(entry) => {
                self.told.add(&entry);
                if let Some(family) = &mut self.family {
                    family.take(&entry);
                }
                Ok(())
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
            if let (Some(family), Some(format)) = (&mut self.family, self.lines_before) {
                family.take_lines(series, format);
            }
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
        let labels = self
            .labels(series)
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

    /// The labels of a series on the page.
    fn labels(&self, series: &Series<'_>) -> Result<Labels, LabelsError> {
        let labels = series.labels()?;
        Ok(match &self.family {
            Some(family) => family.labelled(labels),
            None => labels,
        })
    }

    /// Parses a text that was never seen.
    fn name(&mut self, series: &Series<'_>) -> Result<Place, PageError> {
        match self.rules.naming.stored(&self.labels(series)?)? {
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
