//! What RocksDB says, in the words of [`StoreError`].
use std::path::Path;

use rocksdb::{Error, ErrorKind};
use tsdb::{StoreError, StoreErrorKind};

/// The error of an `attempt` that RocksDB refused.
pub(crate) fn failed(attempt: impl Into<String>, error: Error) -> StoreError {
    let text = error.as_ref();
    let kind = if text.contains("No space left on device") {
        StoreErrorKind::Full
    } else {
        match error.kind() {
            ErrorKind::Corruption => StoreErrorKind::Corrupt,
            ErrorKind::InvalidArgument | ErrorKind::ColumnFamilyDropped => StoreErrorKind::Invalid,
            _ => StoreErrorKind::Unavailable,
        }
    };
    StoreError::new(kind, attempt).because(error)
}

/// The error of opening the store in `path`: a held lock is told apart, since its cure is another.
pub(crate) fn not_opened(path: &Path, error: Error) -> StoreError {
    let text = error.as_ref();
    let attempt = format!("open the store at {}", path.display());
    if text.contains("lock file") || text.contains("lock hold by current process") {
        let attempt = format!(
            "{attempt}: another process has it open: end that one, or name another directory"
        );
        return StoreError::new(StoreErrorKind::Locked, attempt);
    }
    match error.kind() {
        ErrorKind::Corruption => failed(
            format!(
                "{attempt}: it is damaged: bring it back from a copy, or name an empty directory"
            ),
            error,
        ),
        _ => failed(attempt, error),
    }
}
