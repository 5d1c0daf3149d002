//! The index of what blocks hold: one family a UTC day, grown with each merge.
//!
//! ```text
//! 00 | first id 4                               -> member: group, dictionary, its ordinals in the order of their ids
//! 01 | name, value, escaped | first new id 4    -> ids of series with that label, as of one merge
//! 02 | name, escaped | first new id 4           -> ids of series with that label name, as of one merge
//! ```
//!
//! A merge adds what is new on that day and changes nothing, so that the ids of a day only grow and a label has as many
//! entries as merges that brought new series with it: nearly always one.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{GroupKey, Labels};
use roaring::RoaringBitmap;

use super::{Place, Postings};
use crate::{
    codec::{DecodeError, Reader, open, put_uvarint, seal},
    error::TsdbError,
    keys::{Key, KeyParts},
    row::{DictionaryNo, Ordinal},
    store::{Entry, KeyRange, Store},
};

const MEMBER: u8 = 0;
const LABEL: u8 = 1;
const NAME: u8 = 2;
const VERSION: u8 = 1;
/// Up to so many ids are looked up one by one; more are found by reading all members.
const FEW_IDS: u64 = 256;

/// Text in a key, so that texts sort as they are and none is the beginning of another.
fn put_text(key: &mut Vec<u8>, text: &str) {
    put_escaped(key, text);
    key.extend_from_slice(&[0, 1]);
}

fn put_escaped(key: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(0xff);
        }
    }
}

/// The text at the front of `key`, and what follows it.
fn take_text(key: &[u8]) -> Option<(String, &[u8])> {
    let (mut text, mut at) = (Vec::new(), 0);
    loop {
        match (key.get(at)?, key.get(at + 1)) {
            (0, Some(1)) => return Some((String::from_utf8(text).ok()?, &key[at + 2..])),
            (0, Some(0xff)) => {
                text.push(0);
                at += 2;
            }
            (0, _) => return None,
            (byte, _) => {
                text.push(*byte);
                at += 1;
            }
        }
    }
}

fn seal_ids(ids: &RoaringBitmap) -> Vec<u8> {
    let mut body = vec![VERSION];
    ids.serialize_into(&mut body)
        .expect("writing to memory does not fail");
    seal(body)
}

fn open_ids(sealed: &[u8]) -> Result<RoaringBitmap, DecodeError> {
    read_ids(open(sealed, VERSION)?)
}

fn read_ids(bytes: &[u8]) -> Result<RoaringBitmap, DecodeError> {
    let what = "ids do not decode";
    RoaringBitmap::deserialize_from(bytes).map_err(|_| DecodeError { offset: 0, what })
}

/// Some series of a dictionary, which have consecutive ids from `first` on.
#[derive(Clone, Debug, PartialEq)]
struct Member {
    first: u32,
    group: GroupKey,
    dictionary: DictionaryNo,
    ordinals: RoaringBitmap,
}

impl Member {
    fn entry(&self) -> Entry {
        let mut body = vec![VERSION];
        // Again, so that the checksum covers it: a wrong one would name billions of series.
        put_uvarint(&mut body, u64::from(self.first));
        body.extend_from_slice(&self.group.0.to_le_bytes());
        put_uvarint(&mut body, u64::from(self.dictionary.0));
        self.ordinals
            .serialize_into(&mut body)
            .expect("writing to memory does not fail");
        (Key::tag(MEMBER).u32(self.first).bytes(), seal(body))
    }

    fn decode(key: &[u8], value: &[u8]) -> Result<Self, DecodeError> {
        let mut parts = KeyParts(key);
        let mut reader = Reader::new(open(value, VERSION)?);
        let first = parts.tag().and_then(|_| parts.u32());
        let first = first.ok_or_else(|| reader.error("key is too short"))?;
        if reader.uvarint()? != u64::from(first) {
            return Err(reader.error("it stands under another's key"));
        }
        Ok(Self {
            first,
            group: GroupKey(reader.u64_le()?),
            dictionary: DictionaryNo(
                u32::try_from(reader.uvarint()?)
                    .map_err(|_| reader.error("dictionary number out of bounds"))?,
            ),
            ordinals: read_ids(reader.rest())?,
        })
    }

    fn end(&self) -> u64 {
        u64::from(self.first) + self.ordinals.len()
    }
}

/// The ordinals of series that have data, by dictionary.
pub(crate) type Present = BTreeMap<(GroupKey, DictionaryNo), RoaringBitmap>;

/// Gives the names of some series of a dictionary.
type LabelsOf<'a> =
    dyn FnMut(GroupKey, DictionaryNo, &RoaringBitmap) -> Result<Vec<(u32, Labels)>, TsdbError> + 'a;

/// All of one day's index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) places: BTreeMap<u32, Place>,
    pub(crate) postings: BTreeMap<(String, String), RoaringBitmap>,
}

/// The index of one day, as it stands in the store.
#[derive(Debug)]
pub(crate) struct DayIndex<'a> {
    store: &'a dyn Store,
    family: String,
}

impl<'a> DayIndex<'a> {
    pub(crate) fn new(store: &'a dyn Store, family: String) -> Self {
        Self { store, family }
    }

    fn corrupt(&self, what: &str, source: DecodeError) -> TsdbError {
        TsdbError::corrupt(&self.family, what, source)
    }

    fn members(&self) -> Result<Vec<Member>, TsdbError> {
        let scan = self.store.scan(&self.family, KeyRange::prefix(&[MEMBER]))?;
        scan.map(|entry| {
            let (key, value) = entry?;
            Member::decode(&key, &value).map_err(|e| self.corrupt("a member", e))
        })
        .collect()
    }

    /// The member whose ids hold `id`.
    fn member_of(&self, id: u32) -> Result<Option<Member>, TsdbError> {
        let to = match id.checked_add(1) {
            Some(next) => Key::tag(MEMBER).u32(next).bytes(),
            None => vec![MEMBER + 1],
        };
        let range = KeyRange::between(vec![MEMBER], to);
        let Some((key, value)) = self.store.last(&self.family, range)? else {
            return Ok(None);
        };
        let member = Member::decode(&key, &value).map_err(|e| self.corrupt("a member", e))?;
        Ok((u64::from(id) < member.end()).then_some(member))
    }

    /// Where the series of `ids` stand.
    pub(crate) fn places(&self, ids: &RoaringBitmap) -> Result<Vec<Place>, TsdbError> {
        let mut places = Vec::with_capacity(ids.len() as usize);
        let mut take = |member: &Member| {
            let end = member.end().min(u64::from(u32::MAX) + 1);
            for (id, ordinal) in (u64::from(member.first)..end).zip(&member.ordinals) {
                if ids.contains(id as u32) {
                    places.push(Place {
                        group: member.group,
                        dictionary: member.dictionary,
                        ordinal: Ordinal(ordinal),
                    });
                }
            }
        };
        if ids.len() > FEW_IDS {
            self.members()?.iter().for_each(take);
            return Ok(places);
        }
        let mut done = 0;
        for id in ids {
            if u64::from(id) < done {
                continue;
            }
            if let Some(member) = self.member_of(id)? {
                take(&member);
                done = member.end();
            }
        }
        Ok(places)
    }

    /// Adds the names of labels that some series of `ids` (all, if none are given) have.
    pub(crate) fn names(
        &self,
        ids: Option<&RoaringBitmap>,
        dst: &mut BTreeSet<String>,
    ) -> Result<(), TsdbError> {
        for entry in self.store.scan(&self.family, KeyRange::prefix(&[NAME]))? {
            let (key, value) = entry?;
            let Some((name, _)) = take_text(&key[1..]) else {
                continue;
            };
            if dst.contains(&name) {
                continue;
            }
            let known = match ids {
                None => true,
                Some(ids) => !self.ids(&name, &value)?.is_disjoint(ids),
            };
            if known {
                dst.insert(name);
            }
        }
        Ok(())
    }

    /// Adds the first `limit` values of `name` that some series of `ids` (all, if none are given) have.
    pub(crate) fn values(
        &self,
        name: &str,
        ids: Option<&RoaringBitmap>,
        limit: usize,
        dst: &mut BTreeSet<String>,
    ) -> Result<(), TsdbError> {
        let (mut n, mut last) = (0, None);
        for entry in self.label_entries(name, "")? {
            let (value, postings) = entry?;
            if last.as_ref() == Some(&value) {
                continue;
            }
            let known = match ids {
                None => true,
                Some(ids) => !self.ids(name, &postings)?.is_disjoint(ids),
            };
            if known {
                if n == limit {
                    break;
                }
                n += 1;
                dst.insert(value.clone());
                last = Some(value);
            }
        }
        Ok(())
    }

    fn ids(&self, name: &str, sealed: &[u8]) -> Result<RoaringBitmap, TsdbError> {
        open_ids(sealed).map_err(|e| self.corrupt(&format!("postings of label {name}"), e))
    }

    /// The values of `name` that begin with `prefix`, in order, with their sealed postings.
    fn label_entries(
        &self,
        name: &str,
        prefix: &str,
    ) -> Result<impl Iterator<Item = Result<(String, Vec<u8>), TsdbError>>, TsdbError> {
        let mut key = vec![LABEL];
        put_text(&mut key, name);
        let skipped = key.len();
        put_escaped(&mut key, prefix);
        let scan = self.store.scan(&self.family, KeyRange::prefix(&key))?;
        Ok(scan.filter_map(move |entry| match entry {
            Ok((key, postings)) => {
                let (value, _) = take_text(&key[skipped..])?;
                Some(Ok((value, postings)))
            }
            Err(error) => Some(Err(error.into())),
        }))
    }

    /// All of the index, by id and by label.
    pub(crate) fn contents(&self) -> Result<Contents, TsdbError> {
        let mut contents = Contents::default();
        for member in self.members()? {
            for (id, ordinal) in (u64::from(member.first)..).zip(&member.ordinals) {
                let place = Place {
                    group: member.group,
                    dictionary: member.dictionary,
                    ordinal: Ordinal(ordinal),
                };
                contents.places.insert(id as u32, place);
            }
        }
        for entry in self.store.scan(&self.family, KeyRange::prefix(&[LABEL]))? {
            let (key, value) = entry?;
            let label =
                take_text(&key[1..]).and_then(|(name, rest)| Some((name, take_text(rest)?.0)));
            let Some(label) = label else {
                let (offset, what) = (1, "name and value do not decode");
                return Err(self.corrupt("a label's key", DecodeError { offset, what }));
            };
            let ids = self.ids(&label.0, &value)?;
            *contents.postings.entry(label).or_default() |= ids;
        }
        Ok(contents)
    }

    /// All series that the index names.
    pub(crate) fn present(&self) -> Result<Present, TsdbError> {
        let mut present = Present::new();
        for member in self.members()? {
            let dictionary = (member.group, member.dictionary);
            *present.entry(dictionary).or_default() |= member.ordinals;
        }
        Ok(present)
    }

    /// The entries that add to the index what it lacks of `present`: of each dictionary the ordinals in blocks.
    /// `labels` gives the names of series of a dictionary, as far as they are known, in the order of their ordinals.
    pub(crate) fn additions(
        &self,
        present: &Present,
        labels: &mut LabelsOf<'_>,
    ) -> Result<Vec<Entry>, TsdbError> {
        let (mut indexed, mut next) = (HashMap::<_, RoaringBitmap>::new(), 0);
        for member in self.members()? {
            next = next.max(member.end());
            let dictionary = (member.group, member.dictionary);
            if present.contains_key(&dictionary) {
                *indexed.entry(dictionary).or_default() |= member.ordinals;
            }
        }
        let mut id = next as u32;
        let first_new = id;
        let mut entries = BTreeMap::new();
        let mut postings: BTreeMap<String, BTreeMap<String, RoaringBitmap>> = BTreeMap::new();
        for ((group, dictionary), ordinals) in present {
            let new = match indexed.get(&(*group, *dictionary)) {
                Some(known) => ordinals - known,
                None => ordinals.clone(),
            };
            if new.is_empty() {
                continue;
            }
            // Series whose names are lost cannot be found by them.
            let named = labels(*group, *dictionary, &new)?;
            let member = Member {
                first: id,
                group: *group,
                dictionary: *dictionary,
                ordinals: named.iter().map(|(ordinal, _)| *ordinal).collect(),
            };
            for (_, labels) in &named {
                for (name, value) in labels.iter() {
                    if !postings.contains_key(name) {
                        postings.insert(name.to_owned(), BTreeMap::new());
                    }
                    let values = postings.get_mut(name).expect("it was just put in");
                    match values.get_mut(value) {
                        Some(ids) => drop(ids.insert(id)),
                        None => drop(values.insert(value.to_owned(), RoaringBitmap::from([id]))),
                    }
                }
                id += 1;
            }
            if !member.ordinals.is_empty() {
                entries.extend([member.entry()]);
            }
        }
        for (name, values) in postings {
            let mut any = RoaringBitmap::new();
            for (value, ids) in values {
                let mut key = vec![LABEL];
                put_text(&mut key, &name);
                put_text(&mut key, &value);
                key.extend_from_slice(&first_new.to_be_bytes());
                entries.insert(key, seal_ids(&ids));
                any |= ids;
            }
            let mut key = vec![NAME];
            put_text(&mut key, &name);
            key.extend_from_slice(&first_new.to_be_bytes());
            entries.insert(key, seal_ids(&any));
        }
        Ok(entries.into_iter().collect())
    }
}

impl Postings for DayIndex<'_> {
    fn all(&self) -> Result<RoaringBitmap, TsdbError> {
        let last = self.store.last(&self.family, KeyRange::prefix(&[MEMBER]))?;
        let Some((key, value)) = last else {
            return Ok(RoaringBitmap::new());
        };
        let member = Member::decode(&key, &value).map_err(|e| self.corrupt("a member", e))?;
        let mut all = RoaringBitmap::new();
        all.insert_range(0..member.end().min(u64::from(u32::MAX)) as u32);
        Ok(all)
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, TsdbError> {
        let mut key = vec![LABEL];
        put_text(&mut key, name);
        put_text(&mut key, value);
        let mut found = RoaringBitmap::new();
        for entry in self.store.scan(&self.family, KeyRange::prefix(&key))? {
            found |= self.ids(name, &entry?.1)?;
        }
        Ok(found)
    }

    fn passing(
        &self,
        name: &str,
        prefix: &str,
        test: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, TsdbError> {
        let mut found = RoaringBitmap::new();
        for entry in self.label_entries(name, prefix)? {
            let (value, postings) = entry?;
            if test(&value) {
                found |= self.ids(name, &postings)?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryStore, index::matching};
    use model::{MatchOp, Matcher};
    use proptest::prelude::*;

    fn series(name: &str, pod: &str) -> Labels {
        Labels::from_pairs([("__name__", name), ("pod", pod)])
    }

    #[test]
    fn each_merge_adds_what_is_new_on_that_day() {
        let store = MemoryStore::new();
        store.create_family("index-1").unwrap();
        let index = DayIndex::new(&store, "index-1".to_owned());
        let names = [series("a", "1"), series("b", "1"), series("a", "2")];
        let key = |group| (GroupKey(group), DictionaryNo(0));
        let merge = |present: &[(u64, &[u32])]| {
            let present = present
                .iter()
                .map(|(group, ordinals)| (key(*group), ordinals.iter().copied().collect()))
                .collect();
            let mut labels = |_, _, ordinals: &RoaringBitmap| {
                let named = ordinals.iter().map(|o| (o, names[o as usize].clone()));
                Ok(named.collect())
            };
            let entries = index.additions(&present, &mut labels).unwrap();
            store
                .ingest("index-1", &mut entries.into_iter().map(Ok))
                .unwrap();
        };
        merge(&[(1, &[0, 2]), (2, &[0])]);
        merge(&[(1, &[0, 1, 2]), (3, &[1])]);
        let found = |matcher| {
            let ids = matching(&index, &[matcher]).unwrap();
            let places = index.places(&ids).unwrap();
            places
                .iter()
                .map(|p| (p.group.0, p.ordinal.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(Matcher::equal("__name__", "b")), [(1, 1), (3, 1)]);
        assert_eq!(
            found(Matcher::equal("pod", "1")),
            [(1, 0), (2, 0), (1, 1), (3, 1)]
        );
        let not = Matcher::new(MatchOp::NotEqual, "pod", "1").unwrap();
        assert_eq!(found(not), [(1, 2)]);
        let (mut values, mut label_names) = (BTreeSet::new(), BTreeSet::new());
        index.values("pod", None, 1, &mut values).unwrap();
        assert!(values.iter().eq(["1"]));
        let ids = matching(&index, &[Matcher::equal("__name__", "b")]).unwrap();
        index
            .values("__name__", Some(&ids), 9, &mut values)
            .unwrap();
        assert!(values.iter().eq(["1", "b"]));
        index.names(Some(&ids), &mut label_names).unwrap();
        assert!(label_names.iter().eq(["__name__", "pod"]));
    }

    proptest! {
        #[test]
        fn texts_in_keys_sort_as_they_are(a in "[\0ab]{0,3}", b in "[\0ab]{0,3}") {
            let key = |text: &str| {
                let mut key = Vec::new();
                put_text(&mut key, text);
                key
            };
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
            let mut pair = key(&a);
            pair.extend(key(&b));
            let (first, rest) = take_text(&pair).unwrap();
            prop_assert_eq!((first, take_text(rest).unwrap().0), (a, b));
        }
    }
}
