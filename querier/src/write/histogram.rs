//! `prometheus.Histogram`: a native histogram of whole or of float counts, checked as Prometheus' storage checks it.
//!
//! Source: Prometheus, `prompb/types.proto`, `prompb/codec.go`, and `Validate` in `model/histogram`.
use std::ops::RangeInclusive;

use model::{
    Histogram, ResetHint, Timestamp,
    histogram::{Buckets, EXPONENTIAL, HistogramError, Span},
};

use super::fields::{FieldError, Fields, Value};

/// Exponential schemas that are none yet; such a histogram is taken with the finest that there is.
///
/// Source: `IsExponentialSchemaReserved` in Prometheus, and its use in `storage/remote/write_handler.go`.
const FINER: RangeInclusive<i32> = 9..=52;

/// A histogram and its time, or what is wrong with it.
pub(crate) type Taken = (Timestamp, Result<Histogram, HistogramError>);

/// A histogram as its message has it. Its whole counts are the first of its buckets and what each next has more.
#[derive(Debug, Default)]
struct Message {
    is_float: bool,
    count: f64,
    sum: f64,
    schema: i32,
    zero_threshold: f64,
    zero_count: f64,
    negative: Side,
    positive: Side,
    reset_hint: u64,
    millis: i64,
    custom_values: Vec<f64>,
}

#[derive(Debug, Default)]
struct Side {
    spans: Vec<Span>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// Reads a message.
pub(super) fn read(message: &[u8]) -> Result<Taken, FieldError> {
    let mut read = Message::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => (read.is_float, read.count) = (false, value.varint("CountInt")? as f64),
            2 => (read.is_float, read.count) = (true, value.double("CountFloat")?),
            3 => read.sum = value.double("Sum")?,
            4 => read.schema = zigzag(value.varint("Schema")?) as i32,
            5 => read.zero_threshold = value.double("ZeroThreshold")?,
            6 => read.zero_count = value.varint("ZeroCountInt")? as f64,
            7 => read.zero_count = value.double("ZeroCountFloat")?,
            8 => (read.negative.spans).push(span(value.bytes("NegativeSpans")?)?),
            9 => deltas(value, "NegativeDeltas", &mut read.negative.deltas)?,
            10 => doubles(value, "NegativeCounts", &mut read.negative.counts)?,
            11 => (read.positive.spans).push(span(value.bytes("PositiveSpans")?)?),
            12 => deltas(value, "PositiveDeltas", &mut read.positive.deltas)?,
            13 => doubles(value, "PositiveCounts", &mut read.positive.counts)?,
            14 => read.reset_hint = value.varint("ResetHint")?,
            15 => read.millis = value.varint("Timestamp")? as i64,
            16 => doubles(value, "CustomValues", &mut read.custom_values)?,
            _ => {}
        }
    }
    let at = Timestamp::from_millis(read.millis);
    Ok((at, read.histogram()))
}

impl Message {
    fn histogram(self) -> Result<Histogram, HistogramError> {
        let is_float = self.is_float;
        let mut histogram = Histogram {
            reset_hint: match self.reset_hint {
                1 => ResetHint::Reset,
                2 => ResetHint::NotReset,
                3 => ResetHint::Gauge,
                _ => ResetHint::Unknown,
            },
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count: self.count,
            sum: self.sum,
            negative: self.negative.buckets("negative", is_float)?,
            positive: self.positive.buckets("positive", is_float)?,
            custom_values: self.custom_values.into(),
        };
        if FINER.contains(&histogram.schema) {
            histogram.reduce(*EXPONENTIAL.end());
        }
        match is_float {
            true => histogram.check(),
            false => histogram.check_whole(),
        }?;
        Ok(histogram)
    }
}

impl Side {
    fn buckets(self, side: &'static str, is_float: bool) -> Result<Buckets, HistogramError> {
        let counts = match is_float {
            true => self.counts,
            false => whole(&self.deltas),
        };
        Buckets::new(self.spans, counts).map_err(|source| HistogramError::Spans { side, source })
    }
}

/// The counts of buckets whose differences are `deltas`.
fn whole(deltas: &[i64]) -> Vec<f64> {
    let next = |count: &mut i64, delta: &i64| {
        *count = count.wrapping_add(*delta);
        Some(*count as f64)
    };
    deltas.iter().scan(0, next).collect()
}

fn span(message: &[u8]) -> Result<Span, FieldError> {
    let (mut offset, mut length) = (0, 0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => offset = zigzag(value.varint("Offset")?) as i32,
            2 => length = value.varint("Length")? as u32,
            _ => {}
        }
    }
    Ok(Span { offset, length })
}

/// Appends numbers of either sign, one or packed.
fn deltas(value: Value<'_>, field: &'static str, dst: &mut Vec<i64>) -> Result<(), FieldError> {
    match value {
        Value::Varint(number) => dst.push(zigzag(number)),
        packed => {
            let mut packed = Fields::new(packed.bytes(field)?);
            while let Some(number) = packed.packed_varint()? {
                dst.push(zigzag(number));
            }
        }
    }
    Ok(())
}

/// Appends floats, one or packed.
fn doubles(value: Value<'_>, field: &'static str, dst: &mut Vec<f64>) -> Result<(), FieldError> {
    match value {
        Value::Fixed64(bits) => dst.push(f64::from_bits(bits)),
        packed => {
            let (words, rest) = packed.bytes(field)?.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(FieldError::Truncated);
            }
            dst.extend(words.iter().map(|word| f64::from_le_bytes(*word)));
        }
    }
    Ok(())
}

const fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use prost::Message as _;
    use proto::prometheus::{BucketSpan, Histogram as Wire, histogram as wire};

    use super::*;

    fn taken(wire: &Wire) -> Taken {
        read(&wire.encode_to_vec()).unwrap()
    }

    fn spans(spans: &[(i32, u32)]) -> Vec<BucketSpan> {
        let span = |(offset, length): &(i32, u32)| BucketSpan {
            offset: *offset,
            length: *length,
        };
        spans.iter().map(span).collect()
    }

    fn whole_counts() -> Wire {
        Wire {
            count: Some(wire::Count::CountInt(12)),
            sum: 18.4,
            schema: 1,
            zero_threshold: 0.001,
            zero_count: Some(wire::ZeroCount::ZeroCountInt(2)),
            positive_spans: spans(&[(0, 2), (1, 1)]),
            positive_deltas: vec![3, -1, 0],
            negative_spans: spans(&[(-2, 1)]),
            negative_deltas: vec![3],
            reset_hint: wire::ResetHint::Gauge.into(),
            timestamp: 1234,
            ..Wire::default()
        }
    }

    #[test]
    fn whole_counts_are_the_sums_of_their_differences() {
        let (at, histogram) = taken(&whole_counts());
        let positive = Buckets::new(
            [(0, 2), (1, 1)].map(|(offset, length)| Span { offset, length }),
            vec![3.0, 2.0, 2.0],
        );
        let expected = Histogram {
            reset_hint: ResetHint::Gauge,
            schema: 1,
            zero_threshold: 0.001,
            zero_count: 2.0,
            count: 12.0,
            sum: 18.4,
            positive: positive.unwrap(),
            negative: Buckets::from_first(-2, vec![3.0]),
            custom_values: [].into(),
        };
        assert_eq!(
            (at, histogram),
            (Timestamp::from_millis(1234), Ok(expected))
        );
    }

    #[test]
    fn float_counts_and_custom_bounds_are_taken_as_they_stand() {
        let (_, histogram) = taken(&Wire {
            count: Some(wire::Count::CountFloat(1.5)),
            sum: model::STALE_NAN,
            schema: -53,
            positive_spans: spans(&[(0, 2)]),
            positive_counts: vec![0.5, 1.0],
            custom_values: vec![0.1, 10.0],
            ..Wire::default()
        });
        let expected = Histogram {
            schema: -53,
            count: 1.5,
            sum: model::STALE_NAN,
            positive: Buckets::from_first(0, vec![0.5, 1.0]),
            custom_values: [0.1, 10.0].into(),
            ..Histogram::default()
        };
        assert_eq!(histogram, Ok(expected));
    }

    #[test]
    fn what_is_finer_than_the_finest_schema_is_merged_to_it() {
        let (_, histogram) = taken(&Wire {
            schema: 9,
            ..whole_counts()
        });
        let histogram = histogram.unwrap();
        assert_eq!(histogram.schema, 8);
        let counts = |buckets: &Buckets| buckets.iter().collect::<Vec<_>>();
        assert_eq!(counts(&histogram.positive), [(0, 3.0), (1, 2.0), (2, 2.0)]);
        assert_eq!(counts(&histogram.negative), [(-1, 3.0)]);
    }

    #[test]
    fn numbers_may_come_one_by_one() {
        // Fields 12 and 13, not packed.
        let (mut message, mut floats) = (Vec::new(), Vec::new());
        let mut expected = Message::default();
        for number in [1_u8, 2] {
            message.extend([12 << 3, number]);
            expected.positive.deltas.push(zigzag(u64::from(number)));
            floats.push(13 << 3 | 1);
            floats.extend(f64::from(number).to_le_bytes());
            expected.positive.counts.push(f64::from(number));
        }
        let (mut read_deltas, mut read_floats) = (Vec::new(), Vec::new());
        let mut fields = Fields::new(&message);
        while let Some((_, value)) = fields.next().unwrap() {
            deltas(value, "", &mut read_deltas).unwrap();
        }
        let mut fields = Fields::new(&floats);
        while let Some((_, value)) = fields.next().unwrap() {
            doubles(value, "", &mut read_floats).unwrap();
        }
        assert_eq!(read_deltas, expected.positive.deltas);
        assert_eq!(read_floats, expected.positive.counts);
    }

    #[test]
    fn what_is_no_histogram_is_refused_in_the_words_of_prometheus() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut Wire), expected: Expect) {
            let mut wire = whole_counts();
            change(&mut wire);
            expected.assert_eq(&taken(&wire).1.unwrap_err().to_string());
        }
        check(
            |h| h.count = Some(wire::Count::CountInt(11)),
            expect![
                "12 observations found in buckets, but the Count field is 11: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
            ],
        );
        check(
            |h| h.positive_deltas[1] = -9,
            expect![
                "positive side: bucket number 2 has observation count of -6: histogram has a bucket whose observation count is negative"
            ],
        );
        check(
            |h| h.positive_deltas.truncate(2),
            expect![
                "positive side: spans need 3 buckets, have 2 buckets: histogram spans specify different number of buckets than provided"
            ],
        );
        check(
            |h| h.positive_spans[1].offset = -1,
            expect![
                "positive side: span number 2 with offset -1: histogram has a span whose offset is negative"
            ],
        );
        check(
            |h| h.negative_spans[0].length = 9,
            expect![
                "negative side: spans need 9 buckets, have 1 buckets: histogram spans specify different number of buckets than provided"
            ],
        );
        check(
            |h| h.schema = -54,
            expect![
                "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema -54"
            ],
        );
        check(
            |h| h.custom_values = vec![1.0],
            expect!["histogram with exponential schema must not have custom bounds"],
        );
    }
}
