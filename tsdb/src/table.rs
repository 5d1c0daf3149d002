//! Rows and columns of one dictionary: the form in which head, segments and blocks meet.
mod gather;
pub(crate) mod union;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use column::Values;
use model::{
    GroupKey, GroupSlice, Histogram, Labels, Presence, RowHead, SeriesSlice, Sparse, TimeRange,
    Timestamp,
};

use crate::row::{Beside, DictionaryNo, OWN_TIME, Ordinal, PackedRow, RowValues};
use gather::{extend, gather, keep};

/// From how many columns on a row is unpacked once rather than looked into for each.
const MANY_COLUMNS: usize = 32;

/// Some rows of a group and some of their columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) dictionary: DictionaryNo,
    /// Of tables of a pushed group by one dictionary, the samples of the one with the lower position came first.
    pub(crate) position: i64,
    /// Ascending by slot.
    pub(crate) rows: Vec<RowHead>,
    pub(crate) columns: Vec<Column>,
}

/// The samples of a column with their values as numbers.
pub(crate) struct Samples<'c> {
    pub(crate) values: Cow<'c, [f64]>,
    column: &'c Column,
}

/// One series in a [`Table`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    pub(crate) ordinal: Ordinal,
    /// The rows where the series is present.
    pub(crate) rows: Presence,
    /// One for each of `rows`; a histogram stands here by its sum.
    pub(crate) values: Values,
    /// Empty, or one for each of `rows`: an explicit time or [`OWN_TIME`].
    pub(crate) times: Vec<i64>,
    /// The histograms among `values`, by index.
    pub(crate) histograms: Sparse<Arc<Histogram>>,
    /// Since when those of `values` count of which it is known, by index.
    pub(crate) starts: Sparse<Timestamp>,
}

impl Column {
    pub(crate) fn new(ordinal: Ordinal) -> Self {
        Self {
            ordinal,
            ..Self::default()
        }
    }

    /// Adds the sample of row `row`, which comes after those before it.
    pub(crate) fn push(&mut self, row: u32, value: f64, time: i64) {
        if time != OWN_TIME && self.times.is_empty() {
            self.times.resize(self.values.len(), OWN_TIME);
        }
        if time != OWN_TIME || !self.times.is_empty() {
            self.times.push(time);
        }
        self.rows.push(row);
        self.values.push(value);
    }

    /// Its samples, to be looked at one by one.
    pub(crate) fn samples(&self) -> Samples<'_> {
        Samples {
            values: self.values.to_numbers(),
            column: self,
        }
    }

    /// Adds the `i`th sample of `part` as that of row `row`, which comes after those before it.
    pub(crate) fn push_of(&mut self, row: u32, part: &Samples<'_>, i: usize) {
        let place = self.values.len() as u32;
        let Samples { values, column } = part;
        self.push(row, values[i], column.time(i));
        if !column.is_plain() {
            if let Some(histogram) = column.histograms.get(i) {
                self.histograms.push(place, Arc::clone(histogram));
            }
            if let Some(start) = column.starts.get(i) {
                self.starts.push(place, *start);
            }
        }
    }

    /// Takes what stands beside the last sample, which is that at `place` of a row.
    fn put_beside(&mut self, beside: &Beside, place: usize) {
        let last = self.values.len() as u32 - 1;
        if let Some(histogram) = beside.histograms.get(place) {
            self.histograms.push(last, Arc::clone(histogram));
        }
        if let Some(start) = beside.starts.get(place) {
            self.starts.push(last, *start);
        }
    }

    /// True if its samples are numbers and nothing else.
    pub(crate) const fn is_plain(&self) -> bool {
        self.histograms.is_empty() && self.starts.is_empty()
    }

    /// Puts [`model::DELETED_NAN`] in the place of the `i`th sample.
    pub(crate) fn bury(&mut self, i: usize) {
        self.values.numbers_mut()[i] = model::DELETED_NAN;
        self.histograms.remove(i);
        self.starts.remove(i);
    }

    /// No samples yet, with room for `n`.
    pub(crate) fn with_capacity(ordinal: Ordinal, n: usize) -> Self {
        Self {
            ordinal,
            values: Values::with_capacity(n),
            ..Self::default()
        }
    }

    /// The explicit time of the `i`th sample, or [`OWN_TIME`].
    fn time(&self, i: usize) -> i64 {
        self.times.get(i).copied().unwrap_or(OWN_TIME)
    }
}

impl Table {
    /// Transposes `rows` of `dictionary`: the columns of `ordinals`, without those that no row has.
    pub(crate) fn of_rows(
        dictionary: DictionaryNo,
        rows: &[(RowHead, &PackedRow)],
        ordinals: impl Iterator<Item = u32>,
    ) -> Self {
        let new = |ordinal| Column::with_capacity(Ordinal(ordinal), rows.len());
        let mut columns: Vec<Column> = ordinals.map(new).collect();
        let mut dense = RowValues::default();
        for (i, (_, row)) in rows.iter().enumerate() {
            let is_unpacked = columns.len() >= MANY_COLUMNS;
            if is_unpacked {
                row.unpack(&mut dense);
            }
            for column in &mut columns {
                let place = column.ordinal.0 as usize;
                let value = match is_unpacked {
                    true => dense.get(place),
                    false => row.get(place),
                };
                if let Some(value) = value {
                    let time = row.explicit_time(place);
                    column.push(i as u32, value, time.map_or(OWN_TIME, Timestamp::as_millis));
                    if let Some(beside) = row.beside() {
                        column.put_beside(beside, place);
                    }
                }
            }
        }
        columns.retain(|column| !column.rows.is_empty());
        Self {
            dictionary,
            position: i64::MAX,
            rows: rows.iter().map(|(head, _)| *head).collect(),
            columns,
        }
    }
}

/// Which rows of several tables hold for their slots: the best of each slot wins whole.
struct Winners {
    rows: Vec<RowHead>,
    /// For each table, where each of its rows went.
    places: Vec<Vec<Option<u32>>>,
}

fn winners(tables: &[Table]) -> Winners {
    let mut all: Vec<(RowHead, usize, usize)> = Vec::new();
    for (t, table) in tables.iter().enumerate() {
        all.extend(table.rows.iter().enumerate().map(|(r, head)| (*head, t, r)));
    }
    all.sort_by_key(|(head, ..)| head.slot);
    let mut places: Vec<_> = tables.iter().map(|t| vec![None; t.rows.len()]).collect();
    let mut rows = Vec::with_capacity(all.len());
    for same_slot in all.chunk_by(|a, b| a.0.slot == b.0.slot) {
        let best = same_slot.iter().reduce(|best, row| {
            let (a, b) = (&best.0.stamp, &row.0.stamp);
            // A row comes twice while it is on its way to a segment, or when it is sent again after its group was
            // forgotten: then the first that came has the lower number.
            let earlier = || tables[row.1].dictionary < tables[best.1].dictionary;
            if b.wins_over(a) || (!a.wins_over(b) && earlier()) {
                row
            } else {
                best
            }
        });
        let (head, t, r) = best.expect("a chunk is never empty");
        places[*t][*r] = Some(rows.len() as u32);
        rows.push(*head);
    }
    Winners { rows, places }
}

/// One table of the rows of several of one dictionary.
pub(crate) fn concat(tables: Vec<Table>) -> Table {
    let Some(dictionary) = tables.first().map(|t| t.dictionary) else {
        return Table::default();
    };
    let Winners { rows, places } = winners(&tables);
    let mut columns = BTreeMap::new();
    for (table, places) in tables.into_iter().zip(places) {
        for column in table.columns {
            let whole = columns
                .entry(column.ordinal)
                .or_insert_with(|| Column::new(column.ordinal));
            extend(whole, &column, &places);
        }
    }
    Table {
        dictionary,
        position: 0,
        rows,
        columns: columns
            .into_values()
            .map(sorted)
            .filter(|column| !column.rows.is_empty())
            .collect(),
    }
}

/// What a group has in `range`, seen as one: all rows, and the series of all columns under the labels that `labels` gives.
/// None if no series is present in the range.
pub(crate) fn slice<'a>(
    group: GroupKey,
    mut tables: Vec<Table>,
    range: TimeRange,
    labels: impl FnMut(DictionaryNo, Ordinal) -> Option<&'a Labels>,
) -> Option<GroupSlice> {
    // In this order columns are mostly put together by appending.
    tables.sort_by_key(|table| table.rows.first().map(|row| row.slot));
    let Winners { rows, mut places } = winners(&tables);
    // A row is in range if its own time is, or that of a sample it carries.
    let mut kept: Vec<bool> = rows.iter().map(|row| range.contains(row.at)).collect();
    for (table, places) in tables.iter().zip(&places) {
        for column in table.columns.iter().filter(|c| !c.times.is_empty()) {
            for (row, time) in column.rows.iter().zip(&column.times) {
                let is_in = *time != OWN_TIME && range.contains(Timestamp::from_millis(*time));
                if let Some(place) = places[row as usize].filter(|_| is_in) {
                    kept[place as usize] = true;
                }
            }
        }
    }
    keep(&kept, &mut places);
    let kept_rows = rows.iter().zip(&kept).filter(|(_, kept)| **kept);
    let kept_rows: Vec<RowHead> = kept_rows.map(|(row, _)| *row).collect();
    let series = |(labels, column): (&Labels, Column)| {
        let column = sorted(column);
        let own = |(row, time): (u32, &i64)| match *time {
            OWN_TIME => kept_rows[row as usize].at,
            time => Timestamp::from_millis(time),
        };
        let times = column.rows.iter().zip(&column.times).map(own).collect();
        (!column.rows.is_empty()).then(|| SeriesSlice {
            labels: labels.clone(),
            rows: column.rows,
            values: column.values,
            times,
            histograms: column.histograms,
            starts: column.starts,
        })
    };
    let columns = gather(tables, &places, labels);
    let series: Vec<SeriesSlice> = columns.into_iter().filter_map(series).collect();
    (!series.is_empty()).then_some(GroupSlice {
        group,
        rows: kept_rows,
        series,
    })
}

/// `column` with ascending rows, in a stable order: tables come in the order of time but for late ones.
fn sorted(column: Column) -> Column {
    if column.rows.is_ascending() {
        return column;
    }
    let mut order: Vec<(u32, usize)> = column.rows.iter().zip(0..).collect();
    order.sort_by_key(|(row, _)| *row);
    let mut ascending = Column::new(column.ordinal);
    let samples = column.samples();
    for (row, i) in order {
        ascending.push_of(row, &samples, i);
    }
    ascending
}
