//! Columns of numbers and the bytes that they become: on disk, on the way to a querier, and in memory until somebody asks.
//!
//! All is lossless. Decoders never panic and ask for no more memory than a small multiple of their input or a bound that
//! the caller gives.
mod bits;
mod bytes;
pub mod floats;
mod ints;
pub mod times;
mod values;
mod xor;

pub use bytes::{
    DecodeError, Reader, put_bytes, put_uvarint, put_varint, unzigzag, uvarint_len, zigzag,
};
pub use values::{Buffer, Pack, Values};

/// Appends the number of `values`, then the values, bit for bit.
pub fn encode_values(dst: &mut Vec<u8>, values: &[f64]) {
    put_uvarint(dst, values.len() as u64);
    if !values.is_empty() {
        floats::encode(dst, values);
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
        n => floats::decode(&mut reader, n)?,
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

/// `bytes` as `01 ff …`, for golden tests.
#[cfg(test)]
pub(crate) fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|b| format!("{b:02x}")).collect();
    bytes.join(" ")
}
