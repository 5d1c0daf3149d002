//! Coming back: the pages of pushed groups.
use std::collections::{BTreeMap, BTreeSet};

use model::{GroupKey, Sample, Stamp, TimeRange, Timestamp};

use super::super::{
    Inner,
    marks::{Mark, TRUNCATED},
};
use crate::{
    dictionary::Dictionary,
    error::TsdbError,
    keys::{Era, KeyParts},
    pushed::{Page, Point, PushedGroup, record},
    row::DictionaryNo,
};

/// What must come back of a pushed group.
#[derive(Default)]
pub(in crate::db) struct FoundPushed {
    /// Up to which batch each page is in segments or blocks.
    cuts: BTreeMap<DictionaryNo, i64>,
    records: BTreeMap<(u64, DictionaryNo), Record>,
    pub(in crate::db) dictionaries: BTreeMap<DictionaryNo, Dictionary>,
    periods: BTreeMap<DictionaryNo, BTreeSet<i64>>,
}

struct Record {
    generation: i64,
    stamp: Stamp,
    points: Vec<Point>,
}

impl FoundPushed {
    /// Takes in a mark.
    pub(in crate::db) fn cut(&mut self, inner: &Inner, mark: &Mark) {
        let Some(newest) = mark.newest else {
            return;
        };
        inner.saw(newest);
        let cut = self.cuts.entry(mark.dictionary).or_insert(mark.position);
        *cut = mark.position.max(*cut);
    }

    /// Notes that the span `period` has segments by the dictionary `number`.
    pub(in crate::db) fn has_segments(&mut self, number: DictionaryNo, period: i64) {
        self.periods.entry(number).or_default().insert(period);
        let new = || Dictionary::new(number);
        self.dictionaries.entry(number).or_insert_with(new);
    }

    /// Takes in a record of `generation`, unless it is cut; notes of which days dictionaries are needed.
    pub(in crate::db) fn record(
        &mut self,
        inner: &Inner,
        generation: i64,
        (key, value): (&[u8], &[u8]),
        days: &mut BTreeSet<i64>,
    ) -> Result<(), TsdbError> {
        let family = || Era::Rows.family(generation);
        let mut parts = KeyParts(key);
        let key = (parts.tag(), parts.group(), parts.u64(), parts.dictionary());
        let (Some(_), Some(group), Some(sequence), Some(number)) = key else {
            inner.damage(TsdbError::corrupt(&family(), "a batch's key", TRUNCATED));
            return Ok(());
        };
        let cut = self.cuts.get(&number);
        if cut.is_some_and(|cut| sequence as i64 <= *cut) {
            return Ok(());
        }
        let (stamp, points) = match record::decode(value) {
            Ok(record) => record,
            Err(source) => {
                let what = format!("the batch {sequence} of group {group}");
                let error = TsdbError::corrupt(&family(), what, source);
                // What times it had is not known; it came in that generation.
                let written = Era::Rows.range(generation);
                let kept = TimeRange::new(inner.oldest_kept(), written.end());
                return inner.lose(Some(group), kept.unwrap_or(written), error);
            }
        };
        days.extend(points.iter().map(|point| Era::Series.of(point.at)));
        let new = || Dictionary::new(number);
        self.dictionaries.entry(number).or_insert_with(new);
        let record = Record {
            generation,
            stamp,
            points,
        };
        self.records.insert((sequence, number), record);
        Ok(())
    }

    /// The group, whose series are put into the index and whose records into the head.
    pub(in crate::db) fn into_group(self, inner: &Inner, key: GroupKey) -> PushedGroup {
        let mut group = PushedGroup::new(key, inner.first_sequence);
        let mut pages: BTreeMap<DictionaryNo, Page> = BTreeMap::new();
        for (number, mut dictionary) in self.dictionaries {
            dictionary.sort();
            inner.index.write().add(key, &mut dictionary);
            let mut page = Page::new(dictionary, key, inner.options.rows_per_segment);
            page.periods = self.periods.get(&number).cloned().unwrap_or_default();
            pages.insert(number, page);
        }
        for ((_, number), mut record) in self.records {
            let Some(page) = pages.get_mut(&number) else {
                continue;
            };
            let n_known = page.dictionary.len();
            let n_points = record.points.len();
            // Names may be lost with a broken chunk: what can be named is kept, and no place is given again.
            record.points.retain(|p| usize::from(p.ordinal) < n_known);
            page.closed |= record.points.len() < n_points;
            load_points(inner, page, &record);
        }
        for page in pages.into_values() {
            if page.is_due() {
                inner.due.lock().push(key);
            }
            group.load_page(page);
        }
        group
    }
}

fn load_points(inner: &Inner, page: &mut Page, record: &Record) {
    let (Some(first), Some(last)) = (record.points.first(), record.points.last()) else {
        return;
    };
    inner.saw(first.at);
    inner.saw(last.at);
    inner.is_active_at(first.at);
    for point in &record.points {
        let Point {
            at, ordinal, value, ..
        } = point;
        let (at, value): (Timestamp, f64) = (*at, *value);
        let newest = page.newest(*ordinal);
        if newest.is_none_or(|newest| newest.at < at) {
            page.set_newest(*ordinal, Some(Sample { at, value }));
        }
    }
    page.held.extend(&record.points, record.stamp);
    inner.generations.lock().load(record.generation, 1);
    *page.records.entry(record.generation).or_default() += 1;
}
