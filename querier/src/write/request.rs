//! `prometheus.WriteRequest`: its series one by one, borrowed from the decompressed body.
use model::{Sample, Timestamp};

use super::fields::{FieldError, Fields};

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
    /// How many native histograms it has.
    pub(crate) n_histograms: usize,
}

/// Shows each series of `request` to `each`; what it is shown is used again for the next.
pub(crate) fn series<'a>(
    request: &'a [u8],
    mut each: impl FnMut(&mut TimeSeries<'a>),
) -> Result<(), FieldError> {
    let mut fields = Fields::new(request);
    let mut series = TimeSeries::default();
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            series.labels.clear();
            series.samples.clear();
            series.n_histograms = 0;
            read_series(value.bytes("Timeseries")?, &mut series)?;
            each(&mut series);
        }
    }
    Ok(())
}

fn read_series<'a>(message: &'a [u8], series: &mut TimeSeries<'a>) -> Result<(), FieldError> {
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => series.labels.push(label(value.bytes("Labels")?)?),
            2 => series.samples.push(sample(value.bytes("Samples")?)?),
            4 => {
                value.bytes("Histograms")?;
                series.n_histograms += 1;
            }
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
                exemplars: vec![wire::Exemplar::default(); n],
                histograms: vec![wire::Histogram::default(); n],
            });
        let all = prop::collection::vec(series, 0..4);
        all.prop_map(|timeseries| wire::WriteRequest {
            timeseries,
            metadata: vec![wire::MetricMetadata {
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
            series(&bytes, |series| read.push(series.clone())).unwrap();
            let expected: Vec<TimeSeries<'_>> = request.timeseries.iter().map(|series| TimeSeries {
                labels: series.labels.iter().map(|l| (l.name.as_bytes(), l.value.as_bytes())).collect(),
                samples: series.samples.iter().map(|s| Sample {
                    at: Timestamp::from_millis(s.timestamp),
                    value: s.value,
                }).collect(),
                n_histograms: series.histograms.len(),
            }).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes: Vec<u8>) {
            let _ = series(&bytes, |_| {});
            let _ = decompress(&bytes, 1 << 20);
        }
    }

    #[test]
    fn broken_bytes_are_told_in_the_words_of_go() {
        let refused = |bytes: &[u8]| series(bytes, |_| {}).unwrap_err().to_string();
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
