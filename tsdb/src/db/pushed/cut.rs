//! Cutting a page: all that it holds becomes segments, one for each two hours.
use std::sync::atomic::Ordering::Relaxed;

use model::{GroupKey, TimeRange, Timestamp};

use super::super::{Inner, blocks::BlockId, marks};
use crate::{
    block::Builder,
    error::TsdbError,
    keys::Era,
    pushed::{Page, PushedGroup},
    store::Batch,
};

impl Inner {
    /// Cuts those pages that `wants` takes. Returns how many segments were cut. To be called while maintenance is held.
    ///
    /// Samples come in any order, so that a mark cannot be a time: a page is cut whole, up to its group's last batch.
    pub(in crate::db) fn cut_pushed(
        &self,
        group: &mut PushedGroup,
        wants: impl Fn(&Page) -> bool,
    ) -> Result<usize, TsdbError> {
        let (key, sequence) = (group.key, group.sequence);
        let mut n_segments = 0;
        for page in &mut group.pages {
            if !page.held.is_empty() && wants(page) {
                n_segments += self.cut_page(key, sequence, page)?;
            }
        }
        self.counters.segments.fetch_add(n_segments as u64, Relaxed);
        Ok(n_segments)
    }

    fn cut_page(&self, key: GroupKey, sequence: u64, page: &mut Page) -> Result<usize, TsdbError> {
        let (position, number) = (sequence as i64, page.dictionary.number);
        page.dictionary.sort();
        let mut places: Vec<usize> = vec![0; page.dictionary.len()];
        for (place, ordinal) in page.dictionary.order().iter().enumerate() {
            places[*ordinal as usize] = place;
        }
        let (mut batch, mut stored, mut newest) = (Batch::new(), Vec::new(), Timestamp::MIN);
        let all = 0..page.dictionary.len() as u16;
        let segment = |at| Era::Segments.of(at);
        let tables = page.held.tables(number, TimeRange::ALL, all, segment);
        let n_segments = tables.len();
        for mut table in tables {
            let (first, last) = (table.rows[0].slot, table.rows[table.rows.len() - 1].slot);
            newest = newest.max(last);
            table
                .columns
                .sort_by_key(|column| places[column.ordinal.0 as usize]);
            let mut builder = Builder::new(table.rows);
            let columns = table.columns.into_iter();
            columns.for_each(|column| builder.push(column));
            let (end, block) = builder.finish();
            let id = BlockId {
                group: key,
                end,
                dictionary: number,
                position,
            };
            let period = Era::Segments.of(first);
            let family = Era::Segments.family(period);
            for (key, value) in id.entries(block) {
                batch.put(&family, key, value);
            }
            let mark = marks::value(position, last);
            batch.put(&family, marks::key(key, number), mark);
            let day = Era::Series.of(first);
            let is_stored = page.dictionary.is_stored(day);
            let mark = (!is_stored).then(|| page.dictionary.store(key, day, &mut batch));
            stored.push((period, mark));
        }
        // Beside the records stands how far they are cut: the segments may be gone before the records are.
        let generation = self.generations.lock().enter(0);
        let mark = marks::value(position, newest);
        batch.put(&Era::Rows.family(generation), marks::key(key, number), mark);
        self.write(batch)?;
        for (period, mark) in stored {
            page.periods.insert(period);
            if let Some(mark) = mark {
                page.dictionary.mark_stored(mark);
            }
        }
        let records = page.cut(self.options.rows_per_segment);
        let mut generations = self.generations.lock();
        for (generation, n) in records {
            generations.leave(generation, n);
        }
        Ok(n_segments)
    }

    /// Lets go of the pages of a group that have data in blocks alone, now that the segments of `period` are merged, and
    /// of the group if none is left.
    pub(in crate::db) fn forget_pushed(&self, key: GroupKey, period: i64) {
        let mut groups = self.pushed_groups.write();
        let Some(held) = groups.get(&key).cloned() else {
            return;
        };
        let mut group = held.lock();
        for page in &mut group.pages {
            page.periods.remove(&period);
        }
        let gone = group.tidy(Era::Segments.start(period));
        let mut index = self.index.write();
        for dictionary in gone {
            index.remove(&dictionary);
        }
        if group.pages.is_empty() {
            group.evicted = true;
            groups.remove(&key);
        }
    }
}
