//! The state machine as openraft drives it: [`State`] in memory, snapshots in the store.
//!
//! A restart reads the last snapshot and applies the committed part of the log again; nothing is written at an apply.
use std::{io::Cursor, sync::Arc};

use openraft::{
    Entry, EntryPayload, LogId, OptionalSend, RaftSnapshotBuilder, Snapshot, SnapshotMeta,
    StorageError, StorageIOError, StoredMembership, storage::RaftStateMachine,
};
use tokio::sync::watch;
use tsdb::Batch;

use super::{
    codec::encode,
    log::{LogError, LogStore, META, get},
    types::{Peer, Reply, Types},
};
use crate::state::{Command, State};

const SNAPSHOT_META: &[u8] = b"snapshot-meta";
const SNAPSHOT: &[u8] = b"snapshot";

type Failed = StorageError<u64>;
type Meta = SnapshotMeta<u64, Peer>;

/// The state and how far into the log it reaches.
pub(crate) struct Machine {
    log: LogStore,
    reached: Reached,
    state: State,
    to: watch::Sender<Arc<State>>,
}

/// How far into the log a state reaches.
#[derive(Clone, Default)]
struct Reached {
    last_applied: Option<LogId<u64>>,
    membership: StoredMembership<u64, Peer>,
}

impl Machine {
    /// The machine as the last snapshot has it, and the states that it will go through.
    pub(crate) async fn open(
        log: LogStore,
    ) -> Result<(Self, watch::Receiver<Arc<State>>), LogError> {
        let (mut reached, mut state) = (Reached::default(), State::default());
        if let Some((meta, bytes)) = stored(&log).await? {
            state = State::decode(&bytes)?;
            reached = Reached {
                last_applied: meta.last_log_id,
                membership: meta.last_membership,
            };
        }
        let (to, states) = watch::channel(Arc::new(state.clone()));
        let machine = Self {
            log,
            reached,
            state,
            to,
        };
        Ok((machine, states))
    }
}

/// The snapshot in the store.
pub(super) async fn stored(log: &LogStore) -> Result<Option<(Meta, Vec<u8>)>, LogError> {
    let read = log.run(|store| {
        let meta: Option<Meta> = get(store, SNAPSHOT_META)?;
        let bytes = store.get(META, SNAPSHOT)?;
        Ok(meta.zip(bytes))
    });
    read.await
}

/// Replaces the snapshot in the store.
async fn store(log: &LogStore, meta: &Meta, bytes: Vec<u8>) -> Result<(), LogError> {
    let meta = encode(meta)?;
    let write = log.run(move |store| {
        let mut batch = Batch::new();
        batch.put(META, SNAPSHOT_META, meta);
        batch.put(META, SNAPSHOT, bytes);
        Ok(store.write_synced(batch)?)
    });
    write.await
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotBuilder = Builder;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogId<u64>>, StoredMembership<u64, Peer>), Failed> {
        let Reached {
            last_applied,
            membership,
        } = self.reached.clone();
        Ok((last_applied, membership))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Reply>, Failed>
    where
        I: IntoIterator<Item = Entry<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut replies = Vec::new();
        for entry in entries {
            let reply = match entry.payload {
                EntryPayload::Blank => Reply::Nothing,
                EntryPayload::Membership(membership) => {
                    self.reached.membership = StoredMembership::new(Some(entry.log_id), membership);
                    Reply::Nothing
                }
                EntryPayload::Normal(logged) => {
                    // An entry of a later release: this discoverer must stop rather than go another way.
                    let command = Command::decode(&logged.0)
                        .map_err(|e| StorageIOError::apply(entry.log_id, &e))?;
                    self.state.apply(command).into()
                }
            };
            self.reached.last_applied = Some(entry.log_id);
            replies.push(reply);
        }
        if self.state.version != self.to.borrow().version {
            self.to.send_replace(Arc::new(self.state.clone()));
        }
        Ok(replies)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            log: self.log.clone(),
            reached: self.reached.clone(),
            state: self.state.clone(),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, Failed> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &Meta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), Failed> {
        let bytes = snapshot.into_inner();
        let signature = Some(meta.signature());
        let state = State::decode(&bytes)
            .map_err(|e| StorageIOError::read_snapshot(signature.clone(), &e))?;
        store(&self.log, meta, bytes)
            .await
            .map_err(|e| StorageIOError::write_snapshot(signature, &e))?;
        self.reached = Reached {
            last_applied: meta.last_log_id,
            membership: meta.last_membership.clone(),
        };
        self.state = state;
        self.to.send_replace(Arc::new(self.state.clone()));
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Types>>, Failed> {
        let stored = stored(&self.log)
            .await
            .map_err(|e| StorageIOError::read_snapshot(None, &e))?;
        Ok(stored.map(|(meta, bytes)| Snapshot {
            meta,
            snapshot: Box::new(Cursor::new(bytes)),
        }))
    }
}

/// Makes a snapshot of the state as it was when the builder was asked for.
pub(crate) struct Builder {
    log: LogStore,
    reached: Reached,
    state: State,
}

impl RaftSnapshotBuilder<Types> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<Types>, Failed> {
        let last = self.reached.last_applied;
        let meta = SnapshotMeta {
            last_log_id: last,
            last_membership: self.reached.membership.clone(),
            snapshot_id: last.map(|id| id.to_string()).unwrap_or_default(),
        };
        let bytes = self.state.encode();
        store(&self.log, &meta, bytes.clone())
            .await
            .map_err(|e| StorageIOError::write_snapshot(Some(meta.signature()), &e))?;
        Ok(Snapshot {
            meta,
            snapshot: Box::new(Cursor::new(bytes)),
        })
    }
}
