//! What the holders of a group sent becomes one series for each label set, exactly.
//!
//! ```text
//! holder A   slot 10 S   slot 20 F   slot 30 S              S: success, F: failure
//! holder B   slot 10 S   slot 20 S               slot 40 S
//! merged     slot 10 A   slot 20 B   slot 30 A   slot 40 B   one winner a slot, whole
//! ```
//!
//! Rows are never mixed: a slot's samples come from the one row that wins by [`Stamp::wins_over`]. Staleness is
//! derived from the winners: a series that one row has and the next winning row lacks is marked stale at the later
//! row's time. That holds for failed rows (which have the synthetic series alone) and for end rows (which are
//! empty) without further rules. A missing slot means nothing.
//!
//! The first row within the asked range can mark a series only if the row before it was sent too. Nothing is lost
//! if it was not: a marker ends the lookback of a sample before it, and such a sample would lie within the range.
use std::cmp::Ordering;

use foldhash::HashMap;
use model::{
    GroupSlice, Labels, RowHead, STALE_NAN, Sample, Series, SeriesSlice, Stamp, TimeRange,
    Timestamp,
};

/// The series that `slices`, sent by one or more holders in any order, stand for: sorted by labels, samples within `range`.
///
/// Each slot counts once however many holders sent it. If two groups give one label set, their samples are merged by
/// time; at equal times the group with the lower key is believed. Within a group, samples that would go back in time
/// (explicit timestamps can) are dropped, as an append to Prometheus' storage drops them. A sample that carries
/// another time than its row has an explicit one, and its absence later marks nothing, as in Prometheus.
pub fn merge(mut slices: Vec<GroupSlice>, range: TimeRange) -> Vec<Series> {
    slices.sort_by_key(|slice| slice.group);
    let mut parts = Vec::new();
    for holders in slices.chunk_by(|a, b| a.group == b.group) {
        merge_group(holders, range, &mut parts);
    }
    // A stable sort: the parts of one label set stay in the order of their groups' keys.
    parts.sort_by(|a, b| a.labels.cmp(&b.labels));
    unite(parts)
}

/// Appends the series of one group.
fn merge_group(holders: &[GroupSlice], range: TimeRange, parts: &mut Vec<Series>) {
    let Winners { times, places } = Winners::of(holders);
    let columns = holders.iter().zip(&places).flat_map(|(slice, places)| {
        // A holder whose rows all lost, as the second of two equal replicas, is not looked at.
        let useful = places.iter().any(|place| *place != LOST);
        let series = if useful { &slice.series[..] } else { &[] };
        series.iter().map(move |series| Column { series, places })
    });
    let mut by_labels: HashMap<&Labels, Vec<Column<'_>>> = HashMap::default();
    for column in columns {
        by_labels
            .entry(&column.series.labels)
            .or_default()
            .push(column);
    }
    for (labels, columns) in by_labels {
        let mut points: Vec<Point> = columns.iter().flat_map(|c| c.points(&times)).collect();
        if columns.len() > 1 {
            points.sort_by_key(|point| point.place);
        }
        let samples = samples(&points, &times, range);
        if !samples.is_empty() {
            parts.push(Series {
                labels: labels.clone(),
                samples,
            });
        }
    }
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
struct Point {
    place: u32,
    sample: Sample,
}

impl Column<'_> {
    /// The samples that stand in winning rows, by place.
    fn points(&self, times: &[Timestamp]) -> impl Iterator<Item = Point> {
        let SeriesSlice {
            rows,
            values,
            times: explicit,
            ..
        } = self.series;
        rows.iter().enumerate().filter_map(move |(i, row)| {
            let place = self.places[*row as usize];
            (place != LOST).then(|| Point {
                place,
                sample: Sample {
                    at: *explicit.get(i).unwrap_or(&times[place as usize]),
                    value: values[i],
                },
            })
        })
    }
}

/// The samples of one series with its derived markers, strictly ascending, within `range`.
fn samples(points: &[Point], times: &[Timestamp], range: TimeRange) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(points.len() + 1);
    let mut last = None;
    let mut push = |sample: Sample| {
        if last.is_none_or(|last| last < sample.at) {
            last = Some(sample.at);
            if range.contains(sample.at) {
                samples.push(sample);
            }
        }
    };
    for (i, point) in points.iter().enumerate() {
        push(point.sample);
        let place = point.place as usize;
        let next = points.get(i + 1).map(|next| next.place as usize);
        let is_explicit = point.sample.at != times[place];
        if let Some(at) = times.get(place + 1)
            && next != Some(place + 1)
            && !is_explicit
        {
            push(Sample {
                at: *at,
                value: STALE_NAN,
            });
        }
    }
    samples
}

/// Joins neighbours with equal labels; of samples at one time the first part's stays.
fn unite(parts: Vec<Series>) -> Vec<Series> {
    let mut series: Vec<Series> = Vec::with_capacity(parts.len());
    let mut is_mixed = false;
    let settle = |last: Option<&mut Series>| {
        if let Some(last) = last {
            last.samples.sort_by_key(|sample| sample.at);
            last.samples.dedup_by_key(|sample| sample.at);
        }
    };
    for part in parts {
        match series.last_mut() {
            Some(last) if last.labels == part.labels => {
                last.samples.extend(part.samples);
                is_mixed = true;
            }
            last => {
                if is_mixed {
                    settle(last);
                    is_mixed = false;
                }
                series.push(part);
            }
        }
    }
    if is_mixed {
        settle(series.last_mut());
    }
    series
}

#[cfg(test)]
mod tests;
