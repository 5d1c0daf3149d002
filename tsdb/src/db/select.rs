//! Selecting: group by group, the head, segments and blocks seen as one.
use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, thread, vec};

use model::{GroupKey, GroupSlice, Matcher, RowHead, TimeRange};
use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::{
    Inner, Tsdb,
    delete::{Buried, bury},
    names::Names,
};
use crate::{
    error::{Kind, TsdbError},
    index::{DayIndex, Place, matching},
    keys::Era,
    row::{DictionaryNo, PackedRow},
    table::{Table, slice, union},
};

/// The series wanted of each dictionary of a group.
pub(super) type Wanted = BTreeMap<DictionaryNo, RoaringBitmap>;

impl Tsdb {
    /// The groups with series on which all of `matchers` pass, in the order of their keys, as far as they lie in `range`.
    ///
    /// A slice has all rows of its group in the range, also those in which no selected series is present, so that
    /// absence after presence shows (of a pushed group, where it means nothing, only those with a sample); a row is in range if its own time is or that of a selected sample it carries.
    /// Groups whose selected series have no row in range are left out. A sample that was deleted stands in a scraped group's
    /// row as [`model::DELETED_NAN`]. Memory holds one group at a time.
    /// A row that is appended while the iteration runs may or may not be seen. After an error, which names what is
    /// damaged, the iteration goes on with the rest; what is whole of the damaged group comes before the error.
    ///
    /// # Errors
    /// What the store says, or that the index is damaged.
    pub fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Select, TsdbError> {
        // What is deleted is first hidden, then written anew, then hidden no longer: to look before reading is right.
        let buried = self.inner.tombstones.now();
        let (mut groups, mut errors) = (BTreeMap::new(), Vec::new());
        let broken = &mut |error| errors.push(error);
        self.inner
            .places(matchers, range, true, &mut groups, broken)?;
        errors.extend(self.inner.lost(range, |group| groups.contains_key(&group)));
        Ok(Select {
            inner: self.inner.clone(),
            groups: groups.into_iter().collect::<Vec<_>>().into_iter(),
            range,
            buried,
            errors,
        })
    }
}

/// Takes one group, or an error that names what is damaged; says whether to go on.
pub type Take<'t> = dyn Fn(Result<GroupSlice, TsdbError>) -> bool + Sync + 't;

/// So many series are worth another thread.
const WORTH_A_THREAD: u64 = 256;

impl Select {
    /// Hands all that the iteration would give to `take`, in no order, from up to `n_threads` threads at once; ends early
    /// when that says so.
    pub fn each(mut self, n_threads: NonZeroUsize, take: &Take<'_>) {
        if !self.errors.drain(..).all(|error| take(Err(error))) {
            return;
        }
        let wanted = self.groups.as_slice().iter().flat_map(|(_, w)| w.values());
        let n_series: u64 = wanted.map(RoaringBitmap::len).sum();
        let n_threads = (n_series / WORTH_A_THREAD)
            .min(self.groups.len() as u64)
            .clamp(1, n_threads.get() as u64);
        let (inner, range, buried) = (&self.inner, self.range, &self.buried);
        let groups = Mutex::new(self.groups);
        let work = || {
            let mut errors = Vec::new();
            loop {
                let Some((group, wanted)) = groups.lock().next() else {
                    return;
                };
                let read = inner.read(group, &wanted, range, buried, &mut errors);
                let slice = read.transpose().is_none_or(take);
                if !slice || !errors.drain(..).all(|error| take(Err(error))) {
                    // Nothing is left for the others either.
                    groups.lock().by_ref().for_each(drop);
                    return;
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..n_threads {
                scope.spawn(work);
            }
            work();
        });
    }
}

/// The answer to [`Tsdb::select`], read as it is iterated.
#[derive(Debug)]
pub struct Select {
    inner: Arc<Inner>,
    groups: vec::IntoIter<(GroupKey, Wanted)>,
    range: TimeRange,
    buried: Buried,
    errors: Vec<TsdbError>,
}

impl Iterator for Select {
    type Item = Result<GroupSlice, TsdbError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.errors.pop() {
                return Some(Err(error));
            }
            let (group, wanted) = self.groups.next()?;
            let (range, errors) = (self.range, &mut self.errors);
            let read = self.inner.read(group, &wanted, range, &self.buried, errors);
            match read {
                Ok(Some(slice)) => return Some(Ok(slice)),
                Ok(None) => {}
                Err(error) => return Some(Err(error.of(group))),
            }
        }
    }
}

impl Inner {
    /// Adds where the series on which all of `matchers` pass stand: of what is active, if that is asked for, and of what
    /// blocks have about `range`. A day whose index is broken is left out and told to `broken`.
    ///
    /// What is active first, then what is in blocks: series go that way, so none is missed on its way.
    pub(super) fn places(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        active: bool,
        groups: &mut BTreeMap<GroupKey, Wanted>,
        broken: &mut dyn FnMut(TsdbError),
    ) -> Result<(), TsdbError> {
        let mut take = |places: &[Place]| {
            // Series of one dictionary mostly stand together.
            for run in places.chunk_by(|a, b| (a.group, a.dictionary) == (b.group, b.dictionary)) {
                let wanted = groups.entry(run[0].group).or_default();
                let ordinals = wanted.entry(run[0].dictionary).or_default();
                ordinals.extend(run.iter().map(|place| place.ordinal.0));
            }
        };
        if active {
            let index = self.index.read();
            let places: Vec<Place> = index.places(&matching(&*index, matchers)?).collect();
            drop(index);
            take(&places);
        }
        let unusable = self.broken_indexes();
        for day in self.spans_in(Era::Index, range) {
            if unusable.contains(&day) {
                broken(TsdbError::Lost {
                    range: Era::Index.range(day),
                    what: "the index is being made anew".to_owned(),
                });
                continue;
            }
            let index = DayIndex::new(&*self.store, Era::Index.family(day));
            let found = matching(&index, matchers).and_then(|ids| index.places(&ids));
            match found {
                Ok(places) => take(&places),
                Err(error) if error.kind() == Kind::Corrupt => {
                    self.break_index(day, &error);
                    broken(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(
        &self,
        group: GroupKey,
        wanted: &Wanted,
        range: TimeRange,
        buried: &Buried,
        errors: &mut Vec<TsdbError>,
    ) -> Result<Option<GroupSlice>, TsdbError> {
        let (mut tables, mut names) = (Vec::new(), Names::default());
        let mut broken = |error: TsdbError| {
            self.found_damaged(&error);
            errors.push(error.of(group));
        };
        match group.is_pushed() {
            true => self.read_pushed_head(group, wanted, range, &mut tables, &mut names),
            false => self.read_head(group, wanted, &mut tables, &mut names),
        }
        for (number, ordinals) in wanted {
            if !names.has(*number) {
                let wanted = (*number, ordinals);
                self.read_names(group, wanted, range, &mut names, &mut broken)?;
            }
        }
        for era in [Era::Segments, Era::Blocks] {
            for span in self.spans_in(era, range) {
                let family = era.family(span);
                self.read_blocks(&family, group, wanted, range, &mut tables, &mut broken)?;
            }
        }
        for table in &mut tables {
            let number = table.dictionary;
            bury(buried, group, table, |ordinal| names.get(number, ordinal));
        }
        let labels = |number, ordinal| names.get(number, ordinal);
        Ok(match group.is_pushed() {
            true => union::slice(group, tables, range, labels),
            false => slice(group, tables, range, labels),
        })
    }

    /// Adds what the head has of `group`, and its dictionaries in memory.
    fn read_head(
        &self,
        group: GroupKey,
        wanted: &Wanted,
        tables: &mut Vec<Table>,
        names: &mut Names,
    ) {
        let Some(group) = self.group(group) else {
            return;
        };
        let group = group.lock();
        for dictionary in &group.dictionaries {
            let ordinals = wanted.get(&dictionary.number);
            if let Some(ordinals) = ordinals {
                names.insert(dictionary, ordinals);
            }
            let rows: Vec<(RowHead, &PackedRow)> = group
                .rows
                .iter()
                .filter(|row| row.values.dictionary() == dictionary.number)
                .map(|row| (row.head, &row.values))
                .collect();
            if !rows.is_empty() {
                let ordinals = ordinals.into_iter().flatten();
                tables.push(Table::of_rows(dictionary.number, &rows, ordinals));
            }
        }
    }
}
