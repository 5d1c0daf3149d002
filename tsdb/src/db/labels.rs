//! Label names, label values and series.
use std::collections::{BTreeMap, BTreeSet};

use model::{GroupKey, Labels, Matcher, TimeRange};
use roaring::RoaringBitmap;

use super::{Inner, Tsdb, names::Names, select::Wanted};
use crate::{
    error::TsdbError,
    index::{DayIndex, Postings, matching},
    keys::Era,
    row::Ordinal,
};

/// Which series a question about labels is about.
#[derive(Clone, Copy, Debug)]
pub struct SeriesOf<'a> {
    /// The series on which all of one of these sets of matchers pass; without any set, all series.
    pub matchers: &'a [Vec<Matcher>],
    /// Those with data about that time: to the day for what is in blocks.
    pub range: TimeRange,
    /// At most so many answers, the first in their order.
    pub limit: Option<usize>,
}

impl SeriesOf<'_> {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }
}

impl Tsdb {
    /// The names of labels, sorted.
    ///
    /// # Errors
    /// What the store says, or that the index is damaged.
    pub fn label_names(&self, of: SeriesOf<'_>) -> Result<Vec<String>, TsdbError> {
        let mut names = BTreeSet::new();
        if self.inner.is_active(of.range) {
            let index = self.inner.index.read();
            let ids = selected(&*index, of.matchers)?;
            names.extend(index.names(ids.as_ref()).map(str::to_owned));
        }
        self.inner.each_day(of.range, |index| {
            let ids = selected(index, of.matchers)?;
            index.names(ids.as_ref(), &mut names)
        })?;
        Ok(names.into_iter().take(of.limit()).collect())
    }

    /// The values of the label `name`, sorted.
    ///
    /// # Errors
    /// What the store says, or that the index is damaged.
    pub fn label_values(&self, name: &str, of: SeriesOf<'_>) -> Result<Vec<String>, TsdbError> {
        // The first values of the union are among the first of each part.
        let mut values = BTreeSet::new();
        if self.inner.is_active(of.range) {
            let index = self.inner.index.read();
            let ids = selected(&*index, of.matchers)?;
            let first = index.values(name, ids.as_ref()).take(of.limit());
            values.extend(first.map(str::to_owned));
        }
        self.inner.each_day(of.range, |index| {
            let ids = selected(index, of.matchers)?;
            index.values(name, ids.as_ref(), of.limit(), &mut values)
        })?;
        Ok(values.into_iter().take(of.limit()).collect())
    }

    /// The label sets of series, sorted, each once.
    ///
    /// # Errors
    /// What the store says, or that the index is damaged.
    pub fn series(&self, of: SeriesOf<'_>) -> Result<Vec<Labels>, TsdbError> {
        let (mut groups, mut series) = (BTreeMap::new(), BTreeSet::new());
        let active = self.inner.is_active(of.range);
        let all = [Vec::new()];
        let sets = match of.matchers {
            [] => &all,
            sets => sets,
        };
        let mut broken = None;
        for matchers in sets {
            let broken = &mut |error| broken = Some(error);
            self.inner
                .places(matchers, of.range, active, &mut groups, broken)?;
        }
        if let Some(error) = broken {
            return Err(error);
        }
        for (group, wanted) in groups {
            let names = self.inner.names(group, &wanted, of.range)?;
            for (number, ordinals) in wanted {
                let labels = ordinals.iter().map(|o| names.get(number, Ordinal(o)));
                series.extend(labels.flatten().cloned());
            }
            // Only the first in their order are kept, so that the set never grows far beyond the limit.
            while series.len() > of.limit() {
                series.pop_last();
            }
        }
        Ok(series.into_iter().collect())
    }
}

impl Inner {
    /// Shows `ask` the indexes of the days of `range`, and takes note of one that is broken.
    fn each_day(
        &self,
        range: TimeRange,
        mut ask: impl FnMut(&DayIndex<'_>) -> Result<(), TsdbError>,
    ) -> Result<(), TsdbError> {
        for day in self.spans_in(Era::Index, range) {
            let index = DayIndex::new(&*self.store, Era::Index.family(day));
            ask(&index).inspect_err(|error| self.break_index(day, error))?;
        }
        Ok(())
    }

    /// The names of what is wanted of `group`.
    pub(super) fn names(
        &self,
        group: GroupKey,
        wanted: &Wanted,
        range: TimeRange,
    ) -> Result<Names, TsdbError> {
        let mut names = Names::default();
        self.dictionaries(group, |dictionary| {
            if let Some(ordinals) = wanted.get(&dictionary.number) {
                names.insert(dictionary, ordinals);
            }
        });
        for (number, ordinals) in wanted {
            if !names.has(*number) {
                let wanted = (*number, ordinals);
                self.read_names(group, wanted, range, &mut names, &mut |e| self.damage(e))?;
            }
        }
        Ok(names)
    }
}

/// The series of any of the sets of matchers; none if there are no sets.
fn selected(
    postings: &impl Postings,
    sets: &[Vec<Matcher>],
) -> Result<Option<RoaringBitmap>, TsdbError> {
    if sets.is_empty() {
        return Ok(None);
    }
    let mut found = RoaringBitmap::new();
    for matchers in sets {
        found |= matching(postings, matchers)?;
    }
    Ok(Some(found))
}
