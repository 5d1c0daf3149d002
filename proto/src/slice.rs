//! Group slices to and from their messages; columns travel encoded.
use std::borrow::Cow;

use column::{Pack, Values};
use model::{
    GroupKey, GroupSlice, NodeId, Outcome, Presence, RowHead, SeriesSlice, Stamp, Timestamp,
};

use crate::{WireError, beside, beside_message, v1};

impl From<&GroupSlice> for v1::GroupSlice {
    fn from(slice: &GroupSlice) -> Self {
        let n_rows = slice.rows.len();
        Self {
            group: slice.group.0,
            slots: encode_times(slice.rows.iter().map(|row| row.slot)),
            times: encode_times(slice.rows.iter().map(|row| row.at)),
            stamps: stamp_runs(&slice.rows),
            series: slice
                .series
                .iter()
                .map(|s| series_message(s, n_rows))
                .collect(),
        }
    }
}

impl TryFrom<&v1::GroupSlice> for GroupSlice {
    type Error = WireError;

    fn try_from(message: &v1::GroupSlice) -> Result<Self, WireError> {
        let broken = |what: &str| WireError::Column {
            group: message.group,
            what: what.to_owned(),
        };
        let slots = decode_times(&message.slots).ok_or_else(|| broken("slots"))?;
        let times = decode_times(&message.times).ok_or_else(|| broken("times"))?;
        let n_stamped: u64 = message.stamps.iter().map(|run| u64::from(run.n_rows)).sum();
        if times.len() != slots.len() || n_stamped != slots.len() as u64 {
            return Err(broken("slots, times and stamps differ in length"));
        }
        let stamps = message
            .stamps
            .iter()
            .flat_map(|run| std::iter::repeat_n(stamp(run), run.n_rows as usize));
        let rows: Vec<RowHead> = slots
            .into_iter()
            .zip(times)
            .zip(stamps)
            .map(|((slot, at), stamp)| RowHead { slot, at, stamp })
            .collect();
        let series = |series: &v1::SeriesSlice| {
            let rows = present_rows(&series.presence, rows.len())
                .ok_or_else(|| broken("presence reaches past the rows"))?;
            let values = values(series, rows.len()).ok_or_else(|| broken("values"))?;
            let times = match series.times.is_empty() {
                true => Vec::new(),
                false => decode_times(&series.times).ok_or_else(|| broken("explicit times"))?,
            };
            if values.len() != rows.len() || !(times.is_empty() || times.len() == rows.len()) {
                return Err(broken("values and presence differ in length"));
            }
            // Nobody else asks for numbers here.
            let sums = match series.beside {
                Some(_) => values.to_numbers(),
                None => Cow::default(),
            };
            let (histograms, starts) = beside(series.beside.as_ref(), &sums)
                .ok_or_else(|| broken("what stands beside values"))?;
            Ok(SeriesSlice {
                labels: series.labels.as_ref().map(Into::into).unwrap_or_default(),
                rows,
                values,
                times,
                histograms,
                starts,
            })
        };
        let series = message
            .series
            .iter()
            .map(series)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            group: GroupKey(message.group),
            rows,
            series,
        })
    }
}

fn series_message(series: &SeriesSlice, n_rows: usize) -> v1::SeriesSlice {
    v1::SeriesSlice {
        labels: Some((&series.labels).into()),
        presence: presence_runs(&series.rows, n_rows),
        packs: series.values.packs().iter().map(pack_message).collect(),
        values: encode_numbers(series.values.tail()),
        times: match series.times.is_empty() {
            true => Vec::new(),
            false => encode_times(series.times.iter().copied()),
        },
        beside: beside_message(&series.histograms, &series.starts),
    }
}

/// Lengths of runs absent, present, absent, …, without a last run of absent rows; none if all rows are present.
fn presence_runs(rows: &Presence, n_rows: usize) -> Vec<u32> {
    let (mut runs, mut next) = (Vec::new(), 0);
    if rows.len() == n_rows {
        return runs;
    }
    for run in rows.runs() {
        runs.push(run.start - next);
        runs.push(run.end - run.start);
        next = run.end;
    }
    if runs.is_empty() {
        runs.push(n_rows as u32);
    }
    runs
}

/// More values than are ever encoded together.
const MAX_PACKED: usize = 1 << 16;

/// The inverse of [`presence_runs`]; none if the runs reach past `n_rows`.
fn present_rows(runs: &[u32], n_rows: usize) -> Option<Presence> {
    let n_rows = u32::try_from(n_rows).ok()?;
    if runs.is_empty() {
        return Some(Presence::run(0..n_rows));
    }
    let (mut rows, mut next) = (Presence::new(), 0_u32);
    for (i, run) in runs.iter().enumerate() {
        let end = next.checked_add(*run).filter(|end| *end <= n_rows)?;
        if i % 2 == 1 {
            rows.push_run(next..end);
        }
        next = end;
    }
    Some(rows)
}

fn stamp_runs(rows: &[RowHead]) -> Vec<v1::StampRun> {
    rows.chunk_by(|a, b| a.stamp == b.stamp)
        .map(|run| {
            let stamp = run[0].stamp;
            let outcome = match stamp.outcome {
                Outcome::End => v1::stamp_run::Outcome::End,
                Outcome::Failed => v1::stamp_run::Outcome::Failed,
                Outcome::Success => v1::stamp_run::Outcome::Success,
            };
            v1::StampRun {
                n_rows: run.len() as u32,
                outcome: outcome.into(),
                epoch: stamp.epoch,
                rank: u32::from(stamp.rank),
                node: stamp.node.0,
            }
        })
        .collect()
}

fn stamp(run: &v1::StampRun) -> Stamp {
    Stamp {
        outcome: match run.outcome() {
            v1::stamp_run::Outcome::End => Outcome::End,
            v1::stamp_run::Outcome::Failed => Outcome::Failed,
            v1::stamp_run::Outcome::Success => Outcome::Success,
        },
        epoch: run.epoch,
        rank: u8::try_from(run.rank).unwrap_or(u8::MAX),
        node: NodeId(run.node),
    }
}

fn encode_times(times: impl Iterator<Item = Timestamp>) -> Vec<u8> {
    times.flat_map(|at| at.as_millis().to_le_bytes()).collect()
}

fn decode_times(bytes: &[u8]) -> Option<Vec<Timestamp>> {
    let (words, rest) = bytes.as_chunks::<8>();
    let time = |word: &[u8; 8]| Timestamp::from_millis(i64::from_le_bytes(*word));
    rest.is_empty().then(|| words.iter().map(time).collect())
}

fn pack_message(pack: &Pack) -> v1::Pack {
    let part = pack.part();
    v1::Pack {
        encoded: pack.bytes().to_vec(),
        n: pack.n_encoded() as u32,
        from: part.start as u32,
        to: part.end as u32,
    }
}

/// The values of `series`, of which there are at most `n`; none if they are broken.
fn values(series: &v1::SeriesSlice, n: usize) -> Option<Values> {
    let pack = |pack: &v1::Pack| {
        let part = pack.from as usize..pack.to as usize;
        let is_bounded = (pack.n as usize) <= MAX_PACKED && part.len() <= n;
        let encoded = pack.encoded.clone().into_boxed_slice();
        is_bounded.then(|| Pack::new(encoded, pack.n as usize, part).ok())?
    };
    let packs = series.packs.iter().map(pack);
    let mut values: Values = packs.collect::<Option<_>>()?;
    let numbers = Values::from(decode_numbers(&series.values)?);
    let n_numbers = numbers.len();
    values.append(numbers, 0..n_numbers);
    Some(values)
}

fn encode_numbers(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn decode_numbers(bytes: &[u8]) -> Option<Vec<f64>> {
    let (words, rest) = bytes.as_chunks::<8>();
    rest.is_empty()
        .then(|| words.iter().map(|word| f64::from_le_bytes(*word)).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Histogram, Labels, ResetHint, STALE_NAN, histogram::Buckets};
    use proptest::prelude::*;

    use super::*;

    fn row(i: i64) -> RowHead {
        RowHead {
            slot: Timestamp::from_millis(i * 15_000 + 7),
            at: Timestamp::from_millis(i * 15_000 + 9),
            stamp: Stamp {
                outcome: Outcome::Success,
                epoch: (i / 3) as u64,
                rank: 1,
                node: NodeId(4),
            },
        }
    }

    proptest! {
        #[test]
        fn a_slice_comes_back_as_it_was_sent(present in prop::collection::vec(any::<bool>(), 0..40), explicit: bool, beside: bool) {
            let rows: Presence = (0..present.len() as u32).filter(|i| present[*i as usize]).collect();
            let times = match explicit {
                true => rows.iter().map(|i| Timestamp::from_millis(i64::from(i) * 3)).collect(),
                false => Vec::new(),
            };
            let mut series = SeriesSlice {
                labels: Labels::from_pairs([("__name__", "up")]),
                values: rows.iter().map(|i| if i % 5 == 0 { STALE_NAN } else { f64::from(i) }).collect(),
                rows,
                times,
                ..SeriesSlice::default()
            };
            for (i, value) in series.values.tail().iter().enumerate().filter(|(i, _)| beside && i % 3 == 0) {
                series.starts.push(i as u32, Timestamp::from_millis(-7));
                series.histograms.push(i as u32, Arc::new(Histogram {
                    reset_hint: ResetHint::Gauge,
                    schema: i as i32 - 2,
                    zero_threshold: -0.0,
                    zero_count: -0.0,
                    count: STALE_NAN,
                    sum: *value,
                    positive: Buckets::from_first(-3, vec![1.0, -0.0]),
                    negative: Buckets::from_first(9, vec![0.5; i]),
                    custom_values: [0.1, f64::INFINITY].into(),
                }));
            }
            let slice = GroupSlice {
                group: GroupKey(u64::MAX),
                rows: (0..present.len() as i64).map(row).collect(),
                series: vec![series],
            };
            let sent = v1::GroupSlice::from(&slice);
            prop_assert_eq!(GroupSlice::try_from(&sent).unwrap(), slice);
        }
    }

    #[test]
    fn presence_past_the_rows_is_refused() {
        let slice = GroupSlice {
            group: GroupKey(1),
            rows: vec![row(0)],
            series: vec![],
        };
        let mut sent = v1::GroupSlice::from(&slice);
        sent.series.push(v1::SeriesSlice {
            presence: vec![1, 1],
            values: encode_numbers(&[1.0]),
            ..Default::default()
        });
        assert!(GroupSlice::try_from(&sent).is_err());
    }

    /// A slice of `values.len()` rows in which one series is.
    fn of_values(values: Values) -> GroupSlice {
        let n_rows = values.len() as u32;
        GroupSlice {
            group: GroupKey(1),
            rows: (0..n_rows.into()).map(row).collect(),
            series: vec![SeriesSlice {
                rows: Presence::run(0..n_rows),
                values,
                ..SeriesSlice::default()
            }],
        }
    }

    #[test]
    fn values_that_are_encoded_travel_so() {
        let numbers: Vec<f64> = (0..100).map(f64::from).collect();
        let mut encoded = Vec::new();
        column::floats::encode(&mut encoded, &numbers);
        let mut values = Values::read(&mut column::Reader::new(&encoded), 100, 20..90)
            .expect("as it was written");
        assert_eq!(values.packs().len(), 1);
        values.push(f64::NAN);
        let slice = of_values(values);
        let mut sent = v1::GroupSlice::from(&slice);
        assert_eq!(
            (sent.series[0].packs.len(), sent.series[0].values.len()),
            (1, 8)
        );
        let back = GroupSlice::try_from(&sent).unwrap();
        assert_eq!(back, slice);
        assert_eq!(back.series[0].values.to_numbers()[..70], numbers[20..90]);
        // A pack of other bytes, or of more values than there are rows, is refused before anybody looks into it.
        for broken in [
            |pack: &mut v1::Pack| pack.encoded[0] = 0xff,
            |pack: &mut v1::Pack| pack.encoded.truncate(1),
            |pack: &mut v1::Pack| pack.from = 91,
            |pack: &mut v1::Pack| (pack.n, pack.to) = (u32::MAX, u32::MAX),
        ] {
            let before = sent.series[0].packs[0].clone();
            broken(&mut sent.series[0].packs[0]);
            assert!(GroupSlice::try_from(&sent).is_err());
            sent.series[0].packs[0] = before;
        }
    }

    #[test]
    fn a_histogram_without_a_value_is_refused() {
        let slice = GroupSlice {
            group: GroupKey(1),
            rows: vec![row(0)],
            series: vec![],
        };
        let sent = |place| {
            let mut sent = v1::GroupSlice::from(&slice);
            sent.series.push(v1::SeriesSlice {
                values: encode_numbers(&[1.0]),
                beside: Some(v1::Beside {
                    histogram_places: vec![place],
                    histograms: vec![v1::Histogram::default()],
                    ..Default::default()
                }),
                ..Default::default()
            });
            GroupSlice::try_from(&sent)
        };
        assert!(sent(0).is_ok());
        assert!(sent(1).is_err());
    }
}
