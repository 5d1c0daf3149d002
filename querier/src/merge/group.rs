//! One scraped group: its winning rows, and the series that they hold.
use std::cmp::Ordering;

use model::{
    GroupSlice, Labels, RowHead, STALE_NAN, Series, SeriesSlice, Stamp, TimeRange, Timestamp,
    is_deleted_nan,
};

use super::sample::Full;

/// The series of one group that `wants` asks for, sorted by labels, samples within `range`.
pub(super) fn series(
    holders: &[GroupSlice],
    range: TimeRange,
    wants: impl Fn(&Labels) -> bool,
) -> Vec<Series> {
    let Winners { times, places } = Winners::of(holders);
    // A holder whose rows all lost is not looked at.
    let is_useful = |places: &[u32]| places.iter().any(|place| *place != LOST);
    let useful = holders.iter().zip(&places).filter(|(_, p)| is_useful(p));
    let mut columns: Vec<Column<'_>> = useful
        .flat_map(|(slice, places)| {
            let column = move |series| Column { series, places };
            slice.series.iter().map(column)
        })
        .filter(|column| wants(&column.series.labels))
        .collect();
    // Holders send their series in much the same order, so that this finds long sorted runs.
    columns.sort_by(|a, b| a.series.labels.cmp(&b.series.labels));
    let merged = |columns: &[Column<'_>]| {
        let mut series = Series::of_samples(columns[0].series.labels.clone(), Vec::new());
        match columns {
            [column] => unfold(column.points(&times), &times, range, &mut series),
            _ => {
                let mut points: Vec<Point<'_>> =
                    columns.iter().flat_map(|c| c.points(&times)).collect();
                points.sort_by_key(|point| point.place);
                unfold(points.into_iter(), &times, range, &mut series);
            }
        }
        (!series.is_empty()).then_some(series)
    };
    columns
        .chunk_by(|a, b| a.series.labels == b.series.labels)
        .filter_map(merged)
        .collect()
}

/// True if no row of `slice` would win over what `held` has.
pub(super) fn adds_nothing(slice: &GroupSlice, held: &GroupSlice) -> bool {
    let mut held = held.rows.iter().peekable();
    slice.rows.iter().all(|row| {
        while held.next_if(|known| known.slot < row.slot).is_some() {}
        held.peek()
            .is_some_and(|known| known.slot == row.slot && !row.stamp.wins_over(&known.stamp))
    })
}

/// The place of a row that another replaces.
const LOST: u32 = u32::MAX;

/// The winning rows of a group, by slot.
struct Winners {
    /// The time of each.
    times: Vec<Timestamp>,
    /// For each slice and each of its rows the index into `times`, or [`LOST`].
    places: Vec<Vec<u32>>,
}

impl Winners {
    fn of(holders: &[GroupSlice]) -> Self {
        let mut rows: Vec<(&RowHead, usize, usize)> = Vec::new();
        for (holder, slice) in holders.iter().enumerate() {
            rows.extend((slice.rows.iter().enumerate()).map(|(idx, row)| (row, holder, idx)));
        }
        // Best first within a slot. Rows with one stamp have one maker and are equal: any of them will do, and the
        // stable sort takes them all from the first holder.
        rows.sort_by(|(a, ..), (b, ..)| {
            (a.slot.cmp(&b.slot)).then_with(|| best_first(&a.stamp, &b.stamp))
        });
        let mut winners = Self {
            times: Vec::new(),
            places: holders.iter().map(|s| vec![LOST; s.rows.len()]).collect(),
        };
        for slot in rows.chunk_by(|(a, ..), (b, ..)| a.slot == b.slot) {
            let (row, holder, idx) = slot[0];
            winners.places[holder][idx] = winners.times.len() as u32;
            winners.times.push(row.at);
        }
        winners
    }
}

fn best_first(a: &Stamp, b: &Stamp) -> Ordering {
    b.wins_over(a).cmp(&a.wins_over(b))
}

/// One series as one holder sent it.
struct Column<'s> {
    series: &'s SeriesSlice,
    places: &'s [u32],
}

/// A sample of a winning row.
struct Point<'s> {
    place: u32,
    full: Full<'s>,
}

impl<'s> Column<'s> {
    /// The samples that stand in winning rows, by place.
    fn points(&self, times: &[Timestamp]) -> impl Iterator<Item = Point<'s>> {
        let Self { series, places } = *self;
        let SeriesSlice {
            rows,
            times: explicit,
            ..
        } = series;
        let values = series.values.to_numbers();
        rows.iter().enumerate().filter_map(move |(i, row)| {
            let place = places[row as usize];
            (place != LOST).then(|| Point {
                place,
                full: Full::of_slice(
                    series,
                    &values,
                    i,
                    *explicit.get(i).unwrap_or(&times[place as usize]),
                ),
            })
        })
    }
}

/// Puts the samples of one series with its derived markers, strictly ascending, within `range`, into `series`.
fn unfold<'s>(
    points: impl Iterator<Item = Point<'s>>,
    times: &[Timestamp],
    range: TimeRange,
    series: &mut Series,
) {
    let n_points = points.size_hint().1.unwrap_or(0);
    series.samples.reserve_exact(n_points + 1);
    let mut last = None;
    let mut push = |full: Full<'_>| {
        let at = full.sample.at;
        if last.is_none_or(|last| last < at) {
            last = Some(at);
            if range.contains(at) {
                full.put(series);
            }
        }
    };
    let mut points = points.peekable();
    while let Some(Point { place, full }) = points.next() {
        let is_deleted = is_deleted_nan(full.sample.value);
        if !is_deleted {
            push(full);
        }
        let next = points.peek().map(|next| next.place);
        let is_explicit = full.sample.at != times[place as usize];
        if let Some(at) = times.get(place as usize + 1)
            && next != Some(place + 1)
            && !is_explicit
            && !is_deleted
        {
            push(Full::of(*at, STALE_NAN));
        }
    }
}
