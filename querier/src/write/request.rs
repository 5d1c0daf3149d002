//! `prometheus.WriteRequest`: its series one by one, borrowed from the decompressed body.
use model::{Exemplar, Labels, MetricType, Sample, Timestamp};
use proto::v1;

use super::{
    fields::{FieldError, Fields},
    histogram,
};

/// The body is no write request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    /// It is not compressed as it must be.
    #[error("snappy: corrupt input")]
    Snappy,
    /// It would be too large.
    #[error("snappy: decoded block is too large: {size} bytes, at most {limit} are taken")]
    TooLarge {
        /// The size that the body tells.
        size: usize,
        /// The largest that is taken.
        limit: usize,
    },
    /// What was compressed is no such message.
    #[error(transparent)]
    Fields(#[from] FieldError),
}

/// `body` without its compression; it is refused before it grows beyond `limit` bytes.
pub(crate) fn decompress(body: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let size = snap::raw::decompress_len(body).map_err(|_| DecodeError::Snappy)?;
    if size > limit {
        return Err(DecodeError::TooLarge { size, limit });
    }
    let decompressed = snap::raw::Decoder::new().decompress_vec(body);
    decompressed.map_err(|_| DecodeError::Snappy)
}

/// One series of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TimeSeries<'a> {
    /// Names and values in their order; texts are not checked yet.
    pub(crate) labels: Vec<(&'a [u8], &'a [u8])>,
    /// Floats in their order.
    pub(crate) samples: Vec<Sample>,
    /// Those with labels that are some, in their order.
    pub(crate) exemplars: Vec<Exemplar>,
    /// Native histograms in their order.
    pub(crate) histograms: Vec<histogram::Taken>,
}

/// Shows each series of `request` to `each`, which may take of it what it wants, and gives its metadata.
pub(crate) fn read<'a>(
    request: &'a [u8],
    mut each: impl FnMut(&mut TimeSeries<'a>),
) -> Result<Vec<v1::MetricMetadata>, FieldError> {
    let mut fields = Fields::new(request);
    let (mut series, mut metadata) = (TimeSeries::default(), Vec::new());
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => {
                series.labels.clear();
                series.samples.clear();
                series.exemplars.clear();
                series.histograms.clear();
                read_series(value.bytes("Timeseries")?, &mut series)?;
                each(&mut series);
            }
            3 => metadata.extend(read_metadata(value.bytes("Metadata")?)?),
            _ => {}
        }
    }
    Ok(metadata)
}

/// What is told of a metric; none if its texts are none.
fn read_metadata(message: &[u8]) -> Result<Option<v1::MetricMetadata>, FieldError> {
    let (mut kind, mut texts) = (MetricType::Unknown, [&[][..]; 3]);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => {
                let number = usize::try_from(value.varint("Type")?).ok();
                kind = number
                    .and_then(|i| MetricType::ALL.get(i).copied())
                    .unwrap_or_default();
            }
            2 => texts[0] = value.bytes("MetricFamilyName")?,
            4 => texts[1] = value.bytes("Help")?,
            5 => texts[2] = value.bytes("Unit")?,
            _ => {}
        }
    }
    let text = |i: usize| str::from_utf8(texts[i]).ok().map(str::to_owned);
    Ok((|| {
        Some(v1::MetricMetadata {
            metric: text(0).filter(|metric| !metric.is_empty())?,
            r#type: kind.as_str().to_owned(),
            help: text(1)?,
            unit: text(2)?,
            target: None,
        })
    })())
}

fn read_series<'a>(message: &'a [u8], series: &mut TimeSeries<'a>) -> Result<(), FieldError> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => series.labels.push(label(value.bytes("Labels")?)?),
            2 => series.samples.push(sample(value.bytes("Samples")?)?),
            3 => series
                .exemplars
                .extend(exemplar(value.bytes("Exemplars")?)?),
            4 => (series.histograms).push(histogram::read(value.bytes("Histograms")?)?),
            _ => {}
        }
    }
    Ok(())
}

fn label(message: &[u8]) -> Result<(&[u8], &[u8]), FieldError> {
    let (mut name, mut text): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = value.bytes("Name")?,
            2 => text = value.bytes("Value")?,
            _ => {}
        }
    }
    Ok((name, text))
}

/// An exemplar; none if its labels are not text.
fn exemplar(message: &[u8]) -> Result<Option<Exemplar>, FieldError> {
    let (mut pairs, mut value_of, mut millis) = (Some(Vec::new()), 0.0, 0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => {
                let (name, text) = label(value.bytes("Labels")?)?;
                let pair = str::from_utf8(name).ok().zip(str::from_utf8(text).ok());
                pairs = pairs.zip(pair).map(|(mut pairs, pair)| {
                    pairs.push(pair);
                    pairs
                });
            }
            2 => value_of = value.double("Value")?,
            3 => millis = value.varint("Timestamp")? as i64,
            _ => {}
        }
    }
    Ok(pairs.map(|pairs| Exemplar {
        labels: Labels::from_pairs(pairs),
        value: value_of,
        at: Timestamp::from_millis(millis),
        is_timed: millis != 0,
    }))
}

fn sample(message: &[u8]) -> Result<Sample, FieldError> {
    let mut sample = Sample {
        at: Timestamp::from_millis(0),
        value: 0.0,
    };
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => sample.value = value.double("Value")?,
            2 => sample.at = Timestamp::from_millis(value.varint("Timestamp")? as i64),
            _ => {}
        }
    }
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;
    use proto::prometheus as wire;

    use super::*;

    fn request() -> impl Strategy<Value = wire::WriteRequest> {
        let label =
            ("[a-zé]{0,4}", "[a-z]{0,4}").prop_map(|(name, value)| wire::Label { name, value });
        // Encoders leave out what equals zero, also minus zero.
        let sample = (any::<f64>(), any::<i64>()).prop_map(|(value, timestamp)| wire::Sample {
            value: value + 0.0,
            timestamp,
        });
        let labels = prop::collection::vec(label, 0..4);
        let samples = prop::collection::vec(sample, 0..4);
        let series =
            (labels, samples, 0..3_usize).prop_map(|(labels, samples, n)| wire::TimeSeries {
                labels,
                samples,
                exemplars: vec![
                    wire::Exemplar {
                        labels: vec![wire::Label {
                            name: "id".to_owned(),
                            value: "x".to_owned(),
                        }],
                        value: 0.5,
                        timestamp: 7,
                    };
                    n
                ],
                histograms: vec![
                    wire::Histogram {
                        timestamp: 7,
                        ..wire::Histogram::default()
                    };
                    n
                ],
            });
        let all = prop::collection::vec(series, 0..4);
        all.prop_map(|timeseries| wire::WriteRequest {
            timeseries,
            metadata: vec![wire::MetricMetadata {
                metric_family_name: "m".to_owned(),
                r#type: wire::metric_metadata::MetricType::Gauge.into(),
                help: "h".to_owned(),
                ..Default::default()
            }],
        })
    }

    proptest! {
        #[test]
        fn what_others_encode_is_read(request in request()) {
            let bytes = request.encode_to_vec();
            let mut read = Vec::new();
            let metadata = super::read(&bytes, |series| read.push(series.clone())).unwrap();
            prop_assert_eq!(metadata, [v1::MetricMetadata {
                metric: "m".to_owned(),
                r#type: "gauge".to_owned(),
                help: "h".to_owned(),
                ..Default::default()
            }]);
            let expected: Vec<TimeSeries<'_>> = request.timeseries.iter().map(|series| TimeSeries {
                labels: series.labels.iter().map(|l| (l.name.as_bytes(), l.value.as_bytes())).collect(),
                samples: series.samples.iter().map(|s| Sample {
                    at: Timestamp::from_millis(s.timestamp),
                    value: s.value,
                }).collect(),
                exemplars: vec![Exemplar {
                    labels: Labels::from_pairs([("id", "x")]),
                    value: 0.5,
                    at: Timestamp::from_millis(7),
                    is_timed: true,
                }; series.exemplars.len()],
                histograms: vec![(Timestamp::from_millis(7), Ok(model::Histogram::default())); series.histograms.len()],
            }).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes: Vec<u8>) {
            let _ = read(&bytes, |_| {});
            let _ = decompress(&bytes, 1 << 20);
        }
    }

    #[test]
    fn broken_bytes_are_told_in_the_words_of_go() {
        let refused = |bytes: &[u8]| read(bytes, |_| {}).unwrap_err().to_string();
        assert_eq!(refused(&[0x0a, 5, 1]), "unexpected EOF");
        assert_eq!(
            refused(&[0x08, 5]),
            "proto: wrong wireType for field Timeseries"
        );
        assert_eq!(refused(&[0x0f]), "proto: illegal wireType 7");
        assert_eq!(refused(&[0x00]), "proto: illegal tag 0");
        assert_eq!(refused(&[0xff; 11]), "proto: integer overflow");
    }

    #[test]
    fn a_body_that_would_grow_too_large_is_refused_before_it_does() {
        let body = snap::raw::Encoder::new().compress_vec(&[0; 5000]).unwrap();
        let refused = decompress(&body, 4999).unwrap_err();
        assert_eq!(
            refused,
            DecodeError::TooLarge {
                size: 5000,
                limit: 4999
            }
        );
        assert_eq!(decompress(&body, 5000).unwrap(), [0; 5000]);
    }
}
