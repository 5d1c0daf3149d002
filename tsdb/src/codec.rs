//! Bytes: what stands beside the numbers of a column, and what every record is made of.
//!
//! Decoders never panic and ask for no more memory than a small multiple of their input or a bound that the caller gives.
pub(crate) mod beside;
mod frame;
pub(crate) mod histograms;
pub(crate) mod presence;

use column::encode_values;
use model::{Histogram, Presence};

pub use column::DecodeError;
pub(crate) use column::{
    Reader, floats, put_bytes, put_uvarint, put_varint, times, unzigzag, zigzag,
};
pub(crate) use frame::{open, open_any, seal};

/// Appends which of `n_rows` rows a series is present in: `rows` are ascending and below `n_rows`.
pub fn encode_presence(dst: &mut Vec<u8>, rows: &Presence, n_rows: usize) {
    presence::encode(dst, rows, n_rows);
}

/// Reads what [`encode_presence`] wrote for `n_rows` rows: all of `src`.
///
/// # Errors
/// [`DecodeError`] if that is something else.
pub fn decode_presence(src: &[u8], n_rows: usize) -> Result<Presence, DecodeError> {
    let mut reader = Reader::new(src);
    let rows = presence::decode(&mut reader, n_rows)?;
    reader.finish().map(|()| rows)
}

/// Appends the number of `histograms`, their sums, then the rest of them, bit for bit. None has more than 2^20 buckets.
pub fn encode_histograms(dst: &mut Vec<u8>, histograms: &[Histogram]) {
    let sums: Vec<f64> = histograms.iter().map(|histogram| histogram.sum).collect();
    encode_values(dst, &sums);
    histograms::encode(dst, &histograms.iter().collect::<Vec<_>>());
}

/// Reads what [`encode_histograms`] wrote: all of `src`, at most `limit` histograms.
///
/// # Errors
/// [`DecodeError`] if that is something else, or more.
pub fn decode_histograms(src: &[u8], limit: usize) -> Result<Vec<Histogram>, DecodeError> {
    let mut reader = Reader::new(src);
    let sums = match reader.count(limit)? {
        0 => Vec::new(),
        n => floats::decode(&mut reader, n)?,
    };
    let mut histograms = histograms::decode(&mut reader, sums.len())?;
    for (histogram, sum) in histograms.iter_mut().zip(sums) {
        histogram.sum = sum;
    }
    reader.finish().map(|()| histograms)
}

/// `bytes` as `01 ff …`, for golden tests.
#[cfg(test)]
pub(crate) fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|b| format!("{b:02x}")).collect();
    bytes.join(" ")
}
