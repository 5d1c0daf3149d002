//! Whether all that is stored holds together: every entry decodes, what the index names has data, and what has data is
//! named by the index.
use std::collections::BTreeMap;

use model::{GroupKey, Labels, TimeRange};
use roaring::RoaringBitmap;

use super::{Inner, Tsdb, blocks::Reader, names::Names};
use crate::{
    codec::DecodeError,
    error::TsdbError,
    index::{DayIndex, Place, Present},
    keys::{DATA, Era, KeyParts},
    pushed, record,
    row::{DictionaryNo, Ordinal},
    store::KeyRange,
};

/// What was looked at, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Rows in the log's families.
    pub n_rows: u64,
    /// Segments and blocks.
    pub n_blocks: u64,
    /// Series of segments and blocks, once for each of those.
    pub n_columns: u64,
    /// Series in the indexes of days.
    pub n_indexed: u64,
    /// Series in memory.
    pub n_active: u64,
    /// Everything that is wrong, by name.
    pub problems: Vec<String>,
}

impl Tsdb {
    /// Reads everything that is stored and compares it with itself. To be called while nothing is appended.
    ///
    /// # Errors
    /// What the store says, except that something is broken: that is what the answer tells.
    pub fn verify(&self) -> Result<Verified, TsdbError> {
        let (inner, mut found) = (&*self.inner, Verified::default());
        for generation in inner.spans(Era::Rows) {
            inner.verify_rows(&Era::Rows.family(generation), &mut found)?;
        }
        let mut segments: BTreeMap<i64, Present> = BTreeMap::new();
        for span in inner.spans(Era::Segments) {
            let day = segments.entry(Era::Index.of(Era::Segments.start(span)));
            let day = day.or_default();
            for (dictionary, ordinals) in inner.verify_blocks(Era::Segments, span, &mut found)? {
                *day.entry(dictionary).or_default() |= ordinals;
            }
        }
        let mut blocks: BTreeMap<i64, Present> = BTreeMap::new();
        for day in inner.spans(Era::Blocks) {
            blocks.insert(day, inner.verify_blocks(Era::Blocks, day, &mut found)?);
        }
        for day in inner.spans(Era::Index) {
            blocks.entry(day).or_default();
        }
        for (day, blocks) in blocks {
            let segments = segments.remove(&day).unwrap_or_default();
            inner.verify_index(day, &blocks, &segments, &mut found)?;
        }
        inner.verify_active(&mut found);
        let lost = inner.lost(TimeRange::ALL, |_| true);
        found.problems.extend(lost.iter().map(TsdbError::chain));
        Ok(found)
    }
}

impl Inner {
    fn verify_rows(&self, family: &str, found: &mut Verified) -> Result<(), TsdbError> {
        for entry in self.store.scan_once(family, KeyRange::prefix(&[DATA]))? {
            let mut broken = |error: TsdbError| found.problems.push(error.chain());
            let Some((key, value)) = Self::sound(entry, &mut broken)? else {
                continue;
            };
            found.n_rows += 1;
            if let Err(source) = decode(&key, &value) {
                let error = TsdbError::corrupt(family, format!("the row {key:02x?}"), source);
                found.problems.push(error.chain());
            }
        }
        Ok(())
    }

    /// Decodes every column of a family of segments or blocks, and sees to it that each has a name.
    fn verify_blocks(
        &self,
        era: Era,
        span: i64,
        found: &mut Verified,
    ) -> Result<Present, TsdbError> {
        let (family, mut present) = (era.family(span), Present::new());
        let mut broken = |error: TsdbError| found.problems.push(error.chain());
        let heads = self.all_heads(&family, &mut broken)?;
        let mut n_columns = 0;
        for (id, layout) in &heads {
            let wanted: RoaringBitmap = layout.ordinals.iter().copied().collect();
            let table = self.table(Reader::Upkeep, &family, *id, layout, &wanted, &mut broken)?;
            n_columns += table.columns.len() as u64;
            *present.entry((id.group, id.dictionary)).or_default() |= wanted;
        }
        found.n_blocks += heads.len() as u64;
        found.n_columns += n_columns;
        for ((group, number), ordinals) in &present {
            let names = self.stored_names(*group, (*number, ordinals), era.range(span), found)?;
            let nameless = ordinals
                .iter()
                .filter(|o| names.get(*number, Ordinal(*o)).is_none());
            let n_nameless = nameless.count();
            if n_nameless > 0 {
                found.problems.push(format!(
                    "{n_nameless} series of dictionary {} of group {group} in the family {family} have no name",
                    number.0
                ));
            }
        }
        Ok(present)
    }

    fn stored_names(
        &self,
        group: GroupKey,
        wanted: (DictionaryNo, &RoaringBitmap),
        range: TimeRange,
        found: &mut Verified,
    ) -> Result<Names, TsdbError> {
        let mut names = Names::default();
        let mut broken = |error: TsdbError| found.problems.push(error.chain());
        self.read_names(group, wanted, range, &mut names, &mut broken)?;
        Ok(names)
    }

    /// Compares the index of `day` with what its blocks have, and with its segments, of which it may name some.
    fn verify_index(
        &self,
        day: i64,
        blocks: &Present,
        segments: &Present,
        found: &mut Verified,
    ) -> Result<(), TsdbError> {
        let family = Era::Index.family(day);
        let index = DayIndex::new(&*self.store, family.clone());
        let contents = match index.contents() {
            Ok(contents) => contents,
            Err(error) => {
                found.problems.push(error.chain());
                return Ok(());
            }
        };
        found.n_indexed += contents.places.len() as u64;
        let mut indexed = Present::new();
        for place in contents.places.values() {
            let ordinals = indexed.entry((place.group, place.dictionary)).or_default();
            ordinals.insert(place.ordinal.0);
        }
        for ((group, number), ordinals) in blocks {
            let none = RoaringBitmap::new();
            let n = (ordinals - indexed.get(&(*group, *number)).unwrap_or(&none)).len();
            if n > 0 {
                found.problems.push(format!(
                    "{n} series of dictionary {} of group {group} have blocks but are not in the family {family}",
                    number.0
                ));
            }
        }
        let mut expected: BTreeMap<(String, String), RoaringBitmap> = BTreeMap::new();
        let mut names: BTreeMap<(GroupKey, DictionaryNo), Names> = BTreeMap::new();
        for ((group, number), ordinals) in &indexed {
            let of = |present: &Present| present.get(&(*group, *number)).cloned();
            let has = of(blocks).unwrap_or_default() | of(segments).unwrap_or_default();
            let n = (ordinals - has).len();
            if n > 0 {
                found.problems.push(format!(
                    "{n} series of dictionary {} of group {group} are in the family {family} but have no blocks",
                    number.0
                ));
            }
            let named =
                self.stored_names(*group, (*number, ordinals), Era::Index.range(day), found)?;
            names.insert((*group, *number), named);
        }
        for (id, place) in &contents.places {
            let labels = names
                .get(&(place.group, place.dictionary))
                .and_then(|names| names.get(place.dictionary, place.ordinal));
            for (name, value) in labels.into_iter().flat_map(Labels::iter) {
                let ids = expected
                    .entry((name.to_owned(), value.to_owned()))
                    .or_default();
                ids.insert(*id);
            }
        }
        let n_wrong = expected
            .iter()
            .filter(|(label, ids)| contents.postings.get(*label) != Some(*ids))
            .count()
            + contents
                .postings
                .keys()
                .filter(|label| !expected.contains_key(*label))
                .count();
        if n_wrong > 0 {
            found.problems.push(format!(
                "{n_wrong} labels of the family {family} name other series than those that have them"
            ));
        }
        Ok(())
    }

    /// Compares the index in memory with the dictionaries in memory.
    fn verify_active(&self, found: &mut Verified) {
        let scraped: Vec<GroupKey> = self.groups.read().keys().copied().collect();
        let pushed: Vec<GroupKey> = self.pushed_groups.read().keys().copied().collect();
        let mut n_known = 0;
        for group in scraped.into_iter().chain(pushed) {
            self.dictionaries(group, |dictionary| {
                let (index, number) = (self.index.read(), dictionary.number);
                n_known += dictionary.len() as u64;
                for (ordinal, id) in (0..).zip(&dictionary.ids) {
                    let place = Place {
                        group,
                        dictionary: number,
                        ordinal: Ordinal(ordinal),
                    };
                    if index.place(*id) != Some(place) {
                        found.problems.push(format!(
                            "series {ordinal} of dictionary {} of group {group} stands elsewhere in memory",
                            number.0
                        ));
                    }
                }
            });
        }
        found.n_active = n_known;
        let n_indexed = self.index.read().len();
        if n_indexed != n_known {
            found.problems.push(format!(
                "the index in memory has {n_indexed} series, the dictionaries {n_known}"
            ));
        }
    }
}

/// Reads a row as what its key says it is.
fn decode(key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
    let mut parts = KeyParts(key);
    let (Some(_), Some(group), Some(slot)) = (parts.tag(), parts.group(), parts.time()) else {
        let (offset, what) = (0, "key is too short");
        return Err(DecodeError { offset, what });
    };
    match group.is_pushed() {
        true => pushed::record::decode(value).map(drop),
        false => record::decode(slot, value).map(drop),
    }
}
