//! Copies of the store that are stores themselves.
use std::{path::PathBuf, sync::Arc};

use tsdb::{Store, StoreError, StoreErrorKind};

/// Where snapshots are made, and of what.
#[derive(Clone, Debug)]
pub(crate) struct Snapshots {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) folder: PathBuf,
    /// The folder of this store within a snapshot; empty if the snapshot is the store.
    pub(crate) part: &'static str,
}

impl Snapshots {
    /// Makes the snapshot `name`: all that was stored before this call.
    pub(crate) fn make(&self, name: &str) -> Result<(), StoreError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if name.is_empty() || !name.bytes().all(is_plain) {
            let attempt = format!("make the snapshot {name:?}: it is no name of one");
            return Err(StoreError::new(StoreErrorKind::Invalid, attempt));
        }
        let mut path = self.folder.join(name);
        if !self.part.is_empty() {
            path.push(self.part);
        }
        self.store.checkpoint(&path)
    }
}
