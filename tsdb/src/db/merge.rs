//! Merging: the segments of two hours become blocks, and their series part of the day's index.
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::atomic::Ordering::Relaxed,
};

use model::{GroupKey, Labels, Millis, TimeRange, Timestamp};
use roaring::RoaringBitmap;

use super::{
    Inner,
    blocks::{BlockId, Reader},
    delete::{Buried, bury},
    names::Names,
};
use crate::{
    block::{Builder, Encoded, Layout},
    error::{Kind, TsdbError},
    index::{DayIndex, Present},
    keys::{Era, Span},
    pushed::MAX_RUNS,
    row::{DictionaryNo, Ordinal},
    store::{Entry, MemoryStore, StoreError, StoreErrorKind},
    table::{self, Column, Table},
};

/// A block has at most so many rows, two hours at one a second; what is denser becomes several.
const MAX_ROWS: usize = 8192;
/// Rows of a group are seldom further apart.
const MARGIN: Millis = Millis::from_seconds(3600);
/// How many columns are in memory at once.
const COLUMNS_AT_ONCE: usize = 960;

/// What could not be moved, and whose it was if that is known.
pub(super) type Loss = (Option<GroupKey>, TsdbError);

impl Inner {
    /// Writes the segments of `period` as blocks, then their series into the day's index, then forgets what memory held
    /// for them, then drops them: whatever is interrupted can be done again. All rows of the period must be cut and synced.
    pub(super) fn merge(&self, period: i64) -> Result<usize, TsdbError> {
        let family = Era::Segments.family(period);
        let day = Era::Blocks.of(Era::Segments.start(period));
        let members = self.marks(&family, Span::ALL)?;
        let groups: BTreeSet<GroupKey> = members.iter().map(|mark| mark.group).collect();
        self.ensure_family(&Era::Index.family(day))?;
        let mut merged = Merged {
            inner: self,
            indexed: self.indexed(day)?,
            family: &family,
            groups: groups.iter().copied().collect(),
            entries: VecDeque::new(),
            present: Present::new(),
            n_blocks: 0,
            losses: Vec::new(),
            failed: None,
        };
        let blocks = Era::Blocks.family(day);
        self.ensure_family(&blocks)?;
        let ingested = self.store.ingest(&blocks, &mut merged);
        if let Some(error) = merged.failed {
            return Err(error);
        }
        ingested?;
        let entries = self.index_entries(
            Era::Segments.start(period),
            &merged.present,
            &mut merged.losses,
        )?;
        self.store
            .ingest(&Era::Index.family(day), &mut entries.into_iter().map(Ok))?;
        // Of what could not be moved only these notes remain.
        for (group, error) in merged.losses {
            self.lose(group, Era::Segments.range(period), error)?;
        }
        let n_blocks = merged.n_blocks;
        for group in groups {
            match group.is_pushed() {
                true => self.forget_pushed(group, period),
                false => self.forget(group, period),
            }
        }
        self.drop_family(&family)?;
        self.counters.blocks.fetch_add(n_blocks as u64, Relaxed);
        Ok(n_blocks)
    }

    /// What the index of `day` names already; found out only if something is deleted.
    fn indexed(&self, day: i64) -> Result<Present, TsdbError> {
        if self.tombstones.now().is_empty() {
            return Ok(Present::new());
        }
        match DayIndex::new(&*self.store, Era::Index.family(day)).present() {
            Err(error) if error.kind() == Kind::Corrupt => {
                self.break_index(day, &error);
                Ok(Present::new())
            }
            present => present,
        }
    }

    /// What the index of the day of `start` lacks of `present`.
    fn index_entries(
        &self,
        start: Timestamp,
        present: &Present,
        losses: &mut Vec<Loss>,
    ) -> Result<Vec<Entry>, TsdbError> {
        let day = Era::Index.of(start);
        let index = DayIndex::new(&*self.store, Era::Index.family(day));
        let mut labels = |group, number, ordinals: &RoaringBitmap| {
            self.labels_of(start, group, number, ordinals, losses)
        };
        match index.additions(present, &mut labels) {
            Err(error) if error.kind() == Kind::Corrupt => {
                // It is made anew from the blocks, these among them.
                self.break_index(day, &error);
                Ok(Vec::new())
            }
            entries => entries,
        }
    }

    /// Makes the index of `day` anew from the blocks and dictionaries of that day.
    pub(super) fn remake_index(&self, day: i64) -> Result<(), TsdbError> {
        let blocks = Era::Blocks.family(day);
        let mut losses: Vec<Loss> = Vec::new();
        let heads = self.all_heads(&blocks, &mut |error| losses.push((None, error)))?;
        let mut present = Present::new();
        let mut take = |heads: Vec<(BlockId, Layout)>| {
            for (id, layout) in heads {
                let ordinals = present.entry((id.group, id.dictionary)).or_default();
                ordinals.extend(layout.ordinals);
            }
        };
        take(heads);
        // Of what is in segments only that which memory no longer knows.
        for period in self.spans(Era::Segments) {
            if Era::Index.of(Era::Segments.start(period)) == day {
                let family = Era::Segments.family(period);
                let mut heads = self.all_heads(&family, &mut |error| self.found_damaged(&error))?;
                heads.retain(|(id, _)| !self.is_in_memory(id.group, id.dictionary));
                take(heads);
            }
        }
        let (nothing, family) = (MemoryStore::new(), Era::Index.family(day));
        let mut labels = |group, number, ordinals: &RoaringBitmap| {
            self.labels_of(Era::Index.start(day), group, number, ordinals, &mut losses)
        };
        let entries = DayIndex::new(&nothing, family.clone()).additions(&present, &mut labels)?;
        for (group, error) in losses {
            self.lose(group, Era::Index.range(day), error)?;
        }
        self.drop_family(&family)?;
        self.ensure_family(&family)?;
        self.store
            .ingest(&family, &mut entries.into_iter().map(Ok))?;
        self.index_is_whole(day);
        Ok(())
    }

    fn is_in_memory(&self, group: GroupKey, number: DictionaryNo) -> bool {
        let mut found = false;
        self.dictionaries(group, |dictionary| found |= dictionary.number == number);
        found
    }

    /// The names of some series of a dictionary, as far as they are known.
    pub(super) fn labels_of(
        &self,
        start: Timestamp,
        group: GroupKey,
        number: DictionaryNo,
        ordinals: &RoaringBitmap,
        losses: &mut Vec<Loss>,
    ) -> Result<Vec<(u32, Labels)>, TsdbError> {
        let mut names = Names::default();
        self.dictionaries(group, |dictionary| {
            if dictionary.number == number {
                names.insert(dictionary, ordinals);
            }
        });
        if !names.has(number) {
            let (wanted, at) = ((number, ordinals), TimeRange::at(start));
            let mut broken = |error| losses.push((Some(group), error));
            self.read_names(group, wanted, at, &mut names, &mut broken)?;
        }
        let names = ordinals.iter().filter_map(|ordinal| {
            let labels = names.get(number, Ordinal(ordinal))?;
            Some((ordinal, labels.clone()))
        });
        Ok(names.collect())
    }

    /// Lets go of the dictionaries of `group` that have data in blocks alone, and of the group if none is left.
    fn forget(&self, key: GroupKey, period: i64) {
        let mut groups = self.groups.write();
        let Some(held) = groups.get(&key).cloned() else {
            return;
        };
        let mut group = held.lock();
        let group = &mut *group;
        let rows = &group.rows;
        let idle = |number, last: Option<i64>| {
            let held = rows.iter().any(|row| row.values.dictionary() == number);
            !held && last.is_none_or(|last| last <= period)
        };
        let current = group.current().number;
        let all = group
            .dictionaries
            .iter()
            .all(|d| idle(d.number, d.last_period));
        let mut index = self.index.write();
        group.dictionaries.retain(|dictionary| {
            let keep = !idle(dictionary.number, dictionary.last_period)
                || (dictionary.number == current && !all);
            if !keep {
                index.remove(dictionary);
            }
            keep
        });
        if group.dictionaries.is_empty() {
            group.evicted = true;
            groups.remove(&key);
        }
    }

    /// The blocks of all segments of `group` in `family`, and what series they have.
    fn merge_group(
        &self,
        family: &str,
        group: GroupKey,
        indexed: &Present,
        present: &mut Present,
        losses: &mut Vec<Loss>,
    ) -> Result<Vec<(BlockId, Encoded)>, TsdbError> {
        let mut broken = |error| losses.push((Some(group), error));
        let heads = self.heads(Reader::Upkeep, family, group, TimeRange::ALL, &mut broken)?;
        let mut by_dictionary: BTreeMap<DictionaryNo, Vec<(BlockId, Layout)>> = BTreeMap::new();
        for (id, layout) in heads {
            by_dictionary
                .entry(id.dictionary)
                .or_default()
                .push((id, layout));
        }
        let max_rows = match group.is_pushed() {
            true => MAX_RUNS,
            false => MAX_ROWS,
        };
        let buried = self.tombstones.now();
        let mut blocks = Vec::new();
        for (number, mut segments) in by_dictionary {
            let ordinals: RoaringBitmap = segments.iter().flat_map(|(_, l)| &l.ordinals).collect();
            let order = self.order(group, number, &ordinals, &segments);
            let names = match buried.is_empty() {
                true => Names::default(),
                false => {
                    let wanted = BTreeMap::from([(number, ordinals)]);
                    let bounds = segments.iter().map(|(_, layout)| layout.bounds);
                    let bounds = bounds.reduce(TimeRange::hull).unwrap_or(TimeRange::ALL);
                    self.names(group, &wanted, bounds)?
                }
            };
            let none = RoaringBitmap::new();
            let deleted = Deleted {
                indexed: indexed.get(&(group, number)).unwrap_or(&none),
                buried: &buried,
                names: &names,
            };
            // Of what overlaps, that which came first must come first: within a part it is found out row by row.
            segments.sort_by_key(|(id, _)| (id.position, id.end));
            let mut n_rows = 0;
            let mut parts: Vec<Vec<(BlockId, Layout)>> = vec![Vec::new()];
            for segment in segments {
                if n_rows + segment.1.rows.len() > max_rows && n_rows > 0 {
                    parts.push(Vec::new());
                    n_rows = 0;
                }
                n_rows += segment.1.rows.len();
                parts
                    .last_mut()
                    .expect("there is always a part")
                    .push(segment);
            }
            for part in parts {
                let series = (&*order, &deleted);
                let merged = self.merge_segments(family, &part, series, &mut broken)?;
                let (ordinals, (end, block)) = merged;
                *present.entry((group, number)).or_default() |= ordinals;
                let positions = part.iter().map(|(id, _)| id.position);
                let id = BlockId {
                    group,
                    end,
                    dictionary: number,
                    position: positions.max().expect("a part has segments"),
                };
                blocks.push((id, block));
            }
        }
        Ok(blocks)
    }

    /// The ordinals of `present` in the order of their series.
    fn order(
        &self,
        group: GroupKey,
        number: DictionaryNo,
        present: &RoaringBitmap,
        segments: &[(BlockId, Layout)],
    ) -> Vec<u32> {
        let mut order = None;
        self.dictionaries(group, |dictionary| {
            if dictionary.number == number {
                let all = dictionary.order().iter().copied();
                order = Some(all.filter(|o| present.contains(*o)).collect::<Vec<u32>>());
            }
        });
        // One that was damaged may know less than the segments have.
        if let Some(order) = order.filter(|order| order.len() as u64 == present.len()) {
            return order;
        }
        // Without the dictionary, as it was when the segments were cut.
        let mut seen = RoaringBitmap::new();
        let ordinals = segments.iter().flat_map(|(_, layout)| &layout.ordinals);
        ordinals.copied().filter(|o| seen.insert(*o)).collect()
    }

    fn merge_segments(
        &self,
        family: &str,
        segments: &[(BlockId, Layout)],
        (order, deleted): (&[u32], &Deleted<'_>),
        broken: &mut dyn FnMut(TsdbError),
    ) -> Result<(RoaringBitmap, (Timestamp, Encoded)), TsdbError> {
        let tables = |wanted: &RoaringBitmap, broken: &mut dyn FnMut(TsdbError)| {
            let tables = segments.iter().map(|(id, layout)| {
                let mut table = self.table(Reader::Upkeep, family, *id, layout, wanted, broken)?;
                deleted.bury(id.group, &mut table);
                Ok(table)
            });
            tables.collect::<Result<Vec<Table>, TsdbError>>()
        };
        let is_pushed = segments.iter().any(|(id, _)| id.group.is_pushed());
        let concat = match is_pushed {
            true => table::union::concat,
            false => table::concat,
        };
        let rows = concat(tables(&RoaringBitmap::new(), broken)?).rows;
        let number = segments.first().map(|(id, _)| id.dictionary);
        let (first, mut present) = (rows.first().map(|row| row.at), RoaringBitmap::new());
        let is_gone = |column: &Column| {
            let column = number.zip(first).map(|(number, at)| (number, at, column));
            column.is_some_and(|(number, at, column)| deleted.is_gone(number, at, column))
        };
        let mut builder = Builder::new(rows);
        for ordinals in order.chunks(COLUMNS_AT_ONCE) {
            let wanted: RoaringBitmap = ordinals.iter().copied().collect();
            let columns = concat(tables(&wanted, broken)?).columns;
            let mut columns: BTreeMap<u32, _> =
                columns.into_iter().map(|c| (c.ordinal.0, c)).collect();
            let in_order = ordinals.iter().filter_map(|o| columns.remove(o));
            for column in in_order.filter(|column| !is_gone(column)) {
                present.insert(column.ordinal.0);
                builder.push(column);
            }
        }
        Ok((present, builder.finish()))
    }
}

/// What was deleted of the series of one dictionary.
struct Deleted<'a> {
    /// Those that the day's index names already: they keep their columns, since nothing is taken out of an index.
    indexed: &'a RoaringBitmap,
    buried: &'a Buried,
    names: &'a Names,
}

impl Deleted<'_> {
    fn bury(&self, group: GroupKey, table: &mut Table) {
        let number = table.dictionary;
        let labels = |ordinal| self.names.get(number, ordinal);
        bury(self.buried, group, table, labels);
    }

    /// True if nothing of a column is left, and nothing just before its first row is either, so that its absence there
    /// will not be taken for its end.
    fn is_gone(&self, number: DictionaryNo, first: Timestamp, column: &Column) -> bool {
        let values = column.values.to_numbers();
        !self.indexed.contains(column.ordinal.0)
            && values.iter().all(|value| model::is_deleted_nan(*value))
            && self
                .names
                .get(number, column.ordinal)
                .is_some_and(|labels| {
                    let mut buried = self.buried.values();
                    buried.any(|t| t.range.start() + MARGIN <= first && t.selects(labels))
                })
    }
}

/// The entries of all blocks of a family of segments, group by group.
struct Merged<'a> {
    inner: &'a Inner,
    /// What the index of the day names already.
    indexed: Present,
    family: &'a str,
    groups: VecDeque<GroupKey>,
    entries: VecDeque<Entry>,
    present: Present,
    n_blocks: usize,
    losses: Vec<Loss>,
    failed: Option<TsdbError>,
}

impl Iterator for Merged<'_> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return Some(Ok(entry));
            }
            let group = self.groups.pop_front()?;
            match self.inner.merge_group(
                self.family,
                group,
                &self.indexed,
                &mut self.present,
                &mut self.losses,
            ) {
                Ok(blocks) => {
                    self.n_blocks += blocks.len();
                    let blocks = blocks.into_iter().flat_map(|(id, b)| id.entries(b));
                    let mut entries: Vec<Entry> = blocks.collect();
                    entries.sort();
                    entries.dedup_by(|a, b| a.0 == b.0);
                    self.entries = entries.into();
                }
                Err(error) => {
                    // The store is told to give up; the reason is kept for the caller.
                    self.failed = Some(error);
                    let attempt = format!("merge the family {}", self.family);
                    return Some(Err(StoreError::new(StoreErrorKind::Unavailable, attempt)));
                }
            }
        }
    }
}
