//! A group's dictionary: an append-only list of label sets; a row names them by their place.
mod names;

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use model::{GroupKey, Labels, exact};

use crate::{
    codec::{DecodeError, Reader, open, put_bytes, put_uvarint, seal},
    keys::{Era, Key},
    row::{DictionaryNo, Ordinal},
    store::Batch,
};

use self::names::{Names, hash_of};

const VERSION: u8 = 1;
/// Of how many days a dictionary remembers what they hold of it.
const DAYS: usize = 128;

/// The label sets of a group, in the order of their first appearance.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    pub(crate) number: DictionaryNo,
    names: Names,
    /// The ordinals sorted by metric name, then by labels: for look-up, and the order of columns in blocks.
    order: Vec<u32>,
    /// The ids of the series in the index of what is active, one for each place.
    pub(crate) ids: Vec<u32>,
    /// True if some of its names are lost.
    pub(crate) damaged: bool,
    /// The newest span of two hours that has segments by it.
    pub(crate) last_period: Option<i64>,
    /// How many places the families of days hold of it.
    stored: BTreeMap<i64, usize>,
}

/// What [`Dictionary::store`] put into a batch; to be handed to [`Dictionary::mark_stored`] once that is written.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct StoreMark {
    day: i64,
    places: usize,
}

impl Dictionary {
    pub(crate) fn new(number: DictionaryNo) -> Self {
        Self {
            number,
            names: Names::default(),
            order: Vec::new(),
            ids: Vec::new(),
            damaged: false,
            last_period: None,
            stored: BTreeMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The label set at a place.
    pub(crate) fn labels(&self, ordinal: Ordinal) -> Option<Labels> {
        self.names.get(ordinal.0 as usize)
    }

    /// All label sets by place.
    pub(crate) fn all_labels(&self) -> impl Iterator<Item = Labels> {
        self.names.from(0)
    }

    /// The numbers of the pairs of the label sets from place `from` on; what [`Dictionary::pair`] takes.
    pub(crate) fn pairs(&self, from: usize) -> impl Iterator<Item = &[u32]> {
        self.names.pairs(from)
    }

    /// The name and the value that a number stands for.
    pub(crate) fn pair(&self, number: u32) -> (&str, &str) {
        self.names.pair(number)
    }

    /// The places in the order of their series.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }

    /// True if `labels` stand at a place, which the dictionary has.
    pub(crate) fn has(&self, ordinal: Ordinal, labels: &Labels) -> bool {
        self.names.cmp(ordinal.0 as usize, labels).is_eq()
    }

    /// The hash of `labels`, wherever they stand.
    pub(crate) fn hash_of(hashing: &FixedState, labels: &Labels) -> u64 {
        hash_of(hashing, labels.iter())
    }

    /// What [`Dictionary::hash_of`] gives for the labels at a place, which the dictionary has.
    pub(crate) fn hash(&self, ordinal: Ordinal, hashing: &FixedState) -> u64 {
        self.names.hash(ordinal.0 as usize, hashing)
    }

    /// The place of `labels`.
    pub(crate) fn find(&self, labels: &Labels) -> Option<Ordinal> {
        let at = |i: &u32| self.names.cmp(*i as usize, labels);
        let found = self.order.binary_search_by(at).ok()?;
        Some(Ordinal(self.order[found]))
    }

    /// Appends those of `new` that have no place yet.
    pub(crate) fn extend(&mut self, new: &[Labels]) {
        let mut fresh: Vec<&Labels> = new.iter().filter(|l| self.find(l).is_none()).collect();
        let mut seen = std::collections::HashSet::new();
        fresh.retain(|labels| seen.insert(*labels));
        fresh.iter().for_each(|labels| self.names.push(labels));
        self.sort();
    }

    /// Appends labels that have no place yet. The order is made up for by [`Dictionary::sort`].
    pub(crate) fn push(&mut self, labels: &Labels) -> Ordinal {
        self.names.push(labels);
        Ordinal(self.names.len() as u32 - 1)
    }

    /// Brings the order up to date with what was pushed or loaded.
    pub(crate) fn sort(&mut self) {
        let (known, len) = (self.order.len(), self.names.len());
        if known < len {
            let names = &self.names;
            if known < len / 2 {
                self.order = names.sorted();
            } else {
                // The old part is one sorted run, which the sort makes use of.
                self.order.extend(known as u32..len as u32);
                self.order
                    .sort_by(|a, b| names.cmp_places(*a as usize, *b as usize));
            }
            // Most dictionaries never change again.
            self.names.shrink();
            exact(&mut self.order);
        }
    }

    /// Puts what the family of `day` does not hold yet into `batch`.
    pub(crate) fn store(&self, group: GroupKey, day: i64, batch: &mut Batch) -> StoreMark {
        let known = self.stored.get(&day).copied().unwrap_or(0);
        if known < self.len() {
            let key = Key::of(group).dictionary(self.number).u32(known as u32);
            let new: Vec<Labels> = self.names.from(known).collect();
            let chunk = encode(&new);
            batch.put(&Era::Series.family(day), key.bytes(), chunk);
        }
        StoreMark {
            day,
            places: self.len(),
        }
    }

    /// Notes that what the mark stands for is in the store.
    pub(crate) fn mark_stored(&mut self, mark: StoreMark) {
        self.stored.insert(mark.day, mark.places);
        // What is forgotten here is written again when it is needed, which does no harm.
        while self.stored.len() > DAYS {
            self.stored.pop_first();
        }
    }

    /// True if the family of `day` lacks nothing.
    pub(crate) fn is_stored(&self, day: i64) -> bool {
        self.stored.get(&day) == Some(&self.len())
    }

    /// Takes in one entry of the family of `day`: the chunk that begins at `first`.
    /// Chunks of a day come in order; they may repeat and lengthen what is known.
    pub(crate) fn load(&mut self, day: i64, first: u32, value: &[u8]) -> Result<(), DecodeError> {
        let stored = self.stored.entry(day).or_default();
        let chunk = Chunk::decode(value)?;
        let (first, end) = (first as usize, first as usize + chunk.len());
        if first > *stored {
            let what = "dictionary chunk is out of order";
            return Err(DecodeError { offset: 0, what });
        }
        *stored = end.max(*stored);
        if end > self.names.len() {
            let known = self.names.len() - first;
            self.names.append(&chunk.texts, chunk.sets(known));
        }
        Ok(())
    }
}

/// The chunk of a dictionary with `labels`: each text once, then the sets as numbers of texts.
pub(crate) fn encode(labels: &[Labels]) -> Vec<u8> {
    let (mut texts, mut numbers) = (Vec::new(), HashMap::new());
    let mut sets = Vec::new();
    put_uvarint(&mut sets, labels.len() as u64);
    for set in labels {
        put_uvarint(&mut sets, set.len() as u64);
        for text in set.iter().flat_map(|(n, v)| [n, v]) {
            let number = *numbers.entry(text).or_insert_with(|| {
                texts.push(text);
                texts.len() - 1
            });
            put_uvarint(&mut sets, number as u64);
        }
    }
    let mut dst = vec![VERSION];
    put_uvarint(&mut dst, texts.len() as u64);
    for text in texts {
        put_bytes(&mut dst, text.as_bytes());
    }
    dst.extend(sets);
    seal(dst)
}

/// What [`encode`] wrote.
struct Chunk<'a> {
    texts: Vec<&'a str>,
    /// The names and values of all sets, as numbers of texts.
    pairs: Vec<(u32, u32)>,
    /// Where the pairs of each set end.
    ends: Vec<usize>,
}

impl<'a> Chunk<'a> {
    fn decode(chunk: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(open(chunk, VERSION)?);
        let n_texts = reader.count(reader.rest().len())?;
        let texts: Vec<&str> = (0..n_texts)
            .map(|_| reader.text())
            .collect::<Result<_, _>>()?;
        let n_sets = reader.count(reader.rest().len())?;
        let mut pairs = Vec::with_capacity(reader.rest().len() / 2);
        let mut ends = Vec::with_capacity(n_sets);
        for _ in 0..n_sets {
            let n_labels = reader.count(reader.rest().len())?;
            let mut last = None;
            for _ in 0..n_labels {
                let (name, value) = (reader.uvarint()?, reader.uvarint()?);
                let text = |number: u64| texts.get(usize::try_from(number).ok()?);
                let (Some(text), Some(_)) = (text(name), text(value)) else {
                    return Err(reader.error("text number out of bounds"));
                };
                if Some(text) <= last {
                    return Err(reader.error("label names do not ascend"));
                }
                last = Some(text);
                pairs.push((name as u32, value as u32));
            }
            ends.push(pairs.len());
        }
        reader.finish()?;
        Ok(Self { texts, pairs, ends })
    }

    /// How many sets there are.
    fn len(&self) -> usize {
        self.ends.len()
    }

    /// The sets from `place` on.
    fn sets(&self, place: usize) -> impl Iterator<Item = &[(u32, u32)]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let sets = starts.zip(&self.ends).skip(place);
        sets.map(|(start, end)| &self.pairs[start..*end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    fn series(name: &str, pod: &str) -> Labels {
        Labels::from_pairs([("__name__", name), ("pod", pod)])
    }

    #[test]
    fn places_are_given_once_and_sorted_by_name() {
        let mut dictionary = Dictionary::new(DictionaryNo(0));
        dictionary.extend(&[series("b", "1"), series("a", "2"), series("b", "1")]);
        assert_eq!(dictionary.len(), 2);
        dictionary.extend(&[series("a", "1"), series("a", "2")]);
        assert_eq!(dictionary.len(), 3);
        assert_eq!(dictionary.find(&series("a", "1")), Some(Ordinal(2)));
        assert_eq!(dictionary.find(&series("c", "1")), None);
        assert_eq!(dictionary.order(), [2, 1, 0]);
    }

    #[test]
    fn golden_bytes() {
        let bytes = encode(&[series("up", "a"), series("up", "b")]);
        expect!["01 05 08 5f 5f 6e 61 6d 65 5f 5f 02 75 70 03 70 6f 64 01 61 01 62 02 02 00 01 02 03 02 00 01 02 04 9d c9 2c 97"]
            .assert_eq(&crate::codec::hex(&bytes));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn decoding_gives_back_what_was_encoded(
            sets in prop::collection::vec(prop::collection::vec(("[a-c]{0,2}", "[a-cé]{0,3}"), 0..4), 0..8),
        ) {
            let sets: Vec<_> = sets.into_iter().map(Labels::from_pairs).collect();
            let (chunk, day) = (encode(&sets), 0);
            let mut loaded = Dictionary::new(DictionaryNo(0));
            loaded.load(day, 0, &chunk).unwrap();
            prop_assert_eq!(&loaded.all_labels().collect::<Vec<_>>(), &sets);
            // A chunk that was written again, longer, by the next day.
            let half = sets.len() / 2;
            let mut loaded = Dictionary::new(DictionaryNo(0));
            loaded.load(day, 0, &encode(&sets[..half])).unwrap();
            loaded.load(day + 1, 0, &chunk).unwrap();
            prop_assert_eq!(&loaded.all_labels().collect::<Vec<_>>(), &sets);
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
            let mut body = vec![VERSION];
            body.extend(bytes);
            let _ = Dictionary::new(DictionaryNo(0)).load(0, 0, &seal(body));
        }
    }
}
