//! What an ingester remembers over a restart besides its data: its number, its targets, its configuration.
//!
//! With it scraping goes on before any discoverer answers.
use std::sync::Arc;

use model::{GroupKey, NodeId, Target};
use prost::Message as _;
use proto::v1;
use tracing::warn;
use tsdb::{Batch, KeyRange, Store, StoreError};

use crate::scrape::Change;

/// The family in which all of it lies; every ingester's store has it from the beginning.
pub const FAMILY: &str = "assignment";
const NODE: &[u8] = b"node";
const EPOCH: &[u8] = b"epoch";
const CONFIG: &[u8] = b"config";
/// Before the keys of targets.
const TARGET: &[u8] = b"target/";

/// The family of the store in which all of it lies.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    store: Arc<dyn Store>,
}

/// What a former process has left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Former {
    pub(crate) node: NodeId,
    pub(crate) epoch: u64,
    pub(crate) config: Option<v1::ConfigBundle>,
    pub(crate) targets: Vec<Change>,
}

impl Saved {
    /// Opens the family and reads it. What does not decode is left out: discoverers will tell it again.
    pub(crate) fn open(store: Arc<dyn Store>) -> Result<(Self, Former), StoreError> {
        store.create_family(FAMILY)?;
        let number = |key| -> Result<u64, StoreError> {
            let bytes = store.get(FAMILY, key)?.unwrap_or_default();
            Ok(bytes.as_slice().try_into().map_or(0, u64::from_be_bytes))
        };
        let config = store.get(FAMILY, CONFIG)?;
        let mut former = Former {
            node: NodeId(number(NODE)? as u32),
            epoch: number(EPOCH)?,
            config: config.and_then(|bytes| v1::ConfigBundle::decode(&*bytes).ok()),
            targets: Vec::new(),
        };
        for entry in store.scan(FAMILY, KeyRange::prefix(TARGET))? {
            let (_, value) = entry?;
            match decode(&value) {
                Ok(change) => former.targets.push(change),
                Err(error) => warn!(%error, "a saved target does not decode"),
            }
        }
        Ok((Self { store }, former))
    }

    pub(crate) fn save_node(&self, node: NodeId) -> Result<(), StoreError> {
        self.save(NODE, u64::from(node.0).to_be_bytes().to_vec())
    }

    pub(crate) fn save_config(&self, config: &v1::ConfigBundle) -> Result<(), StoreError> {
        self.save(CONFIG, config.encode_to_vec())
    }

    fn save(&self, key: &[u8], value: Vec<u8>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(FAMILY, key, value);
        self.store.write(batch)
    }

    /// Remembers the targets as `changes` make them.
    pub(crate) fn save_changes(&self, epoch: u64, changes: &[Change]) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(FAMILY, EPOCH, epoch.to_be_bytes());
        for change in changes {
            match change {
                Change::Upsert { key, target, rank } => {
                    batch.put(FAMILY, target_key(*key), encode(*key, target, *rank));
                }
                Change::Moved(key) | Change::Removed(key) => batch.delete(FAMILY, target_key(*key)),
            }
        }
        self.store.write(batch)
    }
}

fn target_key(key: GroupKey) -> Vec<u8> {
    [TARGET, &key.0.to_be_bytes()].concat()
}

fn encode(key: GroupKey, target: &Target, rank: u8) -> Vec<u8> {
    let assignment = v1::Assignment {
        target: Some(target.into()),
        key: key.0,
        rank: u32::from(rank),
    };
    assignment.encode_to_vec()
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AssignmentError {
    #[error("decode")]
    Decode(#[from] prost::DecodeError),
    #[error("read")]
    Wire(#[from] proto::WireError),
    #[error("the assignment lacks a target")]
    NoTarget,
}

fn decode(value: &[u8]) -> Result<Change, AssignmentError> {
    upsert(&v1::Assignment::decode(value)?)
}

/// The change that an assignment stands for.
pub(crate) fn upsert(assignment: &v1::Assignment) -> Result<Change, AssignmentError> {
    let target = assignment
        .target
        .as_ref()
        .ok_or(AssignmentError::NoTarget)?;
    Ok(Change::Upsert {
        key: GroupKey(assignment.key),
        target: target.try_into()?,
        rank: u8::try_from(assignment.rank).unwrap_or(u8::MAX),
    })
}

#[cfg(test)]
mod tests {
    use model::{Labels, Millis, TargetSettings};
    use tsdb::MemoryStore;

    use super::*;

    fn change(instance: &str) -> Change {
        let target = Target {
            labels: Labels::from_pairs([("instance", instance), ("job", "a")]),
            discovered: Labels::from_pairs([("__address__", instance)]),
            job: "a".to_owned(),
            settings: TargetSettings {
                scheme: "http".to_owned(),
                address: instance.to_owned(),
                metrics_path: "/metrics".to_owned(),
                params: vec![],
                interval: Millis::new(1000),
                timeout: Millis::new(500),
                own: None,
            },
        };
        Change::Upsert {
            key: target.key(),
            target,
            rank: 1,
        }
    }

    #[test]
    fn what_was_saved_is_found_again() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let (saved, former) = Saved::open(Arc::clone(&store)).unwrap();
        assert!(former.targets.is_empty() && former.node == NodeId(0));
        let (a, b) = (change("a:1"), change("b:1"));
        let Change::Upsert { key, .. } = b else {
            unreachable!()
        };
        saved.save_node(NodeId(7)).unwrap();
        saved.save_changes(3, &[a.clone(), b]).unwrap();
        saved.save_changes(4, &[Change::Removed(key)]).unwrap();
        let (_, former) = Saved::open(store).unwrap();
        assert_eq!((former.node, former.epoch), (NodeId(7), 4));
        assert_eq!(former.targets, [a]);
    }
}
