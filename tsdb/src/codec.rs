//! Bytes: the lossless codecs of columns, and what every record is made of.
//!
//! Decoders never panic and ask for no more memory than a small multiple of their input or a bound that the caller gives.
mod bytes;
mod frame;

pub use bytes::DecodeError;
pub(crate) use bytes::{Reader, put_bytes, put_uvarint, put_varint, unzigzag, zigzag};
pub(crate) use frame::{open, seal};

/// `bytes` as `01 ff …`, for golden tests.
#[cfg(test)]
pub(crate) fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|b| format!("{b:02x}")).collect();
    bytes.join(" ")
}
