//! The group's log and vote in the store.
//!
//! Family `raft-log`: index (big endian) to entry. Family `raft-meta`: `vote`, `committed`, `purged`, `snapshot`.
//! What the protocol rests on is synced before it counts; what can be told again from the log is not.
use std::{
    fmt::Debug,
    ops::{Bound, RangeBounds},
    sync::Arc,
};

use openraft::{
    Entry, LogId, LogState, OptionalSend, RaftLogId as _, RaftLogReader, StorageError,
    StorageIOError, Vote,
    storage::{LogFlushed, RaftLogStorage},
};
use runtime::Offload;
use serde::{Serialize, de::DeserializeOwned};
use tsdb::{Batch, KeyRange, Store, StoreError};

use super::{
    codec::{RaftCodecError, decode, encode},
    types::Types,
};

/// The family of the log; every discoverer's store has it from the beginning.
pub const LOG: &str = "raft-log";
pub(crate) const META: &str = "raft-meta";
const VOTE: &[u8] = b"vote";
const COMMITTED: &[u8] = b"committed";
const PURGED: &[u8] = b"purged";

/// The store as the group uses it. Clones share it.
#[derive(Clone)]
pub(crate) struct LogStore {
    store: Arc<dyn Store>,
    offload: Offload,
}

/// What the store said to an attempt of the group.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Codec(#[from] RaftCodecError),
    #[error(transparent)]
    State(#[from] crate::state::CodecError),
}

impl LogStore {
    /// The group's part of `store`, whose families are made if they are not there.
    pub(crate) fn open(store: Arc<dyn Store>, offload: Offload) -> Result<Self, StoreError> {
        store.create_family(LOG)?;
        store.create_family(META)?;
        Ok(Self { store, offload })
    }

    /// Runs `work` on the store off the reactor.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let store = Arc::clone(&self.store);
        self.offload.run(move || work(&*store)).await
    }

    async fn meta<T: DeserializeOwned + Send + 'static>(
        &self,
        key: &'static [u8],
    ) -> Result<Option<T>, LogError> {
        self.run(move |store| get(store, key)).await
    }
}

pub(crate) fn get<T: DeserializeOwned>(
    store: &dyn Store,
    key: &[u8],
) -> Result<Option<T>, LogError> {
    let bytes = store.get(META, key)?;
    Ok(bytes.map(|bytes| decode(&bytes)).transpose()?)
}

/// A batch that puts one value.
pub(crate) fn put<T: Serialize>(key: &[u8], value: &T) -> Result<Batch, LogError> {
    let mut batch = Batch::new();
    batch.put(META, key, encode(value)?);
    Ok(batch)
}

fn key(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}

fn keys(range: &impl RangeBounds<u64>) -> KeyRange {
    let from = match range.start_bound() {
        Bound::Included(&index) => index,
        Bound::Excluded(&index) => index.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(&index) => index.checked_add(1),
        Bound::Excluded(&index) => Some(index),
        Bound::Unbounded => None,
    };
    match to {
        Some(to) => KeyRange::between(key(from), key(to)),
        None => KeyRange::starting_at(key(from)),
    }
}

type Failed = StorageError<u64>;

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Result<Vec<Entry<Types>>, Failed> {
        let range = keys(&range);
        let read = self.run(move |store| {
            let mut entries = Vec::new();
            for entry in store.scan(LOG, range)? {
                entries.push(decode(&entry?.1)?);
            }
            Ok(entries)
        });
        read.await.map_err(|e| StorageIOError::read_logs(&e).into())
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, Failed> {
        let read = self.run(|store| {
            let last_purged_log_id: Option<LogId<u64>> = get(store, PURGED)?;
            let last = match store.last(LOG, KeyRange::ALL)? {
                Some((_, bytes)) => Some(*decode::<Entry<Types>>(&bytes)?.get_log_id()),
                None => None,
            };
            Ok(LogState {
                last_purged_log_id,
                last_log_id: last.or(last_purged_log_id),
            })
        });
        read.await.map_err(|e| StorageIOError::read_logs(&e).into())
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<u64>) -> Result<(), Failed> {
        let vote = *vote;
        let write = self.run(move |store| Ok(store.write_synced(put(VOTE, &vote)?)?));
        write
            .await
            .map_err(|e| StorageIOError::write_vote(&e).into())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote<u64>>, Failed> {
        let read = self.meta(VOTE);
        read.await.map_err(|e| StorageIOError::read_vote(&e).into())
    }

    async fn save_committed(&mut self, committed: Option<LogId<u64>>) -> Result<(), Failed> {
        let write = self.run(move |store| Ok(store.write(put(COMMITTED, &committed)?)?));
        write.await.map_err(|e| StorageIOError::write(&e).into())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId<u64>>, Failed> {
        let read = self.meta::<Option<LogId<u64>>>(COMMITTED).await;
        let committed = read.map_err(|e| StorageIOError::read(&e))?;
        Ok(committed.flatten())
    }

    async fn append<I>(&mut self, entries: I, flushed: LogFlushed<Types>) -> Result<(), Failed>
    where
        I: IntoIterator<Item = Entry<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry<Types>> = entries.into_iter().collect();
        let write = self.run(move |store| {
            let mut batch = Batch::new();
            for entry in &entries {
                batch.put(LOG, key(entry.log_id.index), encode(entry)?);
            }
            Ok(store.write_synced(batch)?)
        });
        write.await.map_err(|e| StorageIOError::write_logs(&e))?;
        flushed.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, from: LogId<u64>) -> Result<(), Failed> {
        let write = self.run(move |store| {
            let mut batch = Batch::new();
            batch.delete_range(LOG, keys(&(from.index..)));
            Ok(store.write_synced(batch)?)
        });
        write
            .await
            .map_err(|e| StorageIOError::write_logs(&e).into())
    }

    async fn purge(&mut self, upto: LogId<u64>) -> Result<(), Failed> {
        let write = self.run(move |store| {
            let mut batch = put(PURGED, &upto)?;
            batch.delete_range(LOG, keys(&(..=upto.index)));
            Ok(store.write(batch)?)
        });
        write
            .await
            .map_err(|e| StorageIOError::write_logs(&e).into())
    }
}
