//! Which targets are this ingester's: followed from the leader, remembered, and handed to the pool.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{GroupKey, NodeId};
use proto::v1::{self, unassignment::Reason};
use runtime::Discoverers;
use tokio::sync::{mpsc, watch};
use tonic::{Code, Status};
use tracing::{debug, info, warn};

use crate::{
    saved::{Saved, upsert},
    scrape::Change,
    shared::Shared,
};

/// The pause before the leader is asked again.
const RETRY: Duration = Duration::from_millis(500);

/// The targets as they were last told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assignment {
    targets: BTreeMap<GroupKey, Change>,
    /// The newest that was told with them.
    epoch: u64,
}

impl Assignment {
    /// The assignment that `targets` make.
    pub(crate) fn new(targets: &[Change]) -> Self {
        let mut assignment = Self::default();
        assignment.take(targets);
        assignment
    }

    /// What `delta` changes; what it only repeats is left out.
    ///
    /// `is_own` tells whether a group falls to this ingester now: a full set does not say why a target is not in it,
    /// but one that would be here if there were one is no more.
    pub(crate) fn changes(
        &mut self,
        delta: &v1::AssignmentDelta,
        is_own: impl Fn(GroupKey) -> bool,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        // Of targets with equal keys, which share a group, the last is the one.
        let named: BTreeMap<_, _> = delta.upserts.iter().map(|a| (GroupKey(a.key), a)).collect();
        for (key, assignment) in &named {
            match upsert(assignment) {
                Ok(change) if self.targets.get(key) == Some(&change) => {}
                Ok(change) => changes.push(change),
                Err(error) => {
                    let error = runtime::Chain(&error);
                    warn!(group = %key, %error, "a target cannot be taken");
                }
            }
        }
        for unassigned in &delta.removes {
            let key = GroupKey(unassigned.key);
            changes.push(match unassigned.reason() {
                Reason::Moved => Change::Moved(key),
                Reason::Removed => Change::Removed(key),
            });
        }
        if is_set(delta) {
            let told: BTreeSet<_> = delta.removes.iter().map(|r| GroupKey(r.key)).collect();
            let of_whole_job = |held: &Change| match held {
                Change::Upsert { target, .. } => {
                    let all = &delta.all_jobs;
                    let is_none = !all.is_empty() && !all.contains(&target.job);
                    is_none || delta.whole_jobs.contains(&target.job)
                }
                Change::Moved(_) | Change::Removed(_) => false,
            };
            let held = self.targets.iter();
            let gone = held
                .filter(|(key, _)| !named.contains_key(key) && !told.contains(key))
                .filter(|(_, held)| delta.full || of_whole_job(held));
            changes.extend(gone.map(|(key, _)| match is_own(*key) {
                true => Change::Removed(*key),
                false => Change::Moved(*key),
            }));
        }
        self.take(&changes);
        changes
    }

    fn take(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Upsert { key, .. } => drop(self.targets.insert(*key, change.clone())),
                Change::Moved(key) | Change::Removed(key) => drop(self.targets.remove(key)),
            }
        }
    }
}

/// True if `delta` takes away what it does not name, of all jobs or of some.
fn is_set(delta: &v1::AssignmentDelta) -> bool {
    delta.full || !delta.whole_jobs.is_empty()
}

/// Follows the leader's stream, whoever leads, for ever.
pub(crate) async fn follow(
    shared: Arc<Shared>,
    saved: Saved,
    discoverers: Discoverers,
    mut node: watch::Receiver<Option<NodeId>>,
    mut assignment: Assignment,
    to: mpsc::Sender<Vec<Change>>,
) {
    // What is repeated at every try is told once.
    let mut told = String::new();
    loop {
        let own = match node.wait_for(Option::is_some).await {
            Ok(own) => own.unwrap_or_default(),
            Err(_) => return,
        };
        shared.set_node(own);
        let remember = {
            let saved = saved.clone();
            shared.offload().run(move || saved.save_node(own))
        };
        if let Err(error) = remember.await {
            warn!(error = %runtime::Chain(&error), "the own number was not saved");
        }
        tokio::select! {
            biased;
            // Joined anew under another number: its targets are others.
            changed = node.changed() => if changed.is_err() { return },
            ended = stream(&shared, &saved, &discoverers, own, &mut assignment, &to) => {
                match ended.code() {
                    Code::Unavailable | Code::FailedPrecondition => debug!(error = ended.message(), "the assignment stream ended"),
                    _ if ended.message() == told => {}
                    _ => {
                        ended.message().clone_into(&mut told);
                        warn!(error = told, "the assignment stream ended");
                    }
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Takes in one stream; gives why it ended. It ends with a whole set that is older than what is known: nothing of it is taken.
async fn stream(
    shared: &Shared,
    saved: &Saved,
    discoverers: &Discoverers,
    node: NodeId,
    assignment: &mut Assignment,
    to: &mpsc::Sender<Vec<Change>>,
) -> Status {
    let request = v1::AssignmentsRequest { node: node.0 };
    let opened = discoverers
        .on_leader(move |mut client| async move { client.assignments(request).await })
        .await;
    let mut deltas = match opened {
        Ok(answer) => answer.into_inner(),
        Err(status) => return status,
    };
    loop {
        let delta = match deltas.message().await {
            Ok(Some(delta)) => delta,
            Ok(None) => return Status::unavailable("the stream ended"),
            Err(status) => return status,
        };
        let known = shared.epoch().max(assignment.epoch);
        if is_set(&delta) && delta.epoch < known {
            // One who was deposed, or restored from of old: what it does not name would all be given up.
            shared.metrics.stale_assignments.inc();
            return Status::aborted(format!(
                "the set of targets is of epoch {}, and {known} is known",
                delta.epoch
            ));
        }
        assignment.epoch = assignment.epoch.max(delta.epoch);
        let changes = assignment.changes(&delta, |key| shared.is_own(key, delta.epoch));
        if changes.is_empty() {
            continue;
        }
        info!(
            n_changes = changes.len(),
            epoch = delta.epoch,
            full = delta.full,
            "targets were assigned"
        );
        let remember = {
            let (saved, changes) = (saved.clone(), changes.clone());
            shared
                .offload()
                .run(move || saved.save_changes(delta.epoch, &changes))
        };
        if let Err(error) = remember.await {
            warn!(error = %runtime::Chain(&error), "the assignment was not saved");
        }
        if to.send(changes).await.is_err() {
            return Status::cancelled("the pool has ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Labels, Millis, Target, TargetSettings};

    use super::*;

    fn sent(instance: &str, rank: u32) -> v1::Assignment {
        let target = Target {
            labels: Labels::from_pairs([("instance", instance)]),
            discovered: Labels::empty(),
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
        v1::Assignment {
            key: target.key().0,
            target: Some((&target).into()),
            rank,
        }
    }

    fn removed(assignment: &v1::Assignment, reason: Reason) -> v1::Unassignment {
        v1::Unassignment {
            key: assignment.key,
            reason: reason.into(),
        }
    }

    #[test]
    fn a_full_set_says_what_is_gone_and_a_delta_why() {
        let mut assignment = Assignment::default();
        let (a, b, c) = (sent("a", 0), sent("b", 0), sent("c", 1));
        let full = |upserts: &[&v1::Assignment]| v1::AssignmentDelta {
            full: true,
            upserts: upserts.iter().map(|a| (*a).clone()).collect(),
            ..Default::default()
        };
        assert_eq!(assignment.changes(&full(&[&a, &b, &c]), |_| false).len(), 3);
        assert_eq!(
            assignment.changes(&full(&[&a, &c]), |_| false),
            [Change::Moved(GroupKey(b.key))]
        );
        assert_eq!(assignment.changes(&full(&[&a, &c]), |_| true), []);
        let delta = v1::AssignmentDelta {
            upserts: vec![sent("c", 0)],
            removes: vec![removed(&a, Reason::Removed)],
            ..Default::default()
        };
        let changes = assignment.changes(&delta, |_| false);
        assert!(matches!(changes[0], Change::Upsert { rank: 0, .. }));
        assert_eq!(changes[1..], [Change::Removed(GroupKey(a.key))]);
        // Of a job's whole set what is not in it is gone; of other jobs nothing is.
        let whole = |job: &str| v1::AssignmentDelta {
            whole_jobs: vec![job.to_owned()],
            all_jobs: vec![job.to_owned(), "a".to_owned()],
            ..Default::default()
        };
        assert_eq!(assignment.changes(&whole("b"), |_| true), []);
        // Nor is there anything of a job that is none.
        let mut none = whole("b");
        none.all_jobs = vec!["b".to_owned()];
        let of_no_job = assignment.clone().changes(&none, |_| true);
        assert_eq!(of_no_job, [Change::Removed(GroupKey(c.key))]);
        let of_job = assignment.clone().changes(&whole("a"), |_| true);
        assert_eq!(of_job, [Change::Removed(GroupKey(c.key))]);
        let own_and_gone = assignment.changes(&full(&[]), |_| true);
        assert_eq!(own_and_gone, [Change::Removed(GroupKey(c.key))]);
    }
}
