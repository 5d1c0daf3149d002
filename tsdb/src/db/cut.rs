//! Cutting: a group's rows are transposed and encoded once, into a segment.
use std::{collections::BTreeMap, sync::atomic::Ordering::Relaxed};

use model::{RowHead, Timestamp};

use super::{Inner, blocks::BlockId, marks};
use crate::{
    block::Builder, error::TsdbError, group::Group, keys::Era, row::PackedRow, store::Batch,
    table::Table,
};

/// A segment has 32 rows, but after a pause of maintenance there may be many more at once.
const MAX_ROWS: usize = 1024;

impl Inner {
    /// Writes the first `n_rows` held rows of `group` as segments, and then frees them. Returns how many segments were cut.
    ///
    /// A segment never reaches over the end of its family's two hours, nor from one dictionary into the next.
    pub(super) fn cut(&self, group: &mut Group, n_rows: usize) -> Result<usize, TsdbError> {
        let period = |slot: Timestamp| Era::Segments.of(slot);
        let (mut batch, mut stored, mut n_segments) = (Batch::new(), Vec::new(), 0);
        let mut lasts = BTreeMap::new();
        let same = |a: &crate::group::HeldRow, b: &crate::group::HeldRow| {
            period(a.head.slot) == period(b.head.slot)
                && a.values.dictionary() == b.values.dictionary()
        };
        let parts = group.rows[..n_rows].chunk_by(same);
        for part in parts.flat_map(|part| part.chunks(MAX_ROWS)) {
            let (number, slot) = (part[0].values.dictionary(), part[0].head.slot);
            let Some(dictionary) = group.dictionary(number) else {
                // Only empty rows are held by a dictionary that is not there.
                continue;
            };
            let rows: Vec<(RowHead, &PackedRow)> =
                part.iter().map(|row| (row.head, &row.values)).collect();
            let table = Table::of_rows(number, &rows, dictionary.order().iter().copied());
            let mut builder = Builder::new(table.rows);
            table
                .columns
                .into_iter()
                .for_each(|column| builder.push(column));
            let (end, block) = builder.finish();
            let last = part[part.len() - 1].head.slot;
            let id = BlockId {
                group: group.key,
                end,
                dictionary: number,
                position: last.as_millis(),
            };
            let family = Era::Segments.family(period(slot));
            for (key, value) in id.entries(block) {
                batch.put(&family, key, value);
            }
            let mark = marks::value(last.as_millis(), last);
            batch.put(&family, marks::key(group.key, number), mark);
            lasts.insert(number, last);
            let day = Era::Series.of(slot);
            let mark =
                (!dictionary.is_stored(day)).then(|| dictionary.store(group.key, day, &mut batch));
            stored.push((number, period(slot), mark));
            n_segments += 1;
        }
        // Beside the rows stands how far they are cut: the segments may be gone before the rows are.
        let generation = self.generations.lock().enter(0);
        let family = Era::Rows.family(generation);
        for (number, last) in lasts {
            let mark = marks::value(last.as_millis(), last);
            batch.put(&family, marks::key(group.key, number), mark);
        }
        self.write(batch)?;
        for (number, period, mark) in stored {
            let Some(dictionary) = group.dictionary_mut(number) else {
                continue;
            };
            dictionary.last_period = dictionary.last_period.max(Some(period));
            if let Some(mark) = mark {
                dictionary.mark_stored(mark);
            }
        }
        let mut generations = self.generations.lock();
        for row in group.rows.drain(..n_rows) {
            generations.leave(row.generation, 1);
        }
        group.rows.shrink_to(self.options.rows_per_segment);
        group.rows_to_cut = self.options.rows_per_segment.max(1);
        self.counters.segments.fetch_add(n_segments as u64, Relaxed);
        Ok(n_segments)
    }
}
