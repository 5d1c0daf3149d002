//! The tables of a pushed group seen as one: the union of their samples, of each series and time the first that came.
use std::collections::BTreeMap;

use model::{GroupKey, GroupSlice, Labels, RowHead, SeriesSlice, TimeRange};

use super::{
    Column, Table,
    gather::{extend, gather, keep},
    sorted,
};
use crate::row::{DictionaryNo, Ordinal};

/// The rows of several tables, and where each table's rows went.
struct Rows {
    rows: Vec<RowHead>,
    places: Vec<Vec<Option<u32>>>,
}

/// Brings `tables` into the order in which their samples came, and gives their rows as one ascending list.
/// What was deleted is taken out: of a pushed group nothing need be kept in its place.
fn rows(tables: &mut [Table]) -> Rows {
    let columns = tables.iter_mut().flat_map(|table| &mut table.columns);
    columns.for_each(take_out_deleted);
    // What was cut at once has each sample once, so that there the order is free: that of time needs no sorting later.
    tables.sort_by_key(|table| {
        let first = table.rows.first().map(|row| row.slot);
        (table.dictionary, table.position, first)
    });
    let mut all: Vec<RowHead> = tables.iter().flat_map(|t| &t.rows).copied().collect();
    // Stable sorts: the head that came first stays.
    all.sort_by_key(|row| row.slot);
    all.dedup_by_key(|row| row.slot);
    let place = |row: &RowHead| all.binary_search_by_key(&row.slot, |row| row.slot).ok();
    let places = |table: &Table| {
        let places = table.rows.iter().map(place);
        places.map(|place| place.map(|p| p as u32)).collect()
    };
    let places = tables.iter().map(places).collect();
    Rows { rows: all, places }
}

fn take_out_deleted(column: &mut Column) {
    let is_deleted = |value: &f64| model::is_deleted_nan(*value);
    if column.values.are_finite() {
        return;
    }
    let numbers = column.values.numbers_mut();
    if numbers.iter().any(is_deleted) {
        let mut kept = Column::new(column.ordinal);
        let samples = column.samples();
        for (i, row) in column.rows.iter().enumerate() {
            if !is_deleted(&samples.values[i]) {
                kept.push_of(row, &samples, i);
            }
        }
        *column = kept;
    }
}

/// `column`, to which tables were appended in the order in which they came, with ascending rows, each once.
fn first_of_each_row(column: Column) -> Column {
    let column = sorted(column);
    if column.rows.is_ascending() {
        return column;
    }
    let mut first = Column::new(column.ordinal);
    let samples = column.samples();
    for (i, row) in column.rows.iter().enumerate() {
        if first.rows.last() != Some(row) {
            first.push_of(row, &samples, i);
        }
    }
    first
}

/// One table of the samples of several of one dictionary.
pub(crate) fn concat(mut tables: Vec<Table>) -> Table {
    let Rows { rows, places } = rows(&mut tables);
    let Some(first) = tables.first() else {
        return Table::default();
    };
    let (dictionary, position) = (first.dictionary, first.position);
    let mut columns = BTreeMap::new();
    for (table, places) in tables.iter().zip(&places) {
        for column in &table.columns {
            let new = || Column::new(column.ordinal);
            let whole = columns.entry(column.ordinal).or_insert_with(new);
            extend(whole, column, places);
        }
    }
    Table {
        dictionary,
        position,
        rows,
        columns: (columns.into_values().map(first_of_each_row))
            .filter(|column| !column.rows.is_empty())
            .collect(),
    }
}

/// What a group has in `range`, seen as one: the series of all columns under the labels that `labels` gives, and those
/// rows that one of them is in. None if there is no such row.
pub(crate) fn slice<'a>(
    group: GroupKey,
    mut tables: Vec<Table>,
    range: TimeRange,
    labels: impl FnMut(DictionaryNo, Ordinal) -> Option<&'a Labels>,
) -> Option<GroupSlice> {
    let Rows { rows, mut places } = rows(&mut tables);
    // Then what is put together table by table is in order.
    let in_order = (places.iter().flatten().flatten()).is_sorted_by(|a, b| a < b);
    let used = used(rows.len(), &tables, &places);
    let is_kept = |(row, used): (&RowHead, &bool)| *used && range.contains(row.at);
    let kept: Vec<bool> = rows.iter().zip(&used).map(is_kept).collect();
    keep(&kept, &mut places);
    let series = |(labels, column): (&Labels, Column)| {
        let column = match in_order {
            true => column,
            false => first_of_each_row(column),
        };
        (!column.rows.is_empty()).then(|| SeriesSlice {
            labels: labels.clone(),
            rows: column.rows,
            values: column.values,
            times: Vec::new(),
            histograms: column.histograms,
            starts: column.starts,
        })
    };
    let columns = gather(tables, &places, labels);
    let series: Vec<SeriesSlice> = columns.into_iter().filter_map(series).collect();
    let rows = rows.iter().zip(&kept);
    (!series.is_empty()).then(|| GroupSlice {
        group,
        rows: rows
            .filter_map(|(row, kept)| kept.then_some(*row))
            .collect(),
        series,
    })
}

/// Which of `n_rows` rows have a sample. A few series mostly tell of all, and then the others are not looked at.
fn used(n_rows: usize, tables: &[Table], places: &[Vec<Option<u32>>]) -> Vec<bool> {
    let mut used = vec![false; n_rows];
    for (table, places) in tables.iter().zip(places) {
        let mut n_left = table.rows.len();
        let mut seen = vec![false; n_left];
        for column in &table.columns {
            for row in &column.rows {
                let seen = &mut seen[row as usize];
                n_left -= usize::from(!*seen);
                *seen = true;
            }
            if n_left == 0 {
                break;
            }
        }
        for (place, seen) in places.iter().zip(seen) {
            if let Some(place) = place {
                used[*place as usize] |= seen;
            }
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use model::{NodeId, Outcome, Presence, Stamp, Timestamp};

    use super::*;
    use crate::row::OWN_TIME;

    /// A table with rows at `times` and of each of `columns` the ordinal, rows and values.
    fn table(
        dictionary: u32,
        position: i64,
        times: &[i64],
        columns: &[(u32, &[(u32, f64)])],
    ) -> Table {
        let row = |at: &i64| RowHead {
            slot: Timestamp::from_millis(*at),
            at: Timestamp::from_millis(*at),
            stamp: Stamp {
                outcome: Outcome::Success,
                epoch: position as u64,
                rank: 0,
                node: NodeId(1),
            },
        };
        let column = |(ordinal, samples): &(u32, &[(u32, f64)])| {
            let mut column = Column::new(Ordinal(*ordinal));
            for (row, value) in *samples {
                column.push(*row, *value, OWN_TIME);
            }
            column
        };
        Table {
            dictionary: DictionaryNo(dictionary),
            position,
            rows: times.iter().map(row).collect(),
            columns: columns.iter().map(column).collect(),
        }
    }

    #[test]
    fn the_first_value_of_a_series_and_time_is_kept() {
        let later = table(
            1,
            2,
            &[5, 10],
            &[(0, &[(0, 1.0), (1, 2.0)]), (1, &[(1, 3.0)])],
        );
        let first = table(1, 1, &[10, 20], &[(0, &[(0, 4.0), (1, 5.0)])]);
        let whole = concat(vec![later.clone(), first.clone()]);
        let times: Vec<i64> = whole.rows.iter().map(|r| r.slot.as_millis()).collect();
        assert_eq!(times, [5, 10, 20]);
        assert_eq!(whole.rows[1].stamp.epoch, 1);
        let columns = whole
            .columns
            .iter()
            .map(|c| (c.rows.clone(), c.values.tail()));
        let expected: [(Presence, &[f64]); 2] = [
            (Presence::run(0..3), &[1.0, 4.0, 5.0]),
            (Presence::run(1..2), &[3.0]),
        ];
        assert!(columns.eq(expected));

        // A series that moved to another page; rows without a wanted series are left out.
        let moved = table(2, 0, &[10, 30], &[(7, &[(0, 9.0), (1, 6.0)])]);
        let name = Labels::from_pairs([("__name__", "a")]);
        let labels = |number: DictionaryNo, ordinal: Ordinal| {
            matches!((number.0, ordinal.0), (1, 0) | (2, 7)).then_some(&name)
        };
        let range = TimeRange::new(Timestamp::from_millis(6), Timestamp::from_millis(30));
        let found = slice(
            GroupKey(1),
            vec![moved, later, first],
            range.unwrap(),
            labels,
        )
        .unwrap();
        let times: Vec<i64> = found.rows.iter().map(|r| r.slot.as_millis()).collect();
        assert_eq!(times, [10, 20, 30]);
        assert_eq!(found.series[0].values.tail(), [4.0, 5.0, 6.0]);
    }
}
