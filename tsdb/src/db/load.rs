//! Coming back: what the head, the dictionaries and the index of what is active were before the end of the process.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZero,
    sync::Arc,
    thread,
};

use model::{GroupKey, TimeRange, Timestamp};
use parking_lot::Mutex;

use super::{
    Inner,
    marks::{Mark, TRUNCATED},
    pushed::FoundPushed,
};
use crate::{
    dictionary::Dictionary,
    error::TsdbError,
    group::{Group, HeldRow, Verdict},
    keys::{DATA, Era, KeyParts, Span},
    record,
    row::{DictionaryNo, Ordinal, PackedRow, RowValues},
};

/// What must come back of the groups of one span.
#[derive(Default)]
struct FoundGroups {
    scraped: HashMap<GroupKey, Found>,
    pushed: HashMap<GroupKey, FoundPushed>,
    /// Of which days dictionaries are needed.
    days: BTreeSet<i64>,
}

/// What must come back of a group.
#[derive(Default)]
struct Found {
    /// Up to which slot rows by each dictionary are in segments or blocks.
    cuts: BTreeMap<DictionaryNo, Timestamp>,
    rows: BTreeMap<Timestamp, HeldRow>,
    dictionaries: BTreeMap<DictionaryNo, Dictionary>,
}

/// Brings everything back, on all cores: each takes the groups of one span of keys.
pub(super) fn load(inner: &Inner) -> Result<(), TsdbError> {
    inner.load_time_range()?;
    inner.load_lost()?;
    let families = inner.store.families()?;
    load_damage(inner, &families)?;
    for period in Era::Segments.numbers(&families) {
        inner.is_active_at(Era::Segments.start(period));
    }
    for generation in Era::Rows.numbers(&families) {
        inner.generations.lock().load(generation, 0);
    }
    let n_cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let families = &families;
        let start = |span| scope.spawn(move || load_span(inner, families, span));
        let workers: Vec<_> = Span::split(n_cores).map(start).collect();
        let done = workers.into_iter().map(|worker| {
            let done = worker.join();
            done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        // Of all of them: a panic must not be left behind an error.
        done.fold(Ok(()), Result::and)
    })
}

fn load_span(inner: &Inner, families: &[String], span: Span) -> Result<(), TsdbError> {
    let mut all = FoundGroups::default();
    for period in Era::Segments.numbers(families) {
        all.days.insert(Era::Series.of(Era::Segments.start(period)));
        for mark in inner.marks(&Era::Segments.family(period), span)? {
            let number = mark.dictionary;
            if mark.group.is_pushed() {
                let group = all.pushed.entry(mark.group).or_default();
                group.cut(inner, &mark);
                group.has_segments(number, period);
                continue;
            }
            let group = all.scraped.entry(mark.group).or_default();
            group.cut(inner, &mark);
            let new = || Dictionary::new(number);
            let dictionary = group.dictionaries.entry(number).or_insert_with(new);
            dictionary.last_period = Some(period);
        }
    }
    for generation in Era::Rows.numbers(families) {
        for mark in inner.marks(&Era::Rows.family(generation), span)? {
            match mark.group.is_pushed() {
                true => all.pushed.entry(mark.group).or_default().cut(inner, &mark),
                false => all.scraped.entry(mark.group).or_default().cut(inner, &mark),
            }
        }
    }
    for generation in Era::Rows.numbers(families) {
        all.load_rows(inner, generation, span)?;
    }
    for day in std::mem::take(&mut all.days) {
        all.load_dictionaries(inner, day, span)?;
    }
    for (key, found) in all.scraped {
        let group = found.into_group(inner, key);
        let group = Arc::new(Mutex::new(group));
        inner.groups.write().insert(key, group);
    }
    for (key, found) in all.pushed {
        let group = found.into_group(inner, key);
        // Marks alone, whose segments are gone, bring nothing back.
        if !group.pages.is_empty() {
            let group = Arc::new(Mutex::new(group));
            inner.pushed_groups.write().insert(key, group);
        }
    }
    Ok(())
}

/// Takes note of what the store had to leave out on opening: rows, written since the first that no segment holds.
fn load_damage(inner: &Inner, families: &[String]) -> Result<(), TsdbError> {
    let first = Era::Rows.numbers(families).first().copied();
    let first = first.unwrap_or_else(|| Era::Rows.of(inner.now()));
    let range = Era::Rows.range(first).hull(TimeRange::at(inner.now()));
    let damage = inner.store.take_damage().into_iter();
    damage
        .map(TsdbError::from)
        .try_for_each(|e| inner.lose(None, range, e))
}

impl FoundGroups {
    fn load_rows(&mut self, inner: &Inner, generation: i64, span: Span) -> Result<(), TsdbError> {
        let Self {
            scraped,
            pushed,
            days,
        } = self;
        let family = Era::Rows.family(generation);
        let mut broken = Vec::new();
        for entry in inner.store.scan_once(&family, span.keys(&[DATA]))? {
            let Some((key, value)) = Inner::sound(entry, &mut |e| broken.push(e))? else {
                continue;
            };
            let mut parts = KeyParts(&key);
            let (tag, group) = (parts.tag(), parts.group());
            if let Some(group) = group.filter(|group| group.is_pushed()) {
                let group = pushed.entry(group).or_default();
                group.record(inner, generation, (&key, &value), days)?;
                continue;
            }
            let (Some(_), Some(group), Some(slot)) = (tag, group, parts.time()) else {
                inner.damage(TsdbError::corrupt(&family, "a row's key", TRUNCATED));
                continue;
            };
            let (head, values) = match record::decode(slot, &value) {
                Ok(row) => row,
                Err(source) => {
                    let what = format!("the row of group {group} at {slot}");
                    let error = TsdbError::corrupt(&family, what, source);
                    inner.lose(Some(group), TimeRange::at(slot), error)?;
                    continue;
                }
            };
            let (held, number) = (scraped.entry(group).or_default(), values.dictionary());
            if held.cuts.get(&number).is_some_and(|cut| slot <= *cut) {
                continue;
            }
            days.insert(Era::Series.of(slot));
            let new = || Dictionary::new(number);
            held.dictionaries.entry(number).or_insert_with(new);
            let row = HeldRow {
                head,
                generation,
                values,
            };
            let worse = |old: &HeldRow| !row.head.stamp.wins_over(&old.head.stamp);
            if !held.rows.get(&slot).is_some_and(worse) {
                inner.saw(head.at);
                inner.is_active_at(slot);
                held.rows.insert(slot, row);
            }
        }
        let range = Era::Rows.range(generation);
        broken
            .into_iter()
            .try_for_each(|e| inner.lose(None, range, e))
    }

    fn load_dictionaries(&mut self, inner: &Inner, day: i64, span: Span) -> Result<(), TsdbError> {
        let Self {
            scraped, pushed, ..
        } = self;
        let family = Era::Series.family(day);
        let mut broken = Vec::new();
        for entry in inner.store.scan_once(&family, span.keys(&[]))? {
            let Some((key, value)) = Inner::sound(entry, &mut |e| broken.push(e))? else {
                continue;
            };
            let mut parts = KeyParts(&key);
            let (Some(group), Some(number), Some(first)) =
                (parts.group(), parts.dictionary(), parts.u32())
            else {
                let what = "a dictionary's key";
                inner.damage(TsdbError::corrupt(&family, what, TRUNCATED));
                continue;
            };
            let wanted = match group.is_pushed() {
                true => pushed.get_mut(&group).map(|f| &mut f.dictionaries),
                false => scraped.get_mut(&group).map(|f| &mut f.dictionaries),
            };
            let Some(dictionary) = wanted.and_then(|d| d.get_mut(&number)) else {
                continue;
            };
            if let Err(source) = dictionary.load(day, first, &value) {
                dictionary.damaged = true;
                let what = format!("dictionary {} of group {group} from {first}", number.0);
                let error = TsdbError::corrupt(&family, what, source);
                inner.lose(Some(group), Era::Series.range(day), error)?;
            }
        }
        if !broken.is_empty() {
            // Whose names are missing is not known, and no place may be given twice.
            let dictionaries = scraped
                .values_mut()
                .flat_map(|f| f.dictionaries.values_mut());
            let pushed = pushed.values_mut();
            let pushed = pushed.flat_map(|f| f.dictionaries.values_mut());
            let dictionaries = dictionaries.chain(pushed);
            dictionaries.for_each(|dictionary| dictionary.damaged = true);
        }
        let range = Era::Series.range(day);
        broken
            .into_iter()
            .try_for_each(|e| inner.lose(None, range, e))
    }
}

impl Found {
    fn cut(&mut self, inner: &Inner, mark: &Mark) {
        if let Some(newest) = mark.newest {
            inner.saw(newest);
            let cut = Timestamp::from_millis(mark.position);
            let known = self.cuts.entry(mark.dictionary).or_insert(cut);
            *known = cut.max(*known);
        }
    }

    fn into_group(self, inner: &Inner, key: GroupKey) -> Group {
        let number = inner.numbers.lock().take();
        let mut group = Group::new(key, number, inner.options.rows_per_segment);
        let places = self.rows.values().map(|row| &row.values);
        let places = places.filter(|values| !values.is_empty());
        let lost = places.clone().any(|values| {
            let known = self.dictionaries.get(&values.dictionary());
            known.is_none_or(|dictionary| dictionary.len() < values.n_places())
        });
        let current = self.dictionaries.last_key_value();
        let whole = current.is_some_and(|(_, dictionary)| !dictionary.damaged);
        // Nor by one without rows, which may have left memory before something was deleted that it has.
        let settled = !self.rows.is_empty() || inner.tombstones.now().is_empty();
        if whole && !lost && settled {
            group.dictionaries.clear();
        }
        // Of a damaged dictionary no place may be given again: rows go on by the new one.
        let known = self.dictionaries.into_values();
        group.dictionaries.splice(..0, known);
        group.dictionaries.iter_mut().for_each(Dictionary::sort);
        let mut index = inner.index.write();
        for dictionary in &mut group.dictionaries {
            index.add(key, dictionary);
        }
        drop(index);
        group.last = self.cuts.into_values().max();
        for mut row in self.rows.into_values() {
            let number = row.values.dictionary();
            let known = group.dictionary(number).map_or(0, Dictionary::len);
            if row.values.n_places() > known {
                // Its names are lost with a broken chunk: what can be named is kept.
                let (all, mut named) = (row.values.unpacked(), RowValues::new(number));
                for place in 0..known {
                    named.set_as(&all, Ordinal(place as u32));
                }
                row.values = PackedRow::of(&named);
            }
            inner.generations.lock().load(row.generation, 1);
            group.take(Verdict::Newest, row);
        }
        if group.rows.len() >= group.rows_to_cut {
            inner.due.lock().push(key);
        }
        group
    }
}
