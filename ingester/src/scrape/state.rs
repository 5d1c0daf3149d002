//! What is known of each target: shared by its task, which writes, and by those who ask.
use std::{
    collections::{BTreeMap, HashSet},
    hash::{Hash, Hasher},
    sync::Arc,
};

use model::{GroupKey, Metadata, Target, Timestamp};
use parking_lot::{Mutex, RwLock};
use tracing::warn;

use crate::told::Told;

/// How a target's last scrape went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    /// It was not scraped yet.
    #[default]
    Unknown,
    Up,
    Down,
}

/// The last scrape of a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LastScrape {
    pub(crate) health: Health,
    /// Empty if all is well.
    pub(crate) error: String,
    pub(crate) began: Option<Timestamp>,
    pub(crate) took_seconds: f64,
}

/// Type, help and unit of one metric. Targets of one kind tell the same, so each is held once.
pub(crate) type MetricMetadata = (String, Metadata);

/// One target as others see it.
#[derive(Debug)]
pub(crate) struct TargetState {
    pub(crate) key: GroupKey,
    pub(crate) target: Target,
    pub(crate) rank: u8,
    last: Mutex<LastScrape>,
    metadata: Mutex<Arc<[Arc<MetricMetadata>]>>,
}

impl TargetState {
    /// A target that was not scraped yet; what is known of it as it was `before` stays.
    pub(crate) fn new(key: GroupKey, target: Target, rank: u8, before: Option<&Self>) -> Self {
        Self {
            key,
            target,
            rank,
            last: Mutex::new(before.map(Self::last).unwrap_or_default()),
            metadata: Mutex::new(before.map_or_else(|| [].into(), Self::metadata)),
        }
    }

    pub(crate) fn last(&self) -> LastScrape {
        self.last.lock().clone()
    }

    pub(crate) fn set_last(&self, last: LastScrape) {
        *self.last.lock() = last;
    }

    pub(crate) fn metadata(&self) -> Arc<[Arc<MetricMetadata>]> {
        Arc::clone(&self.metadata.lock())
    }
}

/// All targets of the ingester. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    told: Arc<Told>,
    known: Arc<RwLock<Known>>,
    interned: Arc<Mutex<HashSet<Interned>>>,
}

#[derive(Debug, Default)]
struct Known {
    assigned: BTreeMap<GroupKey, Arc<TargetState>>,
    /// Those that others have now and that are scraped for a while yet.
    leaving: HashSet<GroupKey>,
}

impl Targets {
    /// No targets; what they told before a restart, and what is pushed, is in `told`.
    pub(crate) fn new(told: Told) -> Self {
        Self {
            told: Arc::new(told),
            known: Arc::default(),
            interned: Arc::default(),
        }
    }

    /// What is remembered over a restart.
    pub(crate) fn told(&self) -> &Arc<Told> {
        &self.told
    }

    /// All, in the order of their keys.
    pub(crate) fn all(&self) -> Vec<Arc<TargetState>> {
        self.known.read().assigned.values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.known.read().assigned.len()
    }

    /// How many are scraped, with those that are being left.
    pub(crate) fn n_scraped(&self) -> usize {
        let known = self.known.read();
        known.assigned.len() + known.leaving.len()
    }

    pub(crate) fn put(&self, state: Arc<TargetState>) {
        if let Some(told) = self.told.take(state.key) {
            self.hold(&state, told);
        }
        let mut known = self.known.write();
        known.leaving.remove(&state.key);
        known.assigned.insert(state.key, state);
    }

    pub(crate) fn remove(&self, key: GroupKey) {
        let mut known = self.known.write();
        known.assigned.remove(&key);
        known.leaving.remove(&key);
        drop(known);
        if let Err(error) = self.told.forget(key) {
            warn!(error = %runtime::Chain(&error), "what a target told was not forgotten");
        }
    }

    /// Another ingester has the target now; it is scraped until it is removed.
    pub(crate) fn leave(&self, key: GroupKey) {
        let mut known = self.known.write();
        known.assigned.remove(&key);
        known.leaving.insert(key);
    }

    /// Lets go of metadata that no target tells any more.
    pub(crate) fn prune(&self) {
        self.interned
            .lock()
            .retain(|entry| Arc::strong_count(&entry.0) > 1);
    }

    /// Notes what a target tells of its metrics, for a restart as well.
    pub(crate) fn set_metadata(&self, state: &TargetState, told: Vec<MetricMetadata>) {
        let before = state.metadata();
        if before.iter().map(|told| &**told).eq(&told) {
            return;
        }
        self.hold(state, told);
        if let Err(error) = self.told.save(state.key, &state.metadata()) {
            warn!(error = %runtime::Chain(&error), "what a target tells was not saved");
        }
    }

    fn hold(&self, state: &TargetState, told: Vec<MetricMetadata>) {
        let mut interned = self.interned.lock();
        let mut intern = |told: MetricMetadata| {
            let new = Interned(Arc::new(told));
            let held = interned.get(&new).map(|held| Arc::clone(&held.0));
            held.unwrap_or_else(|| {
                let held = Arc::clone(&new.0);
                interned.insert(new);
                held
            })
        };
        let told = told.into_iter().map(&mut intern).collect();
        *state.metadata.lock() = told;
    }
}

#[derive(Debug)]
struct Interned(Arc<MetricMetadata>);

impl PartialEq for Interned {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Interned {}

impl Hash for Interned {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
