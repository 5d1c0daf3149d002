//! Deleting: a tombstone at once, and what it covers written anew when its blocks are merged or on demand.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use model::{GroupKey, Labels, Matcher, TimeRange};
use parking_lot::RwLock;
use roaring::RoaringBitmap;

use super::{Inner, Tsdb, blocks::Reader, names::Names, select::Wanted};
use crate::{
    block::Layout,
    error::TsdbError,
    index::matching,
    keys::{Era, META},
    row::{DictionaryNo, Ordinal},
    store::{Batch, KeyRange, Store},
    table::Table,
    tombstone::Tombstone,
};

/// What the keys of tombstones in [`META`] begin with; a number follows.
const PREFIX: &[u8] = b"tombstone ";

/// The tombstones of a database.
#[derive(Debug, Default)]
pub(super) struct Tombstones {
    state: RwLock<State>,
    /// False while there are none, so that nobody asks further.
    any: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// By number. Shared with the readers that began under them.
    stored: Arc<BTreeMap<u64, Tombstone>>,
    /// One whose marks are being found: it covers nothing yet, but what it selects gets no old place any more.
    coming: Option<Tombstone>,
}

/// The tombstones at one moment.
pub(super) type Buried = Arc<BTreeMap<u64, Tombstone>>;

impl Tombstones {
    /// Reads what the last run left.
    pub(super) fn load(store: &dyn Store) -> Result<(Self, Vec<TsdbError>), TsdbError> {
        let (mut stored, mut damage) = (BTreeMap::new(), Vec::new());
        for entry in store.scan(META, KeyRange::prefix(PREFIX))? {
            let (key, value) = entry?;
            let number = key.get(PREFIX.len()..).and_then(|n| n.try_into().ok());
            let number = number.map_or(0, u64::from_be_bytes);
            match Tombstone::decode(&value) {
                Ok(tombstone) => drop(stored.insert(number, tombstone)),
                Err(source) => {
                    let what = format!("tombstone {number}");
                    damage.push(TsdbError::corrupt(META, what, source));
                }
            }
        }
        let any = AtomicBool::new(!stored.is_empty());
        let stored = Arc::new(stored);
        let state = RwLock::new(State {
            stored,
            coming: None,
        });
        Ok((Self { state, any }, damage))
    }

    /// Those that hold now.
    pub(super) fn now(&self) -> Buried {
        match self.any.load(Relaxed) {
            true => Arc::clone(&self.state.read().stored),
            false => Arc::default(),
        }
    }

    /// Calls `define` with a test that says whether a series may get a place in a dictionary; no deletion begins meanwhile.
    pub(super) fn define<T>(
        &self,
        define: impl FnOnce(&dyn Fn(&Labels, GroupKey, DictionaryNo) -> bool) -> T,
    ) -> T {
        let state = self.state.read();
        let all = || state.stored.values().chain(&state.coming);
        define(&|labels, group, number| {
            !all().any(|t| {
                let is_known = t.marks.contains_key(&(group, number));
                number < t.before && !is_known && t.selects(labels)
            })
        })
    }
}

fn key(number: u64) -> Vec<u8> {
    [PREFIX, &number.to_be_bytes()].concat()
}

impl Tsdb {
    /// Deletes the samples in `range` of the series on which all of one of `selectors` pass: no reader that begins afterwards
    /// sees them. Samples that are appended later are seen, wherever they lie. Survives a crash when it returns.
    ///
    /// # Errors
    /// What the store says, and then nothing is deleted.
    pub fn delete(&self, selectors: Vec<Vec<Matcher>>, range: TimeRange) -> Result<(), TsdbError> {
        let inner = &self.inner;
        // Nothing is cut or merged by others meanwhile.
        let _maintenance = inner.maintenance.lock();
        inner.numbers.lock().reserve(&*inner.store)?;
        let tombstone = Tombstone {
            selectors,
            range,
            before: inner.numbers.lock().take(),
            marks: BTreeMap::new(),
        };
        let number = {
            let state = inner.tombstones.state.read();
            state.stored.keys().next_back().map_or(0, |last| last + 1)
        };
        let stored = inner.mark(tombstone).and_then(|tombstone| {
            let mut batch = Batch::new();
            batch.put(META, key(number), tombstone.encode());
            inner.store.write_synced(batch)?;
            Ok(tombstone)
        });
        let mut state = inner.tombstones.state.write();
        state.coming = None;
        Arc::make_mut(&mut state.stored).insert(number, stored?);
        inner.tombstones.any.store(true, Relaxed);
        Ok(())
    }

    /// Writes anew what tombstones cover, without it, and then forgets them.
    ///
    /// # Errors
    /// What the store says; the tombstones then stay and can be cleaned again.
    pub fn clean_tombstones(&self) -> Result<(), TsdbError> {
        let inner = &self.inner;
        let _maintenance = inner.maintenance.lock();
        let buried = inner.tombstones.now();
        if buried.is_empty() {
            return Ok(());
        }
        let mut groups: BTreeMap<GroupKey, Wanted> = BTreeMap::new();
        let mut range: Option<TimeRange> = None;
        let mut unknown = None;
        for tombstone in buried.values() {
            for matchers in &tombstone.selectors {
                let broken = &mut |error| unknown = Some(error);
                inner.places(matchers, tombstone.range, true, &mut groups, broken)?;
            }
            range = Some(range.map_or(tombstone.range, |range| range.hull(tombstone.range)));
        }
        if let Some(error) = unknown {
            // Whoever has an index that is whole knows what is to be cleaned.
            return Err(error);
        }
        let range = range.expect("there is a tombstone");
        let mut touched = BTreeSet::new();
        for (group, wanted) in &groups {
            inner.cut_whole(*group)?;
            let names = inner.names(*group, wanted, range)?;
            for era in [Era::Segments, Era::Blocks] {
                for span in inner.spans_in(era, range) {
                    let family = era.family(span);
                    if inner.clean(&family, *group, wanted, &names, &buried)? {
                        touched.insert(family);
                    }
                }
            }
        }
        inner.store.sync()?;
        for family in touched {
            inner.store.compact(&family)?;
        }
        inner.forget_tombstones(|number, _| buried.contains_key(&number))
    }
}

impl Inner {
    /// Finds the marks of a tombstone.
    fn mark(&self, mut tombstone: Tombstone) -> Result<Tombstone, TsdbError> {
        // From here on no series that is selected gets a place in a dictionary that is there already; those that have
        // one are in the index.
        self.tombstones.state.write().coming = Some(tombstone.clone());
        let mut found: BTreeSet<(GroupKey, DictionaryNo)> = BTreeSet::new();
        {
            let index = self.index.read();
            for matchers in &tombstone.selectors {
                let ids = matching(&*index, matchers)?;
                let places = index.places(&ids);
                found.extend(places.map(|place| (place.group, place.dictionary)));
            }
        }
        for (key, number) in found {
            let position = match key.is_pushed() {
                true => {
                    let Some(group) = self.pushed_group(key) else {
                        continue;
                    };
                    let mut group = group.lock();
                    self.cut_pushed(&mut group, |page| page.dictionary.number == number)?;
                    group.forget_newest(number, |labels, at| {
                        tombstone.range.contains(at) && tombstone.selects(labels)
                    });
                    group.sequence as i64
                }
                false => {
                    let Some(group) = self.group(key) else {
                        continue;
                    };
                    let last = group.lock().last;
                    last.map_or(i64::MIN, |last| last.as_millis())
                }
            };
            tombstone.marks.insert((key, number), position);
        }
        Ok(tombstone)
    }

    /// Cuts everything that is held of a group.
    fn cut_whole(&self, key: GroupKey) -> Result<(), TsdbError> {
        if let Some(group) = self.pushed_group(key) {
            self.cut_pushed(&mut group.lock(), |_| true)?;
        }
        if let Some(group) = self.group(key) {
            let mut group = group.lock();
            let n_rows = group.rows.len();
            if n_rows > 0 {
                self.cut(&mut group, n_rows)?;
            }
        }
        Ok(())
    }

    /// Writes those chunks of a group's blocks in `family` anew that have something deleted. True if there were any.
    fn clean(
        &self,
        family: &str,
        group: GroupKey,
        wanted: &Wanted,
        names: &Names,
        buried: &Buried,
    ) -> Result<bool, TsdbError> {
        let mut batch = Batch::new();
        let mut broken = |error| self.damage(error);
        for (id, layout) in
            self.heads(Reader::Upkeep, family, group, TimeRange::ALL, &mut broken)?
        {
            let Some(wanted) = wanted.get(&id.dictionary) else {
                continue;
            };
            for (number, ordinals) in parts(&layout, wanted) {
                let part = self.part(family, id, &layout, (number, &ordinals), &mut broken)?;
                let Some(mut table) = part else {
                    continue;
                };
                let labels = |ordinal| names.get(id.dictionary, ordinal);
                if bury(buried, group, &mut table, labels) {
                    let (key, value) = id.rewritten(&layout, number, table.columns);
                    batch.put(family, key, value);
                }
            }
        }
        let any = !batch.is_empty();
        if any {
            self.write(batch)?;
        }
        Ok(any)
    }

    /// Forgets the tombstones that `is_done` takes.
    pub(super) fn forget_tombstones(
        &self,
        is_done: impl Fn(u64, &Tombstone) -> bool,
    ) -> Result<(), TsdbError> {
        let mut state = self.tombstones.state.write();
        let done = state
            .stored
            .iter()
            .filter(|(number, t)| is_done(**number, t));
        let done: Vec<u64> = done.map(|(number, _)| *number).collect();
        if done.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        done.iter()
            .for_each(|number| batch.delete(META, key(*number)));
        self.store.write_synced(batch)?;
        Arc::make_mut(&mut state.stored).retain(|number, _| !done.contains(number));
        self.tombstones.any.store(!state.stored.is_empty(), Relaxed);
        Ok(())
    }
}

/// Puts [`model::DELETED_NAN`] in the place of everything deleted of a table. True if anything was.
pub(super) fn bury<'a>(
    buried: &Buried,
    group: GroupKey,
    table: &mut Table,
    labels: impl Fn(Ordinal) -> Option<&'a Labels>,
) -> bool {
    let mut any = false;
    for tombstone in buried.values() {
        any |= tombstone.bury(group, table, &labels);
    }
    any
}

/// The chunks of a block that have a column of `wanted`, each with all ordinals in it; the one number of an inline block
/// is none.
fn parts(layout: &Layout, wanted: &RoaringBitmap) -> Vec<(Option<u16>, RoaringBitmap)> {
    match layout.is_inline() {
        true => {
            let all: RoaringBitmap = layout.ordinals.iter().copied().collect();
            match all.is_disjoint(wanted) {
                true => Vec::new(),
                false => vec![(None, all)],
            }
        }
        false => {
            let numbers = layout.chunks_of(wanted).into_iter();
            numbers.map(|n| (Some(n), layout.ordinals_of(n))).collect()
        }
    }
}
