//! Native histograms of a column without their sums, which stand among the column's values; bit for bit.
//!
//! What seldom changes is written once for a run of histograms that agree in it. Their numbers are columns again: of a
//! long run one for each bucket, so that a bucket follows itself through time; of a short one a histogram's buckets are
//! one column.
//!
//! ```text
//! runs until all are there:
//!   uvarint length, varint schema, u64 bits of the zero threshold
//!   positive spans, negative spans: uvarint count, (varint offset, uvarint length)*
//!   uvarint number of custom bounds, their values
//!   hints as times (0 unknown, 1 reset, 2 not reset, 3 gauge), values of the counts, values of the zero counts
//!   positive, then negative buckets: of up to 3 histograms the values of each, of more the values of each bucket
//! ```
use std::sync::Arc;

use model::{
    Histogram, ResetHint,
    histogram::{Buckets, Span},
};

use super::{DecodeError, Reader, floats, put_uvarint, put_varint, times};

/// More buckets, positive and negative, or more bounds, no histogram may have.
pub(crate) const MAX_BUCKETS: usize = 1 << 20;
/// A run of more histograms has a column for each bucket.
const SHORT: usize = 3;

const HINTS: [ResetHint; 4] = [
    ResetHint::Unknown,
    ResetHint::Reset,
    ResetHint::NotReset,
    ResetHint::Gauge,
];

/// How many buckets it has.
pub(crate) fn n_buckets(histogram: &Histogram) -> usize {
    histogram.positive.counts().len() + histogram.negative.counts().len()
}

/// True if it can be written.
pub(crate) fn fits(histogram: &Histogram) -> bool {
    n_buckets(histogram) <= MAX_BUCKETS && histogram.custom_values.len() <= MAX_BUCKETS
}

/// Appends `histograms`, which all fit.
pub(crate) fn encode(dst: &mut Vec<u8>, histograms: &[&Histogram]) {
    for alike in histograms.chunk_by(|a, b| are_alike(a, b)) {
        // No run has more numbers in its buckets than the largest histogram may.
        let most = MAX_BUCKETS / n_buckets(alike[0]).max(1);
        alike.chunks(most).for_each(|run| put_run(dst, run));
    }
}

/// True if both can stand in one run.
fn are_alike(a: &Histogram, b: &Histogram) -> bool {
    let bits = |h: &Histogram| (h.schema, h.zero_threshold.to_bits());
    let bounds = |h: &Histogram| {
        h.custom_values
            .iter()
            .map(|v| v.to_bits())
            .collect::<Vec<_>>()
    };
    bits(a) == bits(b)
        && a.positive.spans().eq(b.positive.spans())
        && a.negative.spans().eq(b.negative.spans())
        && (Arc::ptr_eq(&a.custom_values, &b.custom_values) || bounds(a) == bounds(b))
}

fn put_run(dst: &mut Vec<u8>, run: &[&Histogram]) {
    let first = run[0];
    put_uvarint(dst, run.len() as u64);
    put_varint(dst, i64::from(first.schema));
    dst.extend_from_slice(&first.zero_threshold.to_bits().to_le_bytes());
    put_spans(dst, &first.positive);
    put_spans(dst, &first.negative);
    put_uvarint(dst, first.custom_values.len() as u64);
    if !first.custom_values.is_empty() {
        floats::encode(dst, &first.custom_values);
    }
    let hint = |histogram: &&Histogram| {
        let hint = HINTS.iter().position(|h| *h == histogram.reset_hint);
        hint.expect("all hints are listed") as i64
    };
    times::encode(dst, &run.iter().map(hint).collect::<Vec<_>>());
    let column = |number: &dyn Fn(&Histogram) -> f64| -> Vec<f64> {
        run.iter().map(|histogram| number(histogram)).collect()
    };
    floats::encode(dst, &column(&|histogram| histogram.count));
    floats::encode(dst, &column(&|histogram| histogram.zero_count));
    let sides: [fn(&Histogram) -> &Buckets; 2] = [|h| &h.positive, |h| &h.negative];
    for side in sides.into_iter().filter(|side| !side(first).is_empty()) {
        match run.len() <= SHORT {
            true => run
                .iter()
                .for_each(|histogram| floats::encode(dst, side(histogram).counts())),
            false => (0..side(first).counts().len())
                .for_each(|bucket| floats::encode(dst, &column(&|h| side(h).counts()[bucket]))),
        }
    }
}

fn put_spans(dst: &mut Vec<u8>, buckets: &Buckets) {
    put_uvarint(dst, buckets.n_spans() as u64);
    for span in buckets.spans() {
        put_varint(dst, i64::from(span.offset));
        put_uvarint(dst, u64::from(span.length));
    }
}

/// Reads `n` histograms, whose sums are zero; the caller bounds `n`.
pub(crate) fn decode(reader: &mut Reader<'_>, n: usize) -> Result<Vec<Histogram>, DecodeError> {
    let mut histograms = Vec::with_capacity(n);
    while histograms.len() < n {
        read_run(reader, n - histograms.len(), &mut histograms)?;
    }
    Ok(histograms)
}

fn read_run(
    reader: &mut Reader<'_>,
    most: usize,
    dst: &mut Vec<Histogram>,
) -> Result<(), DecodeError> {
    let n = reader.count(most)?;
    if n == 0 {
        return Err(reader.error("an empty run of histograms"));
    }
    let schema = i32::try_from(reader.varint()?);
    let schema = schema.map_err(|_| reader.error("schema out of bounds"))?;
    let zero_threshold = f64::from_bits(reader.u64_le()?);
    let (positive, n_positive) = read_spans(reader)?;
    let (negative, n_negative) = read_spans(reader)?;
    if n * (n_positive + n_negative).max(1) > MAX_BUCKETS.max(n) {
        return Err(reader.error("more buckets than a run may have"));
    }
    let custom_values: Arc<[f64]> = match reader.count(MAX_BUCKETS)? {
        0 => Arc::default(),
        n => floats::decode(reader, n)?.into(),
    };
    let hint = |hint: i64| HINTS.get(usize::try_from(hint).ok()?).copied();
    let hints: Option<Vec<_>> = times::decode(reader, n)?.into_iter().map(hint).collect();
    let hints = hints.ok_or_else(|| reader.error("hint is not known"))?;
    let counts = floats::decode(reader, n)?;
    let zero_counts = floats::decode(reader, n)?;
    let positive = read_buckets(reader, n, &positive, n_positive)?;
    let negative = read_buckets(reader, n, &negative, n_negative)?;
    let numbers = hints.into_iter().zip(counts.into_iter().zip(zero_counts));
    let buckets = positive.into_iter().zip(negative);
    dst.extend(numbers.zip(buckets).map(
        |((reset_hint, (count, zero_count)), (positive, negative))| Histogram {
            reset_hint,
            schema,
            zero_threshold,
            zero_count,
            count,
            sum: 0.0,
            positive,
            negative,
            custom_values: Arc::clone(&custom_values),
        },
    ));
    Ok(())
}

/// Spans, and how many buckets they have.
fn read_spans(reader: &mut Reader<'_>) -> Result<(Vec<Span>, usize), DecodeError> {
    let n = reader.count(reader.rest().len() / 2)?;
    let (mut spans, mut n_buckets) = (Vec::with_capacity(n), 0);
    for _ in 0..n {
        let offset = i32::try_from(reader.varint()?);
        let offset = offset.map_err(|_| reader.error("offset out of bounds"))?;
        let length = reader.count(MAX_BUCKETS - n_buckets)?;
        n_buckets += length;
        let length = length as u32;
        spans.push(Span { offset, length });
    }
    Ok((spans, n_buckets))
}

/// The buckets of one side of `n` histograms.
fn read_buckets(
    reader: &mut Reader<'_>,
    n: usize,
    spans: &[Span],
    n_buckets: usize,
) -> Result<Vec<Buckets>, DecodeError> {
    let mut counts: Vec<Vec<f64>> = Vec::with_capacity(n);
    match (n_buckets, n <= SHORT) {
        (0, _) => counts.resize(n, Vec::new()),
        (_, true) => {
            for _ in 0..n {
                counts.push(floats::decode(reader, n_buckets)?);
            }
        }
        (_, false) => {
            counts.resize_with(n, || Vec::with_capacity(n_buckets));
            for _ in 0..n_buckets {
                let bucket = floats::decode(reader, n)?;
                for (counts, number) in counts.iter_mut().zip(bucket) {
                    counts.push(number);
                }
            }
        }
    }
    let buckets = counts
        .into_iter()
        .map(|counts| Buckets::new(spans.iter().copied(), counts));
    let buckets = buckets.collect::<Result<Vec<_>, _>>();
    buckets.map_err(|_| reader.error("spans are not sound"))
}

#[cfg(test)]
pub(crate) mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;
    use crate::codec::hex;

    /// Histograms of any bits, with buckets and bounds of few shapes.
    pub(crate) fn histogram() -> impl Strategy<Value = Histogram> {
        let shape = (0..4_usize, -4..9_i32, 0..3_usize, 0..2_usize);
        let numbers = prop::collection::vec(
            prop_oneof![(0..9_u64).prop_map(|n| (n as f64).to_bits()), any::<u64>()],
            12,
        );
        (shape, numbers).prop_map(|((hint, schema, positive, negative), bits)| {
            let number = |i: usize| f64::from_bits(bits[i]);
            let spans = |n| {
                (0..n).map(|i| Span {
                    offset: i * 2 - 1,
                    length: 2,
                })
            };
            let counts = |from: usize, n| (from..from + 2 * n).map(number).collect();
            Histogram {
                reset_hint: HINTS[hint],
                schema,
                // NaN equals nothing, also here.
                zero_threshold: Some(number(0)).filter(|n| !n.is_nan()).unwrap_or(0.5),
                zero_count: number(1),
                count: number(2),
                sum: number(3),
                positive: Buckets::new(spans(positive as i32), counts(4, positive)).unwrap(),
                negative: Buckets::new(spans(negative as i32), counts(8, negative)).unwrap(),
                custom_values: (10..10 + schema.unsigned_abs() as usize % 3)
                    .map(number)
                    .collect(),
            }
        })
    }

    fn encoded(histograms: &[Histogram]) -> Vec<u8> {
        let mut dst = Vec::new();
        encode(&mut dst, &histograms.iter().collect::<Vec<_>>());
        dst
    }

    /// The histograms of a busy counter of 60 buckets, of which most grow between any two.
    fn busy(n: u64) -> Vec<Histogram> {
        let noise = |t: u64, i: u64| (t * 61 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61;
        let mut counts = vec![1000.0; 60];
        let next = |t| {
            for (i, count) in (0..).zip(&mut counts) {
                *count += noise(t, i) as f64;
            }
            let count: f64 = counts.iter().sum();
            Histogram {
                schema: 3,
                zero_threshold: 1e-3,
                count,
                sum: count / 7.0,
                positive: Buckets::from_first(-20, counts.clone()),
                ..Histogram::default()
            }
        };
        (0..n).map(next).collect()
    }

    #[test]
    fn a_bucket_takes_less_than_a_byte_once_it_has_a_past() {
        let per_bucket = |n: u64| encoded(&busy(n)).len() as f64 / (n * 60) as f64;
        expect!["0.83 0.55 0.41"].assert_eq(&format!(
            "{:.2} {:.2} {:.2}",
            per_bucket(1),
            per_bucket(32),
            per_bucket(480)
        ));
    }

    #[test]
    fn golden_bytes() {
        let with = |count: f64, counts: &[f64]| Histogram {
            schema: 3,
            zero_threshold: 0.5,
            count,
            positive: Buckets::from_first(-2, counts.to_vec()),
            ..Histogram::default()
        };
        let short = [with(3.0, &[1.0, 2.0])];
        expect!["01 06 00 00 00 00 00 00 e0 3f 01 03 02 00 00 01 00 01 06 01 00 04 02 02"]
            .assert_eq(&hex(&encoded(&short)));
        let long = [1.0, 2.0, 3.0, 4.0].map(|n| with(n * 3.0, &[n, n + n]));
        expect!["04 06 00 00 00 00 00 00 e0 3f 01 03 02 00 00 00 00 00 01 06 06 00 00 00 00 01 02 02 00 01 04 04 00"].assert_eq(&hex(&encoded(&long)));
        let custom = [Histogram {
            reset_hint: ResetHint::Gauge,
            schema: model::histogram::CUSTOM_BUCKETS,
            count: 1.0,
            positive: Buckets::from_first(0, vec![1.0]),
            custom_values: [0.1, 1.0].into(),
            ..Histogram::default()
        }];
        expect!["01 69 00 00 00 00 00 00 00 00 01 00 01 00 02 14 02 12 01 06 01 02 01 00 01 02"]
            .assert_eq(&hex(&encoded(&custom)));
    }

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(
            runs in prop::collection::vec((histogram(), 1..9_usize), 0..5),
        ) {
            let repeat = |(histogram, n)| std::iter::repeat_n(histogram, n);
            let all: Vec<Histogram> = runs.into_iter().flat_map(repeat).collect();
            let bytes = encoded(&all);
            let mut reader = Reader::new(&bytes);
            let mut read = decode(&mut reader, all.len()).unwrap();
            prop_assert!(reader.finish().is_ok());
            for (read, histogram) in read.iter_mut().zip(&all) {
                read.sum = histogram.sum;
            }
            prop_assert_eq!(read, all);
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>, n in 0..99_usize) {
            let _ = decode(&mut Reader::new(&bytes), n);
        }

        #[test]
        fn broken_bytes_decode_or_fail_without_panic(
            histogram in histogram(), n in 1..9_usize, at: prop::sample::Index, byte: u8,
        ) {
            let mut bytes = encoded(&vec![histogram; n]);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode(&mut Reader::new(&bytes), n);
        }
    }
}
