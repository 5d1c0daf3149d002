//! Coming back: what the head, the dictionaries and the index of what is active were before the end of the process.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{GroupKey, Timestamp};

use super::Inner;
use crate::{
    codec::{DecodeError, Reader, open, put_varint, seal},
    dictionary::Dictionary,
    error::TsdbError,
    group::{Group, HeldRow, Verdict},
    index::Place,
    keys::{Era, Key, KeyParts},
    record,
    row::{DictionaryNo, Ordinal, RowValues},
    store::KeyRange,
};

/// The tag of member records in a family of segments.
const MEMBER: u8 = 0;
const MEMBER_VERSION: u8 = 1;

/// The key of the record that says how far `dictionary` of `group` is cut within a span of segments.
pub(crate) fn member_key(group: GroupKey, dictionary: DictionaryNo) -> Vec<u8> {
    Key::tag(MEMBER).group(group).dictionary(dictionary).bytes()
}

/// The value of a member record.
pub(crate) fn member_value(cut: Timestamp) -> Vec<u8> {
    let mut body = vec![MEMBER_VERSION];
    put_varint(&mut body, cut.as_millis());
    seal(body)
}

/// All member records of a family of segments: who has segments there, and up to which slot.
pub(crate) fn members(
    inner: &Inner,
    family: &str,
) -> Result<Vec<(GroupKey, DictionaryNo, Timestamp)>, TsdbError> {
    let mut members = Vec::new();
    for entry in inner.store.scan(family, KeyRange::prefix(&[MEMBER]))? {
        let (key, value) = entry?;
        let mut parts = KeyParts(&key);
        let _ = parts.tag();
        let (Some(group), Some(dictionary)) = (parts.group(), parts.dictionary()) else {
            inner.damage(TsdbError::corrupt(family, "a member's key", TRUNCATED_KEY));
            continue;
        };
        let cut = open(&value, MEMBER_VERSION).and_then(|body| Reader::new(body).varint());
        match cut {
            Ok(cut) => members.push((group, dictionary, Timestamp::from_millis(cut))),
            Err(source) => {
                let what = format!("the member record of group {group}");
                inner.damage(TsdbError::corrupt(family, what, source));
                // Its segments are there all the same; rows that are loaded twice do no harm.
                members.push((group, dictionary, Timestamp::MIN));
            }
        }
    }
    Ok(members)
}

const TRUNCATED_KEY: DecodeError = DecodeError {
    offset: 0,
    what: "key is too short",
};

/// What must come back of a group.
#[derive(Default)]
struct Found {
    cut: Option<Timestamp>,
    rows: BTreeMap<Timestamp, HeldRow>,
    dictionaries: BTreeMap<DictionaryNo, Dictionary>,
}

pub(super) fn load(inner: &Inner) -> Result<(), TsdbError> {
    let families = inner.store.families()?;
    let mut found: HashMap<GroupKey, Found> = HashMap::new();
    let mut days: BTreeSet<i64> = BTreeSet::new();
    for period in Era::Segments.numbers(&families) {
        days.insert(Era::Series.of(Era::Segments.start(period)));
        for (group, number, cut) in members(inner, &Era::Segments.family(period))? {
            let group = found.entry(group).or_default();
            group.cut = group.cut.max(Some(cut));
            let new = || Dictionary::new(number);
            group.dictionaries.entry(number).or_insert_with(new);
        }
    }
    for generation in Era::Rows.numbers(&families) {
        load_rows(inner, generation, &mut found, &mut days)?;
    }
    for day in days {
        load_dictionaries(inner, day, &mut found)?;
    }
    let mut groups = inner.groups.write();
    for (key, found) in found {
        let group = found.into_group(inner, key);
        groups.insert(key, std::sync::Arc::new(parking_lot::Mutex::new(group)));
    }
    Ok(())
}

fn load_rows(
    inner: &Inner,
    generation: i64,
    found: &mut HashMap<GroupKey, Found>,
    days: &mut BTreeSet<i64>,
) -> Result<(), TsdbError> {
    let family = Era::Rows.family(generation);
    inner.generations.lock().load(generation, 0);
    for entry in inner.store.scan(&family, KeyRange::ALL)? {
        let (key, value) = entry?;
        let mut parts = KeyParts(&key);
        let (Some(group), Some(slot)) = (parts.group(), parts.time()) else {
            inner.damage(TsdbError::corrupt(&family, "a row's key", TRUNCATED_KEY));
            continue;
        };
        let held = found.entry(group).or_default();
        if held.cut.is_some_and(|cut| slot <= cut) {
            continue;
        }
        let (head, values) = match record::decode(slot, &value) {
            Ok(row) => row,
            Err(source) => {
                let what = format!("the row of group {group} at {slot}");
                inner.damage(TsdbError::corrupt(&family, what, source));
                continue;
            }
        };
        days.insert(Era::Series.of(slot));
        let number = values.dictionary();
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
            held.rows.insert(slot, row);
        }
    }
    Ok(())
}

fn load_dictionaries(
    inner: &Inner,
    day: i64,
    found: &mut HashMap<GroupKey, Found>,
) -> Result<(), TsdbError> {
    let family = Era::Series.family(day);
    for entry in inner.store.scan(&family, KeyRange::ALL)? {
        let (key, value) = entry?;
        let mut parts = KeyParts(&key);
        let (Some(group), Some(number), Some(first)) =
            (parts.group(), parts.dictionary(), parts.u32())
        else {
            let what = "a dictionary's key";
            inner.damage(TsdbError::corrupt(&family, what, TRUNCATED_KEY));
            continue;
        };
        let wanted = found.get_mut(&group);
        let Some(dictionary) = wanted.and_then(|f| f.dictionaries.get_mut(&number)) else {
            continue;
        };
        if let Err(source) = dictionary.load(day, first, &value) {
            let what = format!("dictionary {} of group {group} from {first}", number.0);
            inner.damage(TsdbError::corrupt(&family, what, source));
        }
    }
    Ok(())
}

impl Found {
    fn into_group(self, inner: &Inner, key: GroupKey) -> Group {
        let mut group = Group::new(key, inner.options.rows_per_segment);
        if !self.dictionaries.is_empty() {
            group.dictionaries = self.dictionaries.into_values().collect();
        }
        let mut index = inner.index.write();
        for dictionary in &mut group.dictionaries {
            dictionary.finish_loading();
            let number = dictionary.number;
            let place = |ordinal| Place {
                group: key,
                dictionary: number,
                ordinal: Ordinal(ordinal),
            };
            let ids = dictionary.labels().iter().zip(0..);
            dictionary.ids = ids.map(|(l, i)| index.insert(l, place(i))).collect();
        }
        drop(index);
        group.cut = self.cut;
        group.last = self.cut;
        for (slot, mut row) in self.rows {
            let number = row.values.dictionary();
            let known = group.dictionary(number).map_or(0, Dictionary::len);
            if row.values.n_places() > known {
                // Its names are lost with a broken chunk: what can be named is kept.
                let mut named = RowValues::new(number);
                for (ordinal, value, time) in row.values.iter() {
                    if (ordinal.0 as usize) < known {
                        named.set(ordinal, value, time);
                    }
                }
                row.values = named;
            }
            inner.generations.lock().load(row.generation, 1);
            row.values.shrink();
            debug_assert!(group.last.is_none_or(|last| last < slot));
            group.take(Verdict::Newest, row);
        }
        if group.rows.is_empty() {
            group.n_active = 0;
        }
        group
    }
}
