//! Samples as a request of remote write 1.0: Protocol Buffers in Snappy's block format.
//!
//! Source: Prometheus' `prompb/remote.proto` and Snappy's `format_description.txt`.
use bytes::Bytes;

/// A literal of Snappy takes so many bytes at most here: its length stands in two bytes.
const LITERAL: usize = 1 << 16;

/// The request that brings series, each by its sorted labels and its samples: times in milliseconds and values.
pub(super) fn request<'a, Samples: Iterator<Item = (i64, f64)>>(
    all: impl Iterator<Item = (&'a [(&'static str, String)], Samples)>,
) -> Bytes {
    let mut request = Vec::new();
    for (labels, samples) in all {
        let mut series = Vec::new();
        for (name, value) in labels {
            let mut label = Vec::new();
            put_bytes(&mut label, 1, name.as_bytes());
            put_bytes(&mut label, 2, value.as_bytes());
            put_bytes(&mut series, 1, &label);
        }
        for (millis, value) in samples {
            // value: double = 1, timestamp: int64 = 2
            let mut sample = vec![1 << 3 | 1];
            sample.extend_from_slice(&value.to_le_bytes());
            sample.push(2 << 3);
            put_uvarint(&mut sample, millis as u64);
            put_bytes(&mut series, 2, &sample);
        }
        put_bytes(&mut request, 1, &series);
    }
    snappy(&request)
}

fn put_bytes(dst: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    dst.push(field << 3 | 2);
    put_uvarint(dst, bytes.len() as u64);
    dst.extend_from_slice(bytes);
}

fn put_uvarint(dst: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        dst.push(value as u8 | 0x80);
        value >>= 7;
    }
    dst.push(value as u8);
}

/// `bytes` as literals alone: the sender's share of the work is not what is measured.
fn snappy(bytes: &[u8]) -> Bytes {
    let mut dst = Vec::with_capacity(bytes.len() + bytes.len() / LITERAL * 3 + 8);
    put_uvarint(&mut dst, bytes.len() as u64);
    for literal in bytes.chunks(LITERAL) {
        dst.push(61 << 2);
        dst.extend_from_slice(&((literal.len() - 1) as u16).to_le_bytes());
        dst.extend_from_slice(literal);
    }
    dst.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_say_their_length_less_one() {
        assert_eq!(&snappy(b"abc")[..], b"\x03\xf4\x02\x00abc");
        let long = vec![7; LITERAL + 1];
        let packed = snappy(&long);
        assert_eq!(packed.len(), long.len() + 3 + 2 * 3);
        assert_eq!(&packed[..6], b"\x81\x80\x04\xf4\xff\xff");
    }
}
