//! What is told of metrics, remembered over a restart: by targets on their pages, and by those who push samples.
//!
//! ```text
//! metadata   01 | hash 16              -> metric, type, help, unit
//!            02 | group 8              -> the hashes of what a target tells
//!            03 | metric               -> the hash of what was pushed of it
//! ```
//!
//! Targets of one kind tell the same, so each text is held once; what nobody tells any more goes at the next start.
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use model::{GroupKey, Metadata};
use parking_lot::Mutex;
use prost::Message as _;
use proto::v1;
use tsdb::{Batch, KeyRange, Store, StoreError};
use xxhash_rust::xxh3::xxh3_128;

use crate::scrape::MetricMetadata;

const FAMILY: &str = "metadata";
const TEXT: u8 = 1;
const TARGET: u8 = 2;
const PUSHED: u8 = 3;
/// So many metrics that are pushed are remembered; what is told of more is left out.
const MAX_PUSHED: usize = 50_000;

type Hash = [u8; 16];

/// The family of the store in which all of it lies.
#[derive(Debug)]
pub(crate) struct Told {
    store: Arc<dyn Store>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Those that are stored.
    texts: HashSet<Hash>,
    /// What targets told before the restart, until they come.
    of_targets: HashMap<GroupKey, Vec<MetricMetadata>>,
    pushed: BTreeMap<String, Metadata>,
}

impl Told {
    /// Opens the family, reads it, and lets go of what nobody tells.
    pub(crate) fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        store.create_family(FAMILY)?;
        let mut texts: HashMap<Hash, MetricMetadata> = HashMap::new();
        let (mut used, mut held): (HashSet<Hash>, Held) = Default::default();
        let mut batch = Batch::new();
        // Texts sort before those who tell them.
        for entry in store.scan(FAMILY, KeyRange::ALL)? {
            let (key, value) = entry?;
            let told = |hash: &Hash| texts.get(hash).cloned();
            match key.split_first() {
                Some((&TEXT, hash)) => {
                    let hash = Hash::try_from(hash);
                    let text = v1::MetricMetadata::decode(&*value);
                    if let (Ok(hash), Ok(text)) = (hash, text) {
                        texts.insert(hash, decoded(text));
                    }
                }
                Some((&TARGET, group)) => {
                    if let Ok(group) = group.try_into() {
                        let (hashes, _) = value.as_chunks::<16>();
                        used.extend(hashes);
                        let group = GroupKey(u64::from_be_bytes(group));
                        held.of_targets
                            .insert(group, hashes.iter().filter_map(told).collect());
                    }
                }
                Some((&PUSHED, _)) => {
                    if let Ok(hash) = Hash::try_from(&*value) {
                        used.insert(hash);
                        held.pushed.extend(told(&hash));
                    }
                }
                _ => {}
            }
        }
        for hash in texts.into_keys() {
            match used.contains(&hash) {
                true => drop(held.texts.insert(hash)),
                false => batch.delete(FAMILY, key(TEXT, &hash)),
            }
        }
        if !batch.is_empty() {
            store.write(batch)?;
        }
        let held = Mutex::new(held);
        Ok(Self { store, held })
    }

    /// What the target of `group` told before the restart; given once.
    pub(crate) fn take(&self, group: GroupKey) -> Option<Vec<MetricMetadata>> {
        self.held.lock().of_targets.remove(&group)
    }

    /// Remembers what the target of `group` tells.
    pub(crate) fn save(
        &self,
        group: GroupKey,
        told: &[Arc<MetricMetadata>],
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        let mut hashes = Vec::with_capacity(told.len() * 16);
        let mut held = self.held.lock();
        for told in told {
            hashes.extend(held.put(told, &mut batch));
        }
        batch.put(FAMILY, key(TARGET, &group.0.to_be_bytes()), hashes);
        self.store.write(batch)
    }

    /// Forgets the target of `group`.
    pub(crate) fn forget(&self, group: GroupKey) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.delete(FAMILY, key(TARGET, &group.0.to_be_bytes()));
        self.store.write(batch)
    }

    /// Remembers what was pushed.
    pub(crate) fn push(&self, told: Vec<MetricMetadata>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        let mut held = self.held.lock();
        for told in told {
            let (metric, metadata) = &told;
            let known = held.pushed.get(metric);
            let is_new = known.is_none() && held.pushed.len() < MAX_PUSHED;
            if is_new || known.is_some_and(|known| known != metadata) {
                let hash = held.put(&told, &mut batch);
                batch.put(FAMILY, key(PUSHED, metric.as_bytes()), hash);
                held.pushed.insert(told.0, told.1);
            }
        }
        match batch.is_empty() {
            true => Ok(()),
            false => self.store.write(batch),
        }
    }

    /// All that was pushed, by metric.
    pub(crate) fn pushed(&self) -> Vec<MetricMetadata> {
        let held = self.held.lock();
        held.pushed.clone().into_iter().collect()
    }
}

impl Held {
    /// Stores a text if it is not stored yet, and gives its hash.
    fn put(&mut self, told: &MetricMetadata, batch: &mut Batch) -> Hash {
        let text = encoded(told).encode_to_vec();
        let hash = xxh3_128(&text).to_be_bytes();
        if self.texts.insert(hash) {
            batch.put(FAMILY, key(TEXT, &hash), text);
        }
        hash
    }
}

fn key(tag: u8, rest: &[u8]) -> Vec<u8> {
    [&[tag], rest].concat()
}

/// The message of what is told of a metric; without who tells it.
pub(crate) fn encoded((metric, metadata): &MetricMetadata) -> v1::MetricMetadata {
    v1::MetricMetadata {
        metric: metric.clone(),
        r#type: metadata.metric_type.as_str().to_owned(),
        help: metadata.help.clone(),
        unit: metadata.unit.clone(),
        target: None,
    }
}

/// What a message tells of a metric.
pub(crate) fn decoded(told: v1::MetricMetadata) -> MetricMetadata {
    let metadata = Metadata {
        metric_type: proto::metric_type(&told.r#type),
        help: told.help,
        unit: told.unit,
    };
    (told.metric, metadata)
}

#[cfg(test)]
mod tests {
    use model::MetricType;
    use tsdb::MemoryStore;

    use super::*;

    fn told(metric: &str, help: &str) -> MetricMetadata {
        let metadata = Metadata {
            metric_type: MetricType::Counter,
            help: help.to_owned(),
            unit: String::new(),
        };
        (metric.to_owned(), metadata)
    }

    #[test]
    fn what_was_told_is_found_again() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let open = || Told::open(Arc::clone(&store)).unwrap();
        let (a, b) = (GroupKey(1), GroupKey(2));
        let now = open();
        assert_eq!(now.take(a), None);
        now.save(a, &[told("x", "X."), told("y", "Y.")].map(Arc::new))
            .unwrap();
        now.save(b, &[Arc::new(told("x", "X."))]).unwrap();
        now.save(a, &[Arc::new(told("x", "X."))]).unwrap();
        now.push(vec![told("p", "P."), told("q", "Q.")]).unwrap();
        now.push(vec![told("p", "Another.")]).unwrap();
        now.forget(b).unwrap();

        let again = open();
        assert_eq!(again.take(a), Some(vec![told("x", "X.")]));
        assert_eq!(again.take(b), None);
        assert_eq!(again.pushed(), [told("p", "Another."), told("q", "Q.")]);
        // Texts that nobody tells any more are gone.
        let n_texts = store
            .scan(FAMILY, KeyRange::prefix(&[TEXT]))
            .unwrap()
            .count();
        assert_eq!(n_texts, 3);
    }
}
