//! A large slice of a pushed group goes out in pieces, since a message is bounded and histograms weigh much.
//!
//! What the pieces of a pushed group hold is united by who receives them. Those of a scraped group could not be: its rows
//! are whole, and absence from one says something.
use std::{ops::Range, sync::Arc};

use column::Values;
use model::{GroupSlice, Histogram, RowHead, SeriesSlice, Sparse};

/// What a number takes, with its place.
const NUMBER: usize = 8 + PLACE;
/// What the place of a value takes, where not all rows have one.
const PLACE: usize = 8;

/// `slice` in pieces of at most about `most` bytes, of which each has at least one sample; whole if it is scraped.
pub(super) fn pieces(slice: GroupSlice, most: usize) -> Vec<GroupSlice> {
    let total: usize = slice.series.iter().map(weight).sum();
    if !slice.group.is_pushed() || total <= most {
        return vec![slice];
    }
    let GroupSlice {
        group,
        rows,
        series,
    } = slice;
    let (mut pieces, mut together, mut room) = (Vec::new(), Vec::new(), most);
    let piece = |series: Vec<SeriesSlice>| {
        let (rows, series) = used(&rows, series);
        GroupSlice {
            group,
            rows,
            series,
        }
    };
    for series in series {
        let weight = weight(&series);
        if weight > most {
            let parts = parts(&series, most).into_iter();
            pieces.extend(parts.map(|samples| piece(vec![part(&series, samples)])));
            continue;
        }
        if weight > room {
            pieces.push(piece(std::mem::take(&mut together)));
            room = most;
        }
        room -= weight;
        together.push(series);
    }
    if !together.is_empty() {
        pieces.push(piece(together));
    }
    pieces
}

fn weight(series: &SeriesSlice) -> usize {
    let names: usize = series.labels.iter().map(|(n, v)| n.len() + v.len()).sum();
    let (values, histograms) = (&series.values, series.histograms.iter());
    let histograms = histograms.map(|(_, h)| h.n_bytes());
    names + values.n_bytes() + values.len() * PLACE + histograms.sum::<usize>()
}

/// Runs of the samples of `series` of about `most` bytes each.
fn parts(series: &SeriesSlice, most: usize) -> Vec<Range<usize>> {
    let (mut parts, mut first, mut taken) = (Vec::new(), 0, 0);
    for i in 0..series.values.len() {
        let histogram = series.histograms.get(i);
        let sample = NUMBER + histogram.map_or(0, |h| h.n_bytes());
        if taken + sample > most && first < i {
            parts.push(first..i);
            (first, taken) = (i, 0);
        }
        taken += sample;
    }
    parts.push(first..series.values.len());
    parts
}

/// The samples of `series` at `samples`.
fn part(series: &SeriesSlice, samples: Range<usize>) -> SeriesSlice {
    let place = |place: u32| {
        let is_in = samples.contains(&(place as usize));
        is_in.then(|| place - samples.start as u32)
    };
    let mut histograms: Sparse<Arc<Histogram>> = Sparse::new();
    for (at, histogram) in series.histograms.iter() {
        if let Some(at) = place(at) {
            histograms.push(at, Arc::clone(histogram));
        }
    }
    let mut starts = Sparse::new();
    for (at, start) in series.starts.iter() {
        if let Some(at) = place(at) {
            starts.push(at, *start);
        }
    }
    SeriesSlice {
        labels: series.labels.clone(),
        rows: series.rows.part(samples.clone()),
        values: values(series, &samples),
        times: match series.times.is_empty() {
            true => Vec::new(),
            false => series.times[samples].to_vec(),
        },
        histograms,
        starts,
    }
}

/// The values of `series` at `samples`.
fn values(series: &SeriesSlice, samples: &Range<usize>) -> Values {
    let mut values = Values::default();
    values.append(series.values.clone(), samples.clone());
    values
}

/// Those of `rows` that one of `series` is in, and the series with the numbers that these have now.
fn used(rows: &[RowHead], mut series: Vec<SeriesSlice>) -> (Vec<RowHead>, Vec<SeriesSlice>) {
    let mut numbers: Vec<Option<u32>> = vec![None; rows.len()];
    for row in series.iter().flat_map(|series| &series.rows) {
        numbers[row as usize] = Some(0);
    }
    let mut kept = Vec::new();
    for (row, number) in rows.iter().zip(&mut numbers) {
        if let Some(number) = number {
            *number = kept.len() as u32;
            kept.push(*row);
        }
    }
    let number = |row| numbers[row as usize].expect("the rows of all series were marked");
    for series in &mut series {
        series.rows = series.rows.iter().map(number).collect();
    }
    (kept, series)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{GroupKey, Labels, NodeId, Outcome, Stamp, Timestamp, histogram::Buckets};
    use proptest::prelude::*;

    use super::*;

    type Present = BTreeMap<(u8, u8), Option<usize>>;

    fn slice(group: GroupKey, present: &Present) -> GroupSlice {
        let row = |i: i64| RowHead {
            slot: Timestamp::from_millis(i),
            at: Timestamp::from_millis(i),
            stamp: Stamp {
                outcome: Outcome::Success,
                epoch: 0,
                rank: 0,
                node: NodeId(1),
            },
        };
        let mut series: BTreeMap<u8, SeriesSlice> = BTreeMap::new();
        for ((name, row), n_buckets) in present {
            let one = series.entry(*name).or_default();
            one.labels = Labels::from_pairs([("__name__", format!("m{name}"))]);
            let place = one.values.len() as u32;
            one.rows.push(u32::from(*row));
            one.values.push(f64::from(*row));
            if let Some(n) = n_buckets {
                let histogram = Histogram {
                    sum: f64::from(*row),
                    positive: Buckets::from_first(0, vec![1.0; *n]),
                    ..Histogram::default()
                };
                one.histograms.push(place, histogram.into());
                one.starts.push(place, Timestamp::from_millis(7));
            }
        }
        GroupSlice {
            group,
            rows: (0..20).map(row).collect(),
            series: series.into_values().collect(),
        }
    }

    /// Each sample by series and time, with what stands beside it.
    fn samples(slices: &[GroupSlice]) -> BTreeMap<(String, i64), String> {
        let mut all = BTreeMap::new();
        for slice in slices {
            for series in &slice.series {
                for (i, row) in series.rows.iter().enumerate() {
                    let at = slice.rows[row as usize].at.as_millis();
                    let beside = (series.histograms.get(i), series.starts.get(i));
                    let text = format!("{} {beside:?}", series.values.to_numbers()[i]);
                    let twice = all.insert((series.labels.to_string(), at), text);
                    assert_eq!(twice, None);
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn the_pieces_are_bounded_and_hold_all_samples_once(
            present in prop::collection::btree_map((0..5_u8, 0..20_u8), prop::option::of(0..40_usize), 1..60),
            most in 100..3000_usize,
        ) {
            let whole = slice(GroupKey(1 << 47), &present);
            let pieces = pieces(whole.clone(), most);
            for piece in &pieces {
                let n_samples: usize = piece.series.iter().map(|s| s.values.len()).sum();
                let weight: usize = piece.series.iter().map(weight).sum();
                // The name is counted once for all pieces of a series.
                prop_assert!(weight <= most + 20 || n_samples == 1);
                let is_used = |row| piece.series.iter().any(|s| s.rows.iter().any(|r| r == row));
                prop_assert!(pieces.len() == 1 || (0..piece.rows.len() as u32).all(is_used));
            }
            prop_assert_eq!(samples(&pieces), samples(&[whole]));
        }

        #[test]
        fn a_scraped_group_stays_whole(
            present in prop::collection::btree_map((0..5_u8, 0..20_u8), prop::option::of(0..40_usize), 1..60),
        ) {
            let whole = slice(GroupKey(1), &present);
            prop_assert_eq!(pieces(whole.clone(), 1), vec![whole]);
        }
    }
}
