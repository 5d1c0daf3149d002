//! Bytes: the lossless codecs of columns, and what every record is made of.
//!
//! Decoders never panic and ask for no more memory than a small multiple of their input or a bound that the caller gives.
pub(crate) mod beside;
mod bits;
mod bytes;
mod frame;
pub(crate) mod histograms;
mod ints;
pub(crate) mod presence;
pub(crate) mod times;
pub(crate) mod values;
mod xor;

use model::{Histogram, Presence};

pub use bytes::DecodeError;
pub(crate) use bytes::{Reader, put_bytes, put_uvarint, put_varint, unzigzag, uvarint_len, zigzag};
pub(crate) use frame::{open, open_any, seal};

/// Appends the number of `values`, then the values, bit for bit.
pub fn encode_values(dst: &mut Vec<u8>, values: &[f64]) {
    put_uvarint(dst, values.len() as u64);
    if !values.is_empty() {
        values::encode(dst, values);
    }
}

/// Reads what [`encode_values`] wrote: all of `src`, at most `limit` values.
///
/// # Errors
/// [`DecodeError`] if that is something else, or more.
pub fn decode_values(src: &[u8], limit: usize) -> Result<Vec<f64>, DecodeError> {
    let mut reader = Reader::new(src);
    let values = match reader.count(limit)? {
        0 => Vec::new(),
        n => values::decode(&mut reader, n)?,
    };
    reader.finish().map(|()| values)
}

/// Appends the number of `times`, then the times in milliseconds; a regular grid takes a few bytes.
pub fn encode_times(dst: &mut Vec<u8>, times: &[i64]) {
    put_uvarint(dst, times.len() as u64);
    if !times.is_empty() {
        times::encode(dst, times);
    }
}

/// Reads what [`encode_times`] wrote: all of `src`, at most `limit` times.
///
/// # Errors
/// [`DecodeError`] if that is something else, or more.
pub fn decode_times(src: &[u8], limit: usize) -> Result<Vec<i64>, DecodeError> {
    let mut reader = Reader::new(src);
    let times = match reader.count(limit)? {
        0 => Vec::new(),
        n => times::decode(&mut reader, n)?,
    };
    reader.finish().map(|()| times)
}

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
        n => values::decode(&mut reader, n)?,
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
