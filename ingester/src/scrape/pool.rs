//! The targets that are being scraped: started, changed and ended as assignments and configuration come.
use std::{
    collections::{BTreeMap, HashMap},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use futures::{FutureExt as _, StreamExt as _};
use model::{GroupKey, Target};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::{
    sync::CancellationToken,
    time::{DelayQueue, delay_queue},
};
use tracing::error;

use super::{
    job::Job,
    state::TargetState,
    target::{Plan, end, scrape_slots},
};
use crate::shared::Shared;

/// The scrape jobs by name.
pub(crate) type Jobs = HashMap<String, Arc<Job>>;

/// A change of what is to be scraped.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// A target that is new or not as it was.
    Upsert {
        key: GroupKey,
        target: Target,
        rank: u8,
    },
    /// Another ingester has the target now.
    Moved(GroupKey),
    /// The target is no more: its series end.
    Removed(GroupKey),
}

/// A target that is assigned.
struct Assigned {
    state: Arc<TargetState>,
    /// None while the target's job is not known.
    task: Option<Running>,
}

struct Running {
    plan: watch::Sender<Plan>,
    stop: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// All targets of this ingester.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    jobs: watch::Receiver<Arc<Jobs>>,
    assigned: BTreeMap<GroupKey, Assigned>,
    /// Targets that others have now. Each is scraped for one more interval, since who has it may be told after its
    /// next slot; of two rows for a slot one is kept.
    leaving: HashMap<GroupKey, (Running, delay_queue::Key)>,
    /// When they are left.
    ends: DelayQueue<GroupKey>,
    tasks: JoinSet<()>,
}

impl Pool {
    /// A pool without targets.
    pub(crate) fn new(shared: Arc<Shared>, jobs: watch::Receiver<Arc<Jobs>>) -> Self {
        Self {
            shared,
            jobs,
            assigned: BTreeMap::new(),
            leaving: HashMap::new(),
            ends: DelayQueue::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Scrapes what `changes` say, until `stop`; scrapes under way are given up then.
    pub(crate) async fn run(
        mut self,
        mut changes: mpsc::Receiver<Vec<Change>>,
        stop: CancellationToken,
    ) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Ok(()) = self.jobs.changed() => self.replan(),
                Some(changes) = changes.recv() => {
                    for change in changes {
                        self.apply(change).await;
                    }
                    self.shared.metrics.targets.set(self.assigned.len() as i64);
                }
                Some(left) = self.ends.next() => {
                    self.shared.targets.remove(*left.get_ref());
                    self.leaving.remove(left.get_ref());
                }
                Some(_) = self.tasks.join_next() => {}
            }
        }
        self.assigned.clear();
        self.leaving.clear();
        while self.tasks.join_next().await.is_some() {}
    }

    async fn apply(&mut self, change: Change) {
        match change {
            Change::Upsert { key, target, rank } => {
                let before = self.assigned.get(&key);
                if before.is_some_and(|b| b.state.target == target && b.state.rank == rank) {
                    return;
                }
                let before = before.map(|before| &*before.state);
                let state = Arc::new(TargetState::new(key, target, rank, before));
                self.shared.targets.put(Arc::clone(&state));
                let task = self.assigned.remove(&key).and_then(|before| before.task);
                let task = task.or_else(|| self.come_back(key));
                self.assigned.insert(key, Assigned { state, task });
                self.plan(key);
            }
            Change::Moved(key) => {
                if let Some(Assigned {
                    state,
                    task: Some(task),
                }) = self.assigned.remove(&key)
                {
                    self.shared.targets.leave(key);
                    let end = state.target.settings.interval.to_std();
                    let end = self.ends.insert(key, end);
                    self.leaving.insert(key, (task, end));
                } else if !self.leaving.contains_key(&key) {
                    self.shared.targets.remove(key);
                }
            }
            Change::Removed(key) => {
                drop(self.come_back(key));
                if let Some(Assigned { state, .. }) = self.remove(key)
                    && self.shared.ends_targets(key, state.rank)
                {
                    end(&self.shared, &state).await;
                }
            }
        }
    }

    fn remove(&mut self, key: GroupKey) -> Option<Assigned> {
        self.shared.targets.remove(key);
        self.assigned.remove(&key)
    }

    /// The task of a target that was being left, which it is no more.
    fn come_back(&mut self, key: GroupKey) -> Option<Running> {
        let (task, end) = self.leaving.remove(&key)?;
        self.ends.remove(&end);
        Some(task)
    }

    /// Makes every target go by the newest configuration.
    fn replan(&mut self) {
        let keys: Vec<_> = self.assigned.keys().copied().collect();
        keys.into_iter().for_each(|key| self.plan(key));
    }

    /// Starts the target's task, or tells it what has changed. A target of a job that is not known is not scraped.
    fn plan(&mut self, key: GroupKey) {
        let Some(assigned) = self.assigned.get_mut(&key) else {
            return;
        };
        let Some(job) = self.jobs.borrow().get(&assigned.state.target.job).cloned() else {
            assigned.task = None;
            return;
        };
        let plan = Plan {
            state: Arc::clone(&assigned.state),
            client: job.client(&assigned.state.target),
            request: Arc::new(job.request(&assigned.state.target)),
            job,
        };
        match &assigned.task {
            Some(running) => drop(running.plan.send_replace(plan)),
            None => {
                let (to, plan) = watch::channel(plan);
                let stop = CancellationToken::new();
                let task = guarded(Arc::clone(&self.shared), key, plan, stop.clone());
                self.tasks.spawn(task);
                assigned.task = Some(Running { plan: to, stop });
            }
        }
    }
}

/// Scrapes on when a scrape panics: one target must not take down the others.
async fn guarded(
    shared: Arc<Shared>,
    key: GroupKey,
    plan: watch::Receiver<Plan>,
    stop: CancellationToken,
) {
    loop {
        let task = scrape_slots(Arc::clone(&shared), key, plan.clone(), stop.clone());
        match AssertUnwindSafe(task).catch_unwind().await {
            Ok(()) => return,
            Err(_) => error!(group = %key, "a scrape panicked"),
        }
        // The next try is one slot later, since the slot that failed has passed.
        tokio::task::yield_now().await;
    }
}
