//! Retiring: what vanished leaves memory before its data is in blocks. From then on the index of the day tells of it,
//! as it does of what is in blocks.
use std::collections::{BTreeMap, BTreeSet};

use model::{GroupKey, TimeRange, Timestamp};
use roaring::RoaringBitmap;

use super::{Inner, blocks::Reader, merge::Loss};
use crate::{
    error::{Kind, TsdbError},
    index::{DayIndex, Present},
    keys::Era,
    row::DictionaryNo,
};

/// The dictionaries that are to leave memory.
type Idle = BTreeMap<GroupKey, BTreeSet<DictionaryNo>>;

impl Inner {
    /// Lets go of the dictionaries, and of the groups, for which no row is awaited, once all their rows are in segments: their series go into
    /// the indexes of the days of those, and then out of memory. Returns how many segments were cut for it.
    ///
    /// A series is first there and then no longer here: who looks here first misses none.
    pub(super) fn retire(&self) -> Result<usize, TsdbError> {
        // An index that is being made anew takes nothing in.
        if !self.broken_indexes().is_empty() {
            return Ok(0);
        }
        let now = self.now();
        // Rows by a dictionary that was begun anew are few: they came between a cut and that.
        let n_segments = self.cut_all(|group| {
            if group.is_gone(now) {
                return group.rows.len().checked_sub(1);
            }
            let (current, mut rows) = (group.current().number, group.rows.iter());
            rows.rposition(|row| row.values.dictionary() != current)
        })?;
        let mut idle = self.idle(now);
        if idle.is_empty() {
            return Ok(n_segments);
        }
        let mut present: BTreeMap<i64, Present> = BTreeMap::new();
        for period in self.spans(Era::Segments) {
            let day = Era::Index.of(Era::Segments.start(period));
            let present = present.entry(day).or_default();
            self.find_present(&Era::Segments.family(period), &mut idle, present)?;
        }
        // The index comes beside the log: what it names must be durable before it.
        self.store.sync()?;
        for (day, present) in present {
            if !self.add_to_index(day, &present)? {
                return Ok(n_segments);
            }
        }
        self.let_go(idle, now);
        Ok(n_segments)
    }

    /// What may leave memory.
    fn idle(&self, now: Timestamp) -> Idle {
        let mut idle = Idle::new();
        for group in self.all_groups() {
            let group = group.lock();
            let numbers: BTreeSet<DictionaryNo> = group.idle(now).collect();
            if !numbers.is_empty() {
                idle.insert(group.key, numbers);
            }
        }
        idle
    }

    /// Finds which series of what is `idle` have data in a family of segments. A group with segments that are broken
    /// stays in memory, so that whoever asks for its series is told.
    fn find_present(
        &self,
        family: &str,
        idle: &mut Idle,
        present: &mut Present,
    ) -> Result<(), TsdbError> {
        let mut damaged = Vec::new();
        for (group, numbers) in &*idle {
            let mut n_broken = 0;
            let mut broken = |error: TsdbError| {
                self.found_damaged(&error);
                n_broken += 1;
            };
            let heads = self.heads(Reader::Upkeep, family, *group, TimeRange::ALL, &mut broken)?;
            if n_broken > 0 {
                damaged.push(*group);
                continue;
            }
            for (id, layout) in heads {
                if numbers.contains(&id.dictionary) {
                    let ordinals = present.entry((*group, id.dictionary)).or_default();
                    ordinals.extend(layout.ordinals);
                }
            }
        }
        idle.retain(|group, _| !damaged.contains(group));
        Ok(())
    }

    /// Adds `present` to the index of `day`; false if that is broken.
    fn add_to_index(&self, day: i64, present: &Present) -> Result<bool, TsdbError> {
        let family = Era::Index.family(day);
        self.ensure_family(&family)?;
        let mut losses: Vec<Loss> = Vec::new();
        let start = Era::Index.start(day);
        let mut labels = |group, number, ordinals: &RoaringBitmap| {
            self.labels_of(start, group, number, ordinals, &mut losses)
        };
        let entries = DayIndex::new(&*self.store, family.clone()).additions(present, &mut labels);
        match entries {
            Ok(entries) if entries.is_empty() => Ok(true),
            Ok(entries) => {
                let mut entries = entries.into_iter().map(Ok);
                self.store.ingest(&family, &mut entries)?;
                Ok(true)
            }
            Err(error) if error.kind() == Kind::Corrupt => {
                self.break_index(day, &error);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes what is still idle out of memory, and groups that have nothing else.
    fn let_go(&self, idle: Idle, now: Timestamp) {
        for (key, numbers) in idle {
            let mut groups = self.groups.write();
            let Some(held) = groups.get(&key).cloned() else {
                continue;
            };
            let mut group = held.lock();
            let still: BTreeSet<DictionaryNo> = group.idle(now).collect();
            let mut index = self.index.write();
            group.dictionaries.retain(|dictionary| {
                let number = dictionary.number;
                let goes = numbers.contains(&number) && still.contains(&number);
                if goes {
                    index.remove(dictionary);
                }
                !goes
            });
            group.dictionaries.shrink_to_fit();
            if group.dictionaries.is_empty() {
                group.evicted = true;
                groups.remove(&key);
            }
        }
    }
}
