//! What the parts of one ingester share.
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use model::{Exemplar, GroupKey, Labels, NodeId, Outcome, Stamp, Timestamp};
use proto::v1::MemberState;
use runtime::{Cluster, Components, Offload};
use tokio::sync::{Semaphore, watch};
use tracing::{debug, error, info};
use tsdb::{Exemplars, Kind, Tsdb, TsdbError};

use crate::{
    limits::{Gate, Limits, Refusal},
    metrics::{Metrics, Reason},
    open::Opened,
    scrape::{Buffers, Extras, Targets},
    snapshots::Snapshots,
};

/// The database, the cluster as it is known, and the rest that scraping and answering need alike.
pub(crate) struct Shared {
    pub(crate) components: Components,
    pub(crate) db: Tsdb,
    pub(crate) metrics: Metrics,
    pub(crate) targets: Targets,
    pub(crate) buffers: Arc<Buffers>,
    /// None if exemplars are not stored.
    pub(crate) exemplars: Option<Exemplars>,
    /// What is looked at on pages besides samples.
    pub(crate) extras: Extras,
    /// Where snapshots are made.
    pub(crate) snapshots: Snapshots,
    /// Pages are read by as many threads as there are cores: more would only hold more pages in memory.
    pub(crate) cores: Semaphore,
    pub(crate) cluster: watch::Receiver<Arc<Cluster>>,
    /// Each row is made durable at once.
    pub(crate) sync_each: bool,
    /// Where new series are counted against the limits.
    pub(crate) gate: Gate,
    /// The own number; 0 before the first join.
    node: AtomicU32,
    /// The last epoch that a former process knew.
    former_epoch: u64,
    /// True while the store takes no rows.
    store_fails: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        components: Components,
        metrics: Metrics,
        cluster: watch::Receiver<Arc<Cluster>>,
        opened: Opened,
        (sync_each, extras, limits): (bool, Extras, Limits),
    ) -> Self {
        let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            components,
            db: opened.db,
            metrics,
            targets: opened.targets,
            buffers: Arc::default(),
            exemplars: opened.exemplars,
            extras,
            snapshots: opened.snapshots,
            cores: Semaphore::new(n_cores),
            cluster,
            sync_each,
            gate: Gate::new(limits),
            node: AtomicU32::new(opened.former.node.0),
            former_epoch: opened.former.epoch,
            store_fails: AtomicBool::new(false),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.components.clock.now()
    }

    pub(crate) fn offload(&self) -> Offload {
        self.components.offload
    }

    pub(crate) fn node(&self) -> NodeId {
        NodeId(self.node.load(Ordering::Relaxed))
    }

    pub(crate) fn set_node(&self, node: NodeId) {
        self.node.store(node.0, Ordering::Relaxed);
    }

    /// The newest epoch that is known, also from before a restart.
    pub(crate) fn epoch(&self) -> u64 {
        self.cluster.borrow().epoch.max(self.former_epoch)
    }

    /// The stamp of a row that is made now.
    pub(crate) fn stamp(&self, outcome: Outcome, rank: u8) -> Stamp {
        Stamp {
            outcome,
            epoch: self.epoch(),
            rank,
            node: self.node(),
        }
    }

    /// Keeps at most `max` exemplars from now on; the oldest go first.
    pub(crate) fn resize_exemplars(&self, max: i64) -> Result<(), TsdbError> {
        let max = usize::try_from(max).unwrap_or(0);
        let exemplars = self.exemplars.as_ref();
        exemplars.map_or(Ok(()), |exemplars| exemplars.resize(max))
    }

    /// Stores exemplars, if they are stored here; what is wrong with them, or with the store, is counted alone.
    pub(crate) fn store_exemplars(&self, given: impl IntoIterator<Item = (Labels, Exemplar)>) {
        let Some(exemplars) = &self.exemplars else {
            return;
        };
        match exemplars.add(given) {
            Ok(added) => {
                self.metrics.exemplars.inc_by(added.n_stored);
                self.metrics
                    .out_of_order_exemplars
                    .inc_by(added.n_out_of_order);
            }
            Err(error) => {
                self.metrics.storage_failures.inc();
                debug!(error = %runtime::Chain(&error), "exemplars cannot be stored");
            }
        }
    }

    /// Takes note of what became of a row. A store that fails is told of once, and once when it works again.
    pub(crate) fn appended(&self, group: GroupKey, result: &Result<(), TsdbError>) {
        let Err(cause) = result else {
            // The store of a moment ago: a plain load, since nearly every row comes here.
            if self.store_fails.load(Ordering::Relaxed)
                && self.store_fails.swap(false, Ordering::Relaxed)
            {
                info!("rows are stored again");
            }
            return;
        };
        self.metrics.append_failures.inc();
        let error = runtime::Chain(cause);
        if cause.kind() == Kind::Invalid {
            debug!(%group, %error, "a row was refused");
        } else if !self.store_fails.swap(true, Ordering::Relaxed) {
            error!(%group, %error, "rows cannot be stored");
        }
    }

    /// Counts a series that was refused.
    pub(crate) fn refused(&self, refusal: Refusal) {
        let reason = refusal.reason();
        let refused = &self.metrics.refused_series;
        refused.get_or_create(&Reason { reason }).inc();
    }

    /// The own rank for a group by the map that holds now; 0 where there is none.
    pub(crate) fn rank(&self, key: GroupKey) -> u8 {
        let cluster = self.cluster.borrow();
        let rank = cluster
            .map()
            .and_then(|map| map.rank(key.shard(), self.node()));
        rank.unwrap_or(0)
    }

    /// True if the map of `epoch` is known and gives the group to this ingester.
    pub(crate) fn is_own(&self, key: GroupKey, epoch: u64) -> bool {
        let cluster = self.cluster.borrow();
        let map = cluster.map().filter(|_| cluster.epoch == epoch);
        map.is_some_and(|map| map.rank(key.shard(), self.node()).is_some())
    }

    /// True if this ingester, which has `rank` for the group, is the one to write its end: no live replica comes before it.
    pub(crate) fn ends_targets(&self, key: GroupKey, rank: u8) -> bool {
        let cluster = self.cluster.borrow();
        let Some(map) = cluster.map() else {
            return rank == 0;
        };
        let is_active = |node: NodeId| {
            let member = cluster.members.iter().find(|m| m.node == node.0);
            member.is_some_and(|m| m.state() == MemberState::Active)
        };
        let mut replicas = map.replicas(key.shard());
        let first = replicas.find(|node| *node == self.node() || is_active(*node));
        first.map_or(rank == 0, |first| first == self.node())
    }
}
