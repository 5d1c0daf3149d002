//! Openraft's own values as bytes, on the wire and in the store: a version, then postcard.
use serde::{Serialize, de::DeserializeOwned};

const VERSION: u8 = 1;

/// Bytes that are no value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RaftCodecError {
    /// A later release wrote them.
    #[error("format {0} of the raft group is unknown")]
    Version(u8),
    /// There are none.
    #[error("empty message of the raft group")]
    Empty,
    /// They break.
    #[error("decode a value of the raft group")]
    Value(#[from] postcard::Error),
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, RaftCodecError> {
    Ok(postcard::to_extend(value, vec![VERSION])?)
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RaftCodecError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(postcard::from_bytes(rest)?),
        Some((&version, _)) => Err(RaftCodecError::Version(version)),
        None => Err(RaftCodecError::Empty),
    }
}
