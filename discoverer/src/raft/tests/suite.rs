//! Openraft's conformance suite for storage.
use std::sync::Arc;

use openraft::{
    StorageError, StorageIOError,
    testing::{StoreBuilder, Suite},
};
use runtime::Offload;
use tsdb::MemoryStore;

use crate::raft::{log::LogStore, machine::Machine, types::Types};

struct Fresh;

impl StoreBuilder<Types, LogStore, Machine> for Fresh {
    async fn build(&self) -> Result<((), LogStore, Machine), StorageError<u64>> {
        let log = LogStore::open(Arc::new(MemoryStore::new()), Offload::Inline)
            .map_err(|e| StorageIOError::read(&e))?;
        let (machine, _) = Machine::open(log.clone())
            .await
            .map_err(|e| StorageIOError::read(&e))?;
        Ok(((), log, machine))
    }
}

#[test]
fn the_storage_passes_openrafts_suite() {
    Suite::test_all(Fresh).unwrap();
}
