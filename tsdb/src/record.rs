//! A row as it is written once to the log, and how it is read back after a restart.
use model::{NodeId, Outcome, RowHead, Sparse, Stamp, Timestamp};

use crate::{
    codec::{DecodeError, Reader, beside, open, put_uvarint, put_varint, seal},
    row::{Beside, DictionaryNo, OWN_TIME, PackedRow},
};

const VERSION: u8 = 2;
/// Some samples have explicit times.
const TIMES: u8 = 1;
/// Histograms or starts follow.
const BESIDE: u8 = 2;

/// More places than any page can have, so that a broken count cannot ask for all memory.
pub(crate) const MAX_PLACES: usize = 1 << 22;

/// The record of a row; its slot stands in the key.
pub(crate) fn encode(head: &RowHead, values: &PackedRow) -> Vec<u8> {
    let mut dst = Vec::with_capacity(40 + values.bytes().len());
    dst.push(VERSION);
    let flag = |flag: u8, is_set: bool| u8::from(is_set) * flag;
    dst.push(flag(TIMES, values.has_times()) + flag(BESIDE, values.beside().is_some()));
    put_stamp(&mut dst, &head.stamp);
    put_varint(&mut dst, (head.at - head.slot).as_millis());
    put_uvarint(&mut dst, u64::from(values.dictionary().0));
    put_uvarint(&mut dst, values.n_places() as u64);
    dst.extend_from_slice(values.bytes());
    if values.has_times() {
        for place in values.places() {
            // 0 is the row's own time, otherwise the distance with 1 added after zigzag.
            let time = values.explicit_time(place);
            put_uvarint(&mut dst, time.map_or(0, |t| shifted_time(t, head.at)));
        }
    }
    if let Some(Beside { histograms, starts }) = values.beside() {
        // Places are those among the values that are present.
        let present: Vec<u32> = values.places().map(|place| place as u32).collect();
        let (histograms, starts) = (among(&present, histograms), among(&present, starts));
        beside::encode(&mut dst, present.len(), &histograms, &starts);
    }
    seal(dst)
}

/// What stands at places, by their indexes among those that are `present`.
fn among<T: Clone>(present: &[u32], all: &Sparse<T>) -> Sparse<T> {
    let mut found = Sparse::new();
    for (place, value) in all.iter() {
        if let Ok(i) = present.binary_search(&place) {
            found.push(i as u32, value.clone());
        }
    }
    found
}

/// The row at `slot` that [`encode`] wrote.
pub(crate) fn decode(slot: Timestamp, record: &[u8]) -> Result<(RowHead, PackedRow), DecodeError> {
    let mut reader = Reader::new(open(record, VERSION)?);
    let flags = reader.u8()?;
    let stamp = read_stamp(&mut reader)?;
    let at = Timestamp::from_millis(slot.as_millis().wrapping_add(reader.varint()?));
    let dictionary = u32::try_from(reader.uvarint()?)
        .map_err(|_| reader.error("dictionary number out of bounds"))?;
    // Each place takes half a byte at least.
    let n = reader.count(MAX_PLACES.min(reader.rest().len() * 2))?;
    let mut values = PackedRow::read(DictionaryNo(dictionary), n, &mut reader)?;
    if flags & (TIMES | BESIDE) != 0 {
        let places: Vec<usize> = values.places().collect();
        let mut times = Vec::new();
        if flags & TIMES != 0 {
            times.resize(n, OWN_TIME);
            for place in &places {
                times[*place] = read_time(&mut reader, at)?;
            }
        }
        let mut all = Beside::default();
        if flags & BESIDE != 0 {
            let sums: Vec<f64> = values.unpacked().iter().map(|(_, sum, _)| sum).collect();
            let beside = beside::decode(&mut reader, places.len())?;
            let (histograms, starts) = beside.of_part(0..places.len(), &sums);
            for (i, histogram) in histograms {
                all.histograms.push(places[i as usize] as u32, histogram);
            }
            for (i, start) in starts {
                all.starts.push(places[i as usize] as u32, start);
            }
        }
        values = values.with(times, all);
    }
    reader.finish()?;
    Ok((RowHead { slot, at, stamp }, values))
}

fn shifted_time(time: Timestamp, at: Timestamp) -> u64 {
    let distance = time.as_millis().wrapping_sub(at.as_millis());
    // A distance of i64::MIN would wrap; acceptance windows keep distances to hours.
    crate::codec::zigzag(distance).saturating_add(1)
}

fn read_time(reader: &mut Reader<'_>, at: Timestamp) -> Result<i64, DecodeError> {
    Ok(match reader.uvarint()? {
        0 => OWN_TIME,
        shifted => at
            .as_millis()
            .wrapping_add(crate::codec::unzigzag(shifted - 1)),
    })
}

pub(crate) fn put_stamp(dst: &mut Vec<u8>, stamp: &Stamp) {
    dst.push(match stamp.outcome {
        Outcome::End => 0,
        Outcome::Failed => 1,
        Outcome::Success => 2,
    });
    put_uvarint(dst, stamp.epoch);
    dst.push(stamp.rank);
    put_uvarint(dst, u64::from(stamp.node.0));
}

pub(crate) fn read_stamp(reader: &mut Reader<'_>) -> Result<Stamp, DecodeError> {
    let outcome = match reader.u8()? {
        0 => Outcome::End,
        1 => Outcome::Failed,
        2 => Outcome::Success,
        _ => return Err(reader.error("outcome is not known")),
    };
    let (epoch, rank) = (reader.uvarint()?, reader.u8()?);
    let node =
        u32::try_from(reader.uvarint()?).map_err(|_| reader.error("node number out of bounds"))?;
    Ok(Stamp {
        outcome,
        epoch,
        rank,
        node: NodeId(node),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use expect_test::{Expect, expect};
    use model::Histogram;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        codec::histograms::tests::histogram,
        row::{Ordinal, RowValues},
    };

    fn head(slot: i64, at: i64) -> RowHead {
        RowHead {
            slot: Timestamp::from_millis(slot),
            at: Timestamp::from_millis(at),
            stamp: Stamp {
                outcome: Outcome::Success,
                epoch: 3,
                rank: 1,
                node: NodeId(7),
            },
        }
    }

    fn row(samples: &[(u32, f64, Option<i64>)]) -> RowValues {
        let mut row = RowValues::new(DictionaryNo(2));
        for (ordinal, value, time) in samples {
            row.set(Ordinal(*ordinal), *value, time.map(Timestamp::from_millis));
        }
        row
    }

    #[track_caller]
    fn check(values: &RowValues, expect: Expect) {
        let bytes = encode(&head(1000, 1007), &PackedRow::of(values));
        expect.assert_eq(&crate::codec::hex(&bytes));
    }

    #[test]
    fn golden_bytes() {
        check(&row(&[]), expect!["02 00 02 03 01 07 0e 02 00 2e 01 eb 41"]);
        check(
            &row(&[(0, 1.5, None), (2, -0.0, Some(1000))]),
            expect!["02 01 02 03 01 07 0e 02 03 f2 01 3f f8 80 00 0e 4a 84 f9 dc"],
        );
        let mut values = row(&[(0, 1.5, None), (2, 2.5, None)]);
        values.set_histogram(
            Ordinal(1),
            Arc::new(Histogram {
                count: 2.0,
                sum: 4.0,
                ..Histogram::default()
            }),
            None,
        );
        values.set_start(Ordinal(2), Timestamp::from_millis(900));
        check(
            &values,
            expect![
                "02 02 02 03 01 07 0e 02 03 22 02 3f f8 40 10 40 04 03 01 02 01 00 00 00 00 00 00 00 00 00 00 00 00 01 00 01 04 01 00 01 04 01 88 0e ba 56 18 a1"
            ],
        );
    }

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(
            samples in prop::collection::vec((0u32..200, any::<u64>(), prop::option::of(-1_000_000i64..1_000_000)), 0..60),
            beside in prop::collection::vec(
                (0u32..200, prop::option::of(histogram()), prop::option::of(-1_000_000i64..1_000_000)),
                0..4,
            ),
            slot in -10_000i64..10_000, late in 0i64..1000,
        ) {
            let samples: Vec<_> = samples.iter().map(|(o, v, t)| (*o, f64::from_bits(*v), *t)).collect();
            let (head, mut values) = (head(slot, slot + late), row(&samples));
            for (ordinal, histogram, start) in beside {
                let ordinal = Ordinal(ordinal);
                match histogram {
                    Some(histogram) => values.set_histogram(ordinal, Arc::new(histogram), None),
                    None => values.set(ordinal, 1.0, None),
                };
                if let Some(start) = start {
                    values.set_start(ordinal, Timestamp::from_millis(start));
                }
            }
            let (read, packed) = decode(head.slot, &encode(&head, &PackedRow::of(&values))).unwrap();
            prop_assert_eq!((read, packed.unpacked()), (head, values));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
            let mut body = vec![VERSION];
            body.extend(bytes);
            let _ = decode(Timestamp::from_millis(0), &seal(body));
        }
    }
}
