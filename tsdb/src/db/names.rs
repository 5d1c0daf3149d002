//! The names behind ordinals: from memory while a dictionary is there, from the days' families afterwards.
use std::collections::BTreeMap;

use model::{GroupKey, Labels, TimeRange};
use roaring::RoaringBitmap;

use super::Inner;
use crate::{
    dictionary::Dictionary,
    error::TsdbError,
    keys::{Era, Key, KeyParts},
    row::{DictionaryNo, Ordinal},
    store::KeyRange,
};

/// Series names of one group, by dictionary.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Ascending by ordinal.
    names: BTreeMap<DictionaryNo, Vec<(u32, Labels)>>,
}

impl Names {
    /// Takes in the names of `ordinals` from a dictionary.
    pub(super) fn insert(&mut self, dictionary: &Dictionary, ordinals: &RoaringBitmap) {
        let names = ordinals.iter().filter_map(|ordinal| {
            let labels = dictionary.labels(Ordinal(ordinal))?;
            Some((ordinal, labels))
        });
        self.names.insert(dictionary.number, names.collect());
    }

    pub(super) fn has(&self, number: DictionaryNo) -> bool {
        self.names.contains_key(&number)
    }

    pub(super) fn get(&self, number: DictionaryNo, ordinal: Ordinal) -> Option<&Labels> {
        let names = self.names.get(&number)?;
        let place = names.binary_search_by_key(&ordinal.0, |(ordinal, _)| *ordinal);
        place.ok().map(|place| &names[place].1)
    }
}

impl Inner {
    /// Adds the names of `ordinals` of the dictionary `number` of `group`, as the days about `range` have it.
    pub(super) fn read_names(
        &self,
        group: GroupKey,
        (number, ordinals): (DictionaryNo, &RoaringBitmap),
        range: TimeRange,
        names: &mut Names,
        broken: &mut dyn FnMut(TsdbError),
    ) -> Result<(), TsdbError> {
        let mut dictionary = Dictionary::new(number);
        for day in self.spans_in(Era::Series, range) {
            let family = Era::Series.family(day);
            let prefix = Key::of(group).dictionary(number).bytes();
            for entry in self.store.scan(&family, KeyRange::prefix(&prefix))? {
                let Some((key, value)) = Self::sound(entry, broken)? else {
                    continue;
                };
                let first = KeyParts(&key[prefix.len()..]).u32().unwrap_or(0);
                if let Err(source) = dictionary.load(day, first, &value) {
                    let what = format!("dictionary {} of group {group} from {first}", number.0);
                    broken(TsdbError::corrupt(&family, what, source));
                }
            }
        }
        names.insert(&dictionary, ordinals);
        Ok(())
    }
}
