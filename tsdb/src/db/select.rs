//! Selecting: group by group, the head, segments and blocks seen as one.
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use model::{GroupKey, GroupSlice, Labels, Matcher, RowHead, TimeRange};
use roaring::RoaringBitmap;

use super::{Inner, Tsdb};
use crate::{
    error::TsdbError,
    index::matching,
    row::{DictionaryNo, Ordinal, RowValues},
    table::{Table, slice},
};

/// The series wanted of each dictionary of a group.
pub(super) type Wanted = BTreeMap<DictionaryNo, RoaringBitmap>;

/// The names of the series of a group's dictionaries, as far as they are wanted.
pub(super) type Names = HashMap<(DictionaryNo, Ordinal), Labels>;

impl Tsdb {
    /// The groups with series on which all of `matchers` pass, in the order of their keys, as far as they lie in `range`.
    ///
    /// A slice has all rows of its group in the range, also those in which no selected series is present, so that
    /// absence after presence shows; a row is in range if its own time is or that of a selected sample it carries.
    /// Groups whose selected series have no row in range are left out. Memory holds one group at a time.
    /// A row that is appended while the iteration runs may or may not be seen. After an error, which names what is
    /// damaged, the iteration goes on with the rest.
    ///
    /// # Errors
    /// What the store says.
    pub fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Select, TsdbError> {
        let mut groups: BTreeMap<GroupKey, Wanted> = BTreeMap::new();
        {
            let index = self.inner.index.read();
            for place in index.places(&matching(&*index, matchers)?) {
                let wanted = groups.entry(place.group).or_default();
                let ordinals = wanted.entry(place.dictionary).or_default();
                ordinals.insert(place.ordinal.0);
            }
        }
        Ok(Select {
            inner: self.inner.clone(),
            groups: groups.into_iter(),
            range,
            errors: Vec::new(),
        })
    }
}

/// The answer to [`Tsdb::select`], read as it is iterated.
#[derive(Debug)]
pub struct Select {
    inner: Arc<Inner>,
    groups: std::collections::btree_map::IntoIter<GroupKey, Wanted>,
    range: TimeRange,
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
            if let Some(slice) = self.group(group, &wanted) {
                return Some(Ok(slice));
            }
        }
    }
}

impl Select {
    fn group(&mut self, group: GroupKey, wanted: &Wanted) -> Option<GroupSlice> {
        let mut tables = Vec::new();
        let mut names = Names::new();
        self.inner.read_head(group, wanted, &mut tables, &mut names);
        slice(group, tables, self.range, |number, ordinal| {
            names.get(&(number, ordinal))
        })
    }
}

impl Inner {
    /// Adds what the head has of `group`, and the names of what is wanted by dictionaries in memory.
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
            for ordinal in ordinals.into_iter().flatten() {
                if let Some(labels) = dictionary.labels().get(ordinal as usize) {
                    names.insert((dictionary.number, Ordinal(ordinal)), labels.clone());
                }
            }
            let rows: Vec<(RowHead, &RowValues)> = group
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
