//! What one batch brought to one page, as it is written once to the log.
use model::{Stamp, Timestamp};

use super::{PAGE, Point};
use crate::{
    codec::{DecodeError, Reader, open, presence, put_uvarint, put_varint, seal},
    record::{put_stamp, read_stamp},
};

const VERSION: u8 = 1;

/// The record of `points`, ascending by time and place, of a page with `n_places`.
pub(crate) fn encode(stamp: &Stamp, n_places: usize, points: &[Point]) -> Vec<u8> {
    let mut dst = Vec::with_capacity(40 + 10 * points.len());
    dst.push(VERSION);
    put_stamp(&mut dst, stamp);
    put_uvarint(&mut dst, n_places as u64);
    put_uvarint(&mut dst, points.len() as u64);
    let (mut before, mut ordinals) = (0, Vec::new());
    for row in points.chunk_by(|a, b| a.at == b.at) {
        let at = row[0].at.as_millis();
        put_varint(&mut dst, at.wrapping_sub(before));
        before = at;
        ordinals.clear();
        ordinals.extend(row.iter().map(|point| u32::from(point.ordinal)));
        presence::encode(&mut dst, &ordinals, n_places);
    }
    for point in points {
        dst.extend_from_slice(&point.value.to_bits().to_le_bytes());
    }
    seal(dst)
}

/// What [`encode`] wrote.
pub(crate) fn decode(record: &[u8]) -> Result<(Stamp, Vec<Point>), DecodeError> {
    let mut reader = Reader::new(open(record, VERSION)?);
    let stamp = read_stamp(&mut reader)?;
    let n_places = reader.count(PAGE)?;
    let n = reader.count(reader.rest().len() / 8)?;
    let (mut points, mut at) = (Vec::with_capacity(n), 0_i64);
    while points.len() < n {
        at = at.wrapping_add(reader.varint()?);
        let ordinals = presence::decode(&mut reader, n_places)?;
        if ordinals.is_empty() || ordinals.len() > n - points.len() {
            return Err(reader.error("samples out of bounds"));
        }
        points.extend(ordinals.into_iter().map(|ordinal| Point {
            at: Timestamp::from_millis(at),
            ordinal: ordinal as u16,
            value: 0.0,
        }));
    }
    for point in &mut points {
        point.value = f64::from_bits(reader.u64_le()?);
    }
    reader.finish()?;
    Ok((stamp, points))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::{NodeId, Outcome};
    use proptest::prelude::*;

    use super::*;

    const STAMP: Stamp = Stamp {
        outcome: Outcome::Success,
        epoch: 3,
        rank: 1,
        node: NodeId(7),
    };

    fn points(samples: impl IntoIterator<Item = ((i64, u16), u64)>) -> Vec<Point> {
        let point = |((at, ordinal), bits)| Point {
            at: Timestamp::from_millis(at),
            ordinal,
            value: f64::from_bits(bits),
        };
        samples.into_iter().map(point).collect()
    }

    fn samples(points: &[Point]) -> Vec<((i64, u16), u64)> {
        let sample = |p: &Point| ((p.at.as_millis(), p.ordinal), p.value.to_bits());
        points.iter().map(sample).collect()
    }

    #[test]
    fn golden_bytes() {
        let one = 1.0_f64.to_bits();
        let points = points([((1000, 0), one), ((1000, 1), 0), ((1015, 2), one)]);
        expect!["01 02 03 01 07 03 03 d0 0f 01 03 1e 01 04 00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 00 00 00 00 00 00 00 f0 3f 33 6b 64 1c"].assert_eq(&crate::codec::hex(&encode(&STAMP, 3, &points)));
    }

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(
            samples_in in prop::collection::btree_map((-50_i64..50, 0_u16..70), any::<u64>(), 1..60),
        ) {
            let samples_in: Vec<_> = samples_in.into_iter().collect();
            let (stamp, points) = decode(&encode(&STAMP, 70, &points(samples_in.clone()))).unwrap();
            prop_assert_eq!(stamp, STAMP);
            prop_assert_eq!(samples(&points), samples_in);
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
            let mut body = vec![VERSION];
            body.extend(bytes);
            let _ = decode(&seal(body));
        }
    }
}
