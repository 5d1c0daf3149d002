//! Label names, label values and series.
use std::collections::BTreeSet;

use model::{Labels, Matcher, TimeRange};
use roaring::RoaringBitmap;

use super::Tsdb;
use crate::{error::TsdbError, index::matching};

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
    /// What the store says.
    pub fn label_names(&self, of: SeriesOf<'_>) -> Result<Vec<String>, TsdbError> {
        let index = self.inner.index.read();
        let ids = selected(&*index, of.matchers)?;
        let names = index.names(ids.as_ref()).take(of.limit());
        Ok(names.map(str::to_owned).collect())
    }

    /// The values of the label `name`, sorted.
    ///
    /// # Errors
    /// What the store says.
    pub fn label_values(&self, name: &str, of: SeriesOf<'_>) -> Result<Vec<String>, TsdbError> {
        let index = self.inner.index.read();
        let ids = selected(&*index, of.matchers)?;
        let values = index.values(name, ids.as_ref()).take(of.limit());
        Ok(values.map(str::to_owned).collect())
    }

    /// The label sets of series, sorted, each once.
    ///
    /// # Errors
    /// What the store says.
    pub fn series(&self, of: SeriesOf<'_>) -> Result<Vec<Labels>, TsdbError> {
        let mut places: Vec<_> = {
            let index = self.inner.index.read();
            let ids = match selected(&*index, of.matchers)? {
                Some(ids) => ids,
                None => matching(&*index, &[])?,
            };
            index.places(&ids).collect()
        };
        places.sort_unstable();
        let mut series = BTreeSet::new();
        for same_group in places.chunk_by(|a, b| a.group == b.group) {
            let Some(group) = self.inner.group(same_group[0].group) else {
                continue;
            };
            let group = group.lock();
            series.extend(same_group.iter().filter_map(|place| {
                let dictionary = group.dictionary(place.dictionary)?;
                dictionary.labels().get(place.ordinal.0 as usize).cloned()
            }));
        }
        Ok(series.into_iter().take(of.limit()).collect())
    }
}

/// The series of any of the sets of matchers; none if there are no sets.
fn selected(
    postings: &impl crate::index::Postings,
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
