//! A page read against the one before it.
//!
//! The same lines come in the same order, so each line's series text is first compared with the one that stood in
//! its place; only surprises are looked up by hash, and only texts that are new are parsed into labels.
use std::hash::BuildHasher as _;

use exposition::{Entry, Expected, Format, LabelsError, Parser, Series, SyntaxError};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use model::{Labels, MetricType, Timestamp};
use tsdb::{Ordinal, RowValues};

use super::{
    metadata::Fingerprint,
    naming::{Naming, NamingError},
};

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
}

/// Where a line's sample goes: the ordinal of its series, or nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place(u32);

impl Place {
    /// Relabelling drops the series.
    const DROPPED: Self = Self(u32::MAX);
    /// Set for a series that is new: the other bits are its index among the new ones.
    const NEW: u32 = 1 << 31;
}

/// One series of a page, as offsets into the page, and the place of its samples.
#[derive(Clone, Copy, Debug)]
struct Line {
    value: f64,
    place: Place,
    /// Where the series' text starts; the lines of metadata before it end there.
    text: u32,
    text_len: u32,
    before_len: u32,
    /// How far the value starts behind the text.
    value_gap: u8,
    /// 0 if the value is too long, or too far away, to be remembered.
    value_len: u8,
    typed: Option<MetricType>,
}

impl Line {
    /// The line of `series`, which borrows from `page`.
    fn new(series: &Series<'_>, page: &[u8], place: Place) -> Self {
        let offset = |part: &[u8]| part.as_ptr().addr() - page.as_ptr().addr();
        let text = offset(series.text);
        let gap = offset(series.value_text) - text - series.text.len();
        let value = (u8::try_from(gap), u8::try_from(series.value_text.len()));
        let (value_gap, value_len) = match value {
            (Ok(gap), Ok(len)) => (gap, len),
            _ => (0, 0),
        };
        Self {
            value: series.value,
            place,
            text: text as u32,
            text_len: series.text.len() as u32,
            before_len: series.before.len() as u32,
            value_gap,
            value_len,
            typed: series.typed.then_some(series.kind),
        }
    }

    fn text(self, page: &[u8]) -> &[u8] {
        &page[self.text as usize..][..self.text_len as usize]
    }

    /// What a parser of the next page is told to expect.
    fn expected(self, page: &[u8]) -> Expected<'_> {
        let text = self.text as usize;
        let value = text + self.text_len as usize + self.value_gap as usize;
        Expected {
            before: &page[text - self.before_len as usize..text],
            typed: self.typed,
            text: self.text(page),
            value_text: &page[value..value + self.value_len as usize],
            value: self.value,
        }
    }
}

/// The last page of a target that was taken, and the place of each of its lines.
#[derive(Debug, Default)]
pub(crate) struct Known {
    page: Vec<u8>,
    format: Option<Format>,
    lines: Vec<Line>,
    /// Stands for what the page tells of its metrics.
    told: Fingerprint,
}

/// How a page's reading is bounded and named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) naming: &'a Naming,
    pub(crate) honor_timestamps: bool,
    /// 0 sets no limit.
    pub(crate) sample_limit: u64,
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
    /// The samples of those, and their explicit times.
    new_samples: Vec<(u32, f64, Option<Timestamp>)>,
}

impl Known {
    /// The last page.
    pub(crate) fn page(&self) -> &[u8] {
        &self.page
    }

    /// The last page and its format, given away.
    pub(crate) fn into_page(self) -> Option<(Vec<u8>, Format)> {
        Some((self.page, self.format?))
    }

    /// True if the last page tells the same of its metrics as that of `other`.
    pub(crate) fn tells_as(&self, other: &Self) -> bool {
        self.told == other.told
    }

    /// Reads `page`: samples of known series go into `row` at once. `self` is left as it is.
    pub(crate) fn read(
        &self,
        page: Vec<u8>,
        format: Format,
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
            table: None,
            hasher: RandomState::default(),
            page: &page,
            lines: Vec::with_capacity(before.lines.len()),
            new: Vec::new(),
            new_samples: Vec::new(),
            n_samples: 0,
            told: Fingerprint::default(),
            rules,
            counts,
        };
        let mut parser = Parser::new(&page, format);
        loop {
            let next = match reading.expected() {
                Some(expected) => parser.next_expecting(&expected),
                None => parser.next(),
            };
            match next {
                None => break,
                Some(Ok(Entry::Series(series))) => reading.take(&series, row)?,
                Some(Ok(entry)) => reading.told.add(&entry),
                Some(Err(error)) => return Err(error.into()),
            }
        }
        if rules.sample_limit > 0 && reading.n_samples > rules.sample_limit {
            return Err(PageError::SampleLimit);
        }
        let Reading {
            lines,
            new,
            new_samples,
            told,
            ..
        } = reading;
        let known = Self {
            page,
            format: Some(format),
            lines,
            told,
        };
        Ok(Read {
            known,
            new,
            new_samples,
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
        for (new, value, time) in self.new_samples {
            let is_first = row.set(ordinals[new as usize], value, time);
            counts.duplicates += u64::from(!is_first);
        }
        for line in &mut self.known.lines {
            if line.place != Place::DROPPED && line.place.0 & Place::NEW != 0 {
                line.place = Place(ordinals[(line.place.0 & !Place::NEW) as usize].0);
            }
        }
        if self.known.lines.capacity() > self.known.lines.len() / 8 * 9 {
            self.known.lines.shrink_to_fit();
        }
        // What a body that grew as it came has in reserve.
        if self.known.page.capacity() > self.known.page.len() / 8 * 9 {
            self.known.page.shrink_to_fit();
        }
        self.known
    }

    /// Gives the page back unread.
    pub(crate) fn into_page(self) -> Vec<u8> {
        self.known.page
    }
}

/// One page under way.
struct Reading<'a> {
    before: &'a Known,
    /// The line of the page before that is expected next.
    cursor: usize,
    /// All lines by their text: those of the page before, and after them those of this page that are new.
    /// Made at the first surprise.
    table: Option<HashTable<u32>>,
    hasher: RandomState,
    page: &'a [u8],
    lines: Vec<Line>,
    new: Vec<Labels>,
    new_samples: Vec<(u32, f64, Option<Timestamp>)>,
    n_samples: u64,
    told: Fingerprint,
    rules: Rules<'a>,
    counts: &'a mut Counts,
}

impl Reading<'_> {
    fn expected(&self) -> Option<Expected<'_>> {
        let line = self.before.lines.get(self.cursor)?;
        Some(line.expected(&self.before.page))
    }

    fn take(&mut self, series: &Series<'_>, row: &mut RowValues) -> Result<(), PageError> {
        self.counts.scraped += 1;
        self.told.series(series.before);
        let is_expected = series.expected || self.text(self.cursor as u32) == Some(series.text);
        let place = match is_expected && self.cursor < self.before.lines.len() {
            true => {
                self.cursor += 1;
                self.before.lines[self.cursor - 1].place
            }
            false => self.surprise(series)?,
        };
        self.lines.push(Line::new(series, self.page, place));
        if place == Place::DROPPED {
            return Ok(());
        }
        self.counts.post_relabel += 1;
        self.n_samples += 1;
        let limit = self.rules.sample_limit;
        if limit > 0 && self.n_samples > limit {
            // The rest is read for the sake of the counts.
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

    /// The place of a series that is not the expected one.
    fn surprise(&mut self, series: &Series<'_>) -> Result<Place, PageError> {
        let mut table = match self.table.take() {
            Some(table) => table,
            None => self.table_of_before(),
        };
        let hash = self.hasher.hash_one(series.text);
        let found = table.find(hash, |i| self.text(*i) == Some(series.text));
        let place = match found {
            Some(i) => {
                let i = *i as usize;
                let n_before = self.before.lines.len();
                match i.checked_sub(n_before) {
                    Some(new) => self.lines[new].place,
                    None => {
                        // From there on the pages may be the same again.
                        self.cursor = i + 1;
                        self.before.lines[i].place
                    }
                }
            }
            None => {
                let place = self.name(series)?;
                // The line that is about to be pushed.
                let line = (self.before.lines.len() + self.lines.len()) as u32;
                let text = |i: &u32| self.text(*i).unwrap_or(series.text);
                table.insert_unique(hash, line, |i| self.hasher.hash_one(text(i)));
                place
            }
        };
        self.table = Some(table);
        Ok(place)
    }

    fn table_of_before(&self) -> HashTable<u32> {
        let n_lines = self.before.lines.len() as u32;
        let mut table = HashTable::with_capacity(n_lines as usize);
        let hash = |i: &u32| self.hasher.hash_one(self.text(*i).unwrap_or_default());
        for i in 0..n_lines {
            table.insert_unique(hash(&i), i, hash);
        }
        table
    }

    /// The text of a line by its number: those of the page before come first, then those of this page.
    fn text(&self, line: u32) -> Option<&[u8]> {
        let (line, n_before) = (line as usize, self.before.lines.len());
        match line.checked_sub(n_before) {
            None => Some(self.before.lines[line].text(&self.before.page)),
            Some(line) => Some(self.lines.get(line)?.text(self.page)),
        }
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
