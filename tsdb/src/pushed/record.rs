//! What one batch brought to one page, as it is written once to the log.
use std::sync::Arc;

use model::{Sparse, Stamp, Timestamp};

use super::{PAGE, Point};
use crate::{
    codec::{DecodeError, Reader, beside, open_any, presence, put_uvarint, put_varint, seal},
    record::{put_stamp, read_stamp},
};

const VERSION: u8 = 1;
/// What stands beside the values follows them.
const BESIDE: u8 = 2;

/// The record of `points`, ascending by time and place, of a page with `n_places`.
pub(crate) fn encode(stamp: &Stamp, n_places: usize, points: &[Point]) -> Vec<u8> {
    let mut dst = Vec::with_capacity(40 + 10 * points.len());
    let (mut histograms, mut starts) = (Sparse::new(), Sparse::new());
    for (place, point) in (0..).zip(points) {
        if let Some(histogram) = &point.histogram {
            histograms.push(place, Arc::clone(histogram));
        }
        if let Some(start) = point.start {
            starts.push(place, start);
        }
    }
    let is_plain = histograms.is_empty() && starts.is_empty();
    dst.push(if is_plain { VERSION } else { BESIDE });
    put_stamp(&mut dst, stamp);
    put_uvarint(&mut dst, n_places as u64);
    put_uvarint(&mut dst, points.len() as u64);
    let mut before = 0;
    for row in points.chunk_by(|a, b| a.at == b.at) {
        let at = row[0].at.as_millis();
        put_varint(&mut dst, at.wrapping_sub(before));
        before = at;
        let ordinals = row.iter().map(|point| u32::from(point.ordinal)).collect();
        presence::encode(&mut dst, &ordinals, n_places);
    }
    for point in points {
        dst.extend_from_slice(&point.value.to_bits().to_le_bytes());
    }
    if !is_plain {
        beside::encode(&mut dst, points.len(), &histograms, &starts);
    }
    seal(dst)
}

/// What [`encode`] wrote.
pub(crate) fn decode(record: &[u8]) -> Result<(Stamp, Vec<Point>), DecodeError> {
    let (version, body) = open_any(record)?;
    let mut reader = Reader::new(body);
    if ![VERSION, BESIDE].contains(&version) {
        return Err(reader.error("version is not known"));
    }
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
        points.extend(ordinals.iter().map(|ordinal| Point {
            at: Timestamp::from_millis(at),
            ordinal: ordinal as u16,
            value: 0.0,
            histogram: None,
            start: None,
        }));
    }
    for point in &mut points {
        point.value = f64::from_bits(reader.u64_le()?);
    }
    if version == BESIDE {
        let sums: Vec<f64> = points.iter().map(|point| point.value).collect();
        let beside = beside::decode(&mut reader, points.len())?;
        let (histograms, starts) = beside.of_part(0..points.len(), &sums);
        for (place, histogram) in histograms {
            points[place as usize].histogram = Some(histogram);
        }
        for (place, start) in starts {
            points[place as usize].start = Some(start);
        }
    }
    reader.finish()?;
    Ok((stamp, points))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::{Histogram, NodeId, Outcome};
    use proptest::prelude::*;

    use super::*;
    use crate::codec::histograms::tests::histogram;

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
            histogram: None,
            start: None,
        };
        samples.into_iter().map(point).collect()
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
            samples in prop::collection::btree_map(
                (-50_i64..50, 0_u16..70),
                (any::<u64>(), prop::option::weighted(0.2, histogram()), prop::option::weighted(0.2, any::<i64>())),
                1..60,
            ),
        ) {
            let point = |((at, ordinal), (bits, histogram, start)): (_, (_, Option<Histogram>, Option<i64>))| Point {
                at: Timestamp::from_millis(at),
                ordinal,
                value: histogram.as_ref().map_or(f64::from_bits(bits), |h| h.sum),
                histogram: histogram.map(Arc::new),
                start: start.map(Timestamp::from_millis),
            };
            let points: Vec<Point> = samples.into_iter().map(point).collect();
            let (stamp, read) = decode(&encode(&STAMP, 70, &points)).unwrap();
            prop_assert_eq!(stamp, STAMP);
            let bits = |points: &[Point]| points.iter().map(|p| p.value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&read), bits(&points));
            let rest = |points: &[Point]| points.iter().map(|p| Point { value: 0.0, ..p.clone() }).collect::<Vec<_>>();
            prop_assert_eq!(rest(&read), rest(&points));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
            for version in [VERSION, BESIDE] {
                let _ = decode(&seal([&[version], &bytes[..]].concat()));
            }
        }
    }
}
