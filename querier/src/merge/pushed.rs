//! One pushed group: the union of the samples that its holders have.
use foldhash::{HashMap, HashMapExt as _};
use model::{GroupSlice, Labels, Series, SeriesSlice, Stamp, TimeRange};

use super::sample::Full;

/// The series of one group that `wants` asks for, sorted by labels, samples within `range`.
pub(super) fn series<'s>(
    holders: &'s [GroupSlice],
    range: TimeRange,
    wants: impl Fn(&Labels) -> bool,
) -> Vec<Series> {
    let columns = |slice: &'s GroupSlice| {
        let series = slice.series.iter();
        series.map(move |series| Column { slice, series })
    };
    let mut columns: Vec<Column<'s>> = (holders.iter().flat_map(columns))
        .filter(|column| wants(&column.series.labels))
        .collect();
    columns.sort_by(|a, b| a.series.labels.cmp(&b.series.labels));
    let merged = |columns: &[Column<'_>]| {
        let mut series = Series::of_samples(columns[0].series.labels.clone(), Vec::new());
        match columns {
            [column] => (column.samples().map(|(full, _)| full))
                .filter(|full| range.contains(full.sample.at))
                .for_each(|full| full.put(&mut series)),
            _ => unite(columns, range, &mut series),
        }
        (!series.is_empty()).then_some(series)
    };
    columns
        .chunk_by(|a, b| a.series.labels == b.series.labels)
        .filter_map(merged)
        .collect()
}

/// True if `held` has every sample of `slice`, in a row as good or better.
pub(super) fn adds_nothing(slice: &GroupSlice, held: &GroupSlice) -> bool {
    let mut known = HashMap::with_capacity(held.series.len());
    known.extend(held.series.iter().map(|series| (&series.labels, series)));
    slice.series.iter().all(|series| {
        let known = known.get(&series.labels).into_iter();
        let known = known.map(|series| Column {
            slice: held,
            series,
        });
        let mut known = known.flat_map(Column::samples).peekable();
        Column { slice, series }.samples().all(|(full, stamp)| {
            let is_before = |known: &Full<'_>| known.sample.at < full.sample.at;
            while known.next_if(|(known, _)| is_before(known)).is_some() {}
            let is_it =
                |(known, held): &(Full<'_>, &Stamp)| *known == full && !stamp.wins_over(held);
            known.peek().is_some_and(is_it)
        })
    })
}

/// One series as one holder sent it.
#[derive(Clone, Copy)]
struct Column<'s> {
    slice: &'s GroupSlice,
    series: &'s SeriesSlice,
}

impl<'s> Column<'s> {
    /// The samples, ascending, with who ordered them.
    fn samples(self) -> impl Iterator<Item = (Full<'s>, &'s Stamp)> {
        let Self { slice, series } = self;
        let values = series.values.to_numbers();
        series.rows.iter().enumerate().map(move |(i, row)| {
            let row = &slice.rows[row as usize];
            (Full::of_slice(series, &values, i, row.at), &row.stamp)
        })
    }
}

fn unite(columns: &[Column<'_>], range: TimeRange, series: &mut Series) {
    let samples = columns.iter().flat_map(|column| column.samples());
    let mut samples: Vec<_> = samples
        .filter(|(full, _)| range.contains(full.sample.at))
        .collect();
    samples.sort_by(|(a, a_stamp), (b, b_stamp)| {
        let better_first = b_stamp.wins_over(a_stamp).cmp(&a_stamp.wins_over(b_stamp));
        // Of rows that are equally good any will do, if it is always the same.
        let same = || a.order(b);
        (a.sample.at.cmp(&b.sample.at))
            .then(better_first)
            .then_with(same)
    });
    samples.dedup_by_key(|(full, _)| full.sample.at);
    samples.into_iter().for_each(|(full, _)| full.put(series));
}
