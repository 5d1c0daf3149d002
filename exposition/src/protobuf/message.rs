//! The messages of `io.prometheus.client`, as far as a scrape reads them; texts and lists lie in the page.
//!
//! ```text
//! MetricFamily: 1 name, 2 help, 3 type, 4 metric …, 5 unit
//! Metric:       1 label …, 2 gauge, 3 counter, 4 summary, 5 untyped, 6 timestamp_ms, 7 histogram
//! LabelPair:    1 name, 2 value
//! Gauge, Untyped: 1 value       Counter: 1 value, 2 exemplar, 3 start
//! Summary:      1 count, 2 sum, 3 quantile … (1 quantile, 2 value), 4 start
//! Histogram:    1 count, 2 sum, 3 bucket … (1 count, 2 bound, 3 exemplar, 4 count as float), 4 count as float,
//!               5 schema, 6 zero threshold, 7 zero count, 8 zero count as float,
//!               9 negative span …, 10 delta …, 11 count …, 12 positive span … (1 offset, 2 length), 13 delta …, 14 count …,
//!               15 start, 16 exemplar …
//! Exemplar:     1 label …, 2 value, 3 time (1 seconds, 2 nanoseconds)
//! ```
//!
//! A field that is missing is zero or empty; of one that comes twice the last holds.
use model::{MetricType, Timestamp, histogram::Span};

use super::wire::{Fields, WireError, signed};

/// The metrics of one name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Family<'a> {
    pub(super) name: &'a [u8],
    pub(super) help: &'a [u8],
    pub(super) unit: &'a [u8],
    /// As it stands there.
    kind: u64,
    body: &'a [u8],
}

impl<'a> Family<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut family = Self {
            body,
            ..Self::default()
        };
        for field in Fields::of(body) {
            match field? {
                (1, value) => family.name = value.bytes("Name")?,
                (2, value) => family.help = value.bytes("Help")?,
                (3, value) => family.kind = value.number("Type")?,
                (4, value) => drop(value.bytes("Metric")?),
                (5, value) => family.unit = value.bytes("Unit")?,
                _ => {}
            }
        }
        Ok(family)
    }

    /// Its metrics.
    pub(super) fn metrics(self) -> impl Iterator<Item = &'a [u8]> {
        Fields::of(self.body).filter_map(|field| match field {
            Ok((4, value)) => value.bytes("Metric").ok(),
            _ => None,
        })
    }

    /// Its kind, or the number that stands for none.
    pub(super) const fn kind(self) -> Result<MetricType, u64> {
        match self.kind {
            0 => Ok(MetricType::Counter),
            1 => Ok(MetricType::Gauge),
            2 => Ok(MetricType::Summary),
            3 => Ok(MetricType::Unknown),
            4 => Ok(MetricType::Histogram),
            5 => Ok(MetricType::GaugeHistogram),
            other => Err(other),
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Metric<'a> {
    body: &'a [u8],
    /// The message of gauges, counters, summaries, untyped metrics and histograms, by field number less two.
    values: [&'a [u8]; 6],
    pub(super) time: Option<Timestamp>,
}

impl<'a> Metric<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut metric = Self {
            body,
            ..Self::default()
        };
        for field in Fields::of(body) {
            match field? {
                (1, value) => drop(value.bytes("Label")?),
                (6, value) => {
                    // Zero cannot be told from none.
                    let millis = value.number("TimestampMs")? as i64;
                    metric.time = (millis != 0).then(|| Timestamp::from_millis(millis));
                }
                (number @ (2..=5 | 7), value) => {
                    metric.values[number as usize - 2] = value.bytes("Value")?;
                }
                _ => {}
            }
        }
        Ok(metric)
    }

    /// The names and values of its labels.
    pub(super) fn labels(self) -> impl Iterator<Item = Result<(&'a str, &'a str), WireError>> {
        Fields::of(self.body).filter_map(|field| match field {
            Ok((1, value)) => Some(value.bytes("Label").and_then(label)),
            _ => None,
        })
    }

    /// The message of what it is by `kind`.
    pub(super) const fn value(self, kind: MetricType) -> &'a [u8] {
        match kind {
            MetricType::Gauge => self.values[0],
            MetricType::Counter => self.values[1],
            MetricType::Summary => self.values[2],
            MetricType::Histogram | MetricType::GaugeHistogram => self.values[5],
            _ => self.values[3],
        }
    }
}

/// A label's name and value.
pub(super) fn label(body: &[u8]) -> Result<(&str, &str), WireError> {
    let (mut name, mut value) = ("", "");
    let lossy = |bytes| String::from_utf8_lossy(bytes).into_owned();
    for field in Fields::of(body) {
        match field? {
            (1, text) => {
                let bytes = text.bytes("Name")?;
                let is_name = |name: &&str| !name.is_empty();
                name = (std::str::from_utf8(bytes).ok().filter(is_name))
                    .ok_or_else(|| WireError::LabelName(lossy(bytes)))?;
            }
            (2, text) => {
                let bytes = text.bytes("Value")?;
                value =
                    std::str::from_utf8(bytes).map_err(|_| WireError::LabelValue(lossy(bytes)))?;
            }
            _ => {}
        }
    }
    Ok((name, value))
}

/// A counter, a gauge or an untyped metric.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number<'a> {
    pub(super) value: f64,
    pub(super) exemplar: Option<&'a [u8]>,
    pub(super) start: Option<Timestamp>,
}

impl<'a> Number<'a> {
    pub(super) fn read(body: &'a [u8], is_counter: bool) -> Result<Self, WireError> {
        let mut number = Self::default();
        for field in Fields::of(body) {
            match field? {
                (1, value) => number.value = value.double("Value")?,
                (2, value) if is_counter => number.exemplar = Some(value.bytes("Exemplar")?),
                (3, value) if is_counter => {
                    number.start = time(value.bytes("StartTimestamp")?)?;
                }
                _ => {}
            }
        }
        Ok(number)
    }
}

/// A summary.
#[derive(Clone, Debug, Default)]
pub(super) struct Summary {
    pub(super) count: u64,
    pub(super) sum: f64,
    /// The quantiles with their values.
    pub(super) quantiles: Vec<(f64, f64)>,
    pub(super) start: Option<Timestamp>,
}

impl Summary {
    pub(super) fn read(body: &[u8]) -> Result<Self, WireError> {
        let mut summary = Self::default();
        for field in Fields::of(body) {
            match field? {
                (1, value) => summary.count = value.number("SampleCount")?,
                (2, value) => summary.sum = value.double("SampleSum")?,
                (3, value) => {
                    let mut quantile = (0.0, 0.0);
                    for field in Fields::of(value.bytes("Quantile")?) {
                        match field? {
                            (1, value) => quantile.0 = value.double("Quantile")?,
                            (2, value) => quantile.1 = value.double("Value")?,
                            _ => {}
                        }
                    }
                    summary.quantiles.push(quantile);
                }
                (4, value) => summary.start = time(value.bytes("StartTimestamp")?)?,
                _ => {}
            }
        }
        Ok(summary)
    }
}

/// A bucket of a classic histogram.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket<'a> {
    pub(super) count: f64,
    pub(super) bound: f64,
    pub(super) exemplar: Option<&'a [u8]>,
}

impl<'a> Bucket<'a> {
    fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let (mut bucket, mut whole) = (Self::default(), 0);
        for field in Fields::of(body) {
            match field? {
                (1, value) => whole = value.number("CumulativeCount")?,
                (2, value) => bucket.bound = value.double("UpperBound")?,
                (3, value) => bucket.exemplar = Some(value.bytes("Exemplar")?),
                (4, value) => bucket.count = value.double("CumulativeCountFloat")?,
                _ => {}
            }
        }
        bucket.count = float_or(bucket.count, whole);
        Ok(bucket)
    }
}

/// One side of a native histogram; either deltas or counts hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    pub(super) spans: Vec<Span>,
    pub(super) deltas: Vec<i64>,
    pub(super) counts: Vec<f64>,
}

/// A histogram: classic, native or both.
#[derive(Clone, Debug, Default)]
pub(super) struct HistogramMessage<'a> {
    pub(super) whole_count: u64,
    pub(super) float_count: f64,
    pub(super) sum: f64,
    pub(super) buckets: Vec<Bucket<'a>>,
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) whole_zero_count: u64,
    pub(super) float_zero_count: f64,
    pub(super) negative: Side,
    pub(super) positive: Side,
    pub(super) start: Option<Timestamp>,
    pub(super) exemplars: Vec<&'a [u8]>,
}

impl<'a> HistogramMessage<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut h = Self::default();
        for field in Fields::of(body) {
            match field? {
                (1, value) => h.whole_count = value.number("SampleCount")?,
                (2, value) => h.sum = value.double("SampleSum")?,
                (3, value) => h.buckets.push(Bucket::read(value.bytes("Bucket")?)?),
                (4, value) => h.float_count = value.double("SampleCountFloat")?,
                (5, value) => h.schema = signed(value.number("Schema")?) as i32,
                (6, value) => h.zero_threshold = value.double("ZeroThreshold")?,
                (7, value) => h.whole_zero_count = value.number("ZeroCount")?,
                (8, value) => h.float_zero_count = value.double("ZeroCountFloat")?,
                (9, value) => h.negative.spans.push(span(value.bytes("NegativeSpan")?)?),
                (10, value) => value.signed_into(&mut h.negative.deltas, "NegativeDelta")?,
                (11, value) => value.doubles_into(&mut h.negative.counts, "NegativeCount")?,
                (12, value) => h.positive.spans.push(span(value.bytes("PositiveSpan")?)?),
                (13, value) => value.signed_into(&mut h.positive.deltas, "PositiveDelta")?,
                (14, value) => value.doubles_into(&mut h.positive.counts, "PositiveCount")?,
                (15, value) => h.start = time(value.bytes("StartTimestamp")?)?,
                (16, value) => h.exemplars.push(value.bytes("Exemplars")?),
                _ => {}
            }
        }
        Ok(h)
    }

    /// All observations.
    pub(super) fn count(&self) -> f64 {
        float_or(self.float_count, self.whole_count)
    }

    /// True if it has anything that only native histograms have.
    pub(super) fn is_native(&self) -> bool {
        !self.positive.spans.is_empty()
            || !self.negative.spans.is_empty()
            || self.zero_threshold > 0.0
            || self.whole_zero_count > 0
    }

    /// True if its counts are floats.
    pub(super) fn is_float(&self) -> bool {
        self.float_count > 0.0 || self.float_zero_count > 0.0
    }
}

/// The float form of a count goes before the whole one.
fn float_or(float: f64, whole: u64) -> f64 {
    match float == 0.0 {
        true => whole as f64,
        false => float,
    }
}

fn span(body: &[u8]) -> Result<Span, WireError> {
    let mut span = Span {
        offset: 0,
        length: 0,
    };
    for field in Fields::of(body) {
        match field? {
            (1, value) => span.offset = signed(value.number("Offset")?) as i32,
            (2, value) => span.length = value.number("Length")? as u32,
            _ => {}
        }
    }
    Ok(span)
}

/// The instant of a `google.protobuf.Timestamp`, cut to milliseconds; the epoch stands for none.
fn time(body: &[u8]) -> Result<Option<Timestamp>, WireError> {
    let at = instant(body)?;
    Ok((at.as_millis() != 0).then_some(at))
}

fn instant(body: &[u8]) -> Result<Timestamp, WireError> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    for field in Fields::of(body) {
        match field? {
            (1, value) => seconds = value.number("Seconds")? as i64,
            (2, value) => nanos = i64::from(value.number("Nanos")? as i32),
            _ => {}
        }
    }
    let millis = seconds.wrapping_mul(1000).wrapping_add(nanos / 1_000_000);
    Ok(Timestamp::from_millis(millis))
}

/// An exemplar but for its labels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Example {
    pub(super) value: f64,
    pub(super) time: Option<Timestamp>,
}

impl Example {
    pub(super) fn read(body: &[u8]) -> Result<Self, WireError> {
        let mut example = Self::default();
        for field in Fields::of(body) {
            match field? {
                (1, value) => drop(label(value.bytes("Label")?)?),
                (2, value) => example.value = value.double("Value")?,
                (3, value) => example.time = Some(instant(value.bytes("Timestamp")?)?),
                _ => {}
            }
        }
        Ok(example)
    }
}

/// The names and values of an exemplar's labels.
pub(super) fn example_labels(body: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    Fields::of(body).filter_map(|field| match field {
        Ok((1, value)) => label(value.bytes("Label").ok()?).ok(),
        _ => None,
    })
}
