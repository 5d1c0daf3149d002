//! The groups of the configuration, each on its own grid of time, evaluated where they are placed.
use std::{collections::BTreeMap, sync::Arc};

use model::{GroupKey, Millis, NodeId, Timestamp};
use parking_lot::Mutex;
use proto::v1;
use runtime::{Cluster, Components, Membership, TaskError};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    evaluation::{self, RuleState, World},
    metrics::Metrics,
    metrics::RuleGroup,
    notify::{Notice, Notifier},
    placement::owner,
    rules::{self, Group},
    run::Current,
    write,
};

/// How long Alertmanager is not told again of an alert that has not changed, as Prometheus' flag has it.
const RESEND_DELAY: Millis = Millis::from_seconds(60);

/// What groups need to be evaluated. Clones share it.
#[derive(Clone)]
pub(crate) struct Evaluator {
    /// The outside world.
    pub(crate) components: Components,
    /// The tie to the discoverers.
    pub(crate) membership: Membership,
    /// Where alerts go.
    pub(crate) notifier: Notifier,
    /// Where people reach the querier.
    pub(crate) external_url: String,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// How the groups are, for those who ask.
    pub(crate) status: Statuses,
}

/// How each group that this ruler evaluates is. Clones share it.
pub(crate) type Statuses = Arc<Mutex<BTreeMap<GroupKey, GroupStatus>>>;

/// How a group is.
#[derive(Clone, Debug)]
pub(crate) struct GroupStatus {
    /// The group.
    pub(crate) group: Arc<Group>,
    /// Its rules' states, in their order.
    pub(crate) rules: Vec<RuleState>,
    /// Its last evaluation; none: never.
    pub(crate) at: Option<Timestamp>,
    /// How long that took.
    pub(crate) took: std::time::Duration,
}

/// Evaluates the groups of the configuration of the time, until `stop`.
///
/// # Errors
/// None: what is wrong with a group is told where it is asked for.
pub(crate) async fn run(
    evaluator: Evaluator,
    mut config: watch::Receiver<Arc<Current>>,
    stop: CancellationToken,
) -> Result<(), TaskError> {
    let mut running: BTreeMap<GroupKey, (Arc<Group>, CancellationToken)> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    loop {
        let now = config.borrow_and_update().clone();
        let wanted: BTreeMap<GroupKey, Arc<Group>> = match rules::groups(&now.config) {
            Ok(groups) => groups.into_iter().map(|g| (g.key, Arc::new(g))).collect(),
            Err(error) => {
                error!(%error, "the rules of the configuration are left out");
                BTreeMap::new()
            }
        };
        // A group that did not change goes on undisturbed, alerts and all.
        let same = |key: &GroupKey, known: &Group| {
            wanted
                .get(key)
                .is_some_and(|g| g.written == known.written && g.interval == known.interval)
        };
        running.retain(|key, (group, stop)| {
            let keep = same(key, group);
            if !keep {
                stop.cancel();
            }
            keep
        });
        for (key, group) in wanted {
            running.entry(key).or_insert_with(|| {
                let child = stop.child_token();
                let runner = Runner {
                    evaluator: evaluator.clone(),
                    group: Arc::clone(&group),
                    config: config.clone(),
                    stop: child.clone(),
                };
                tasks.spawn(runner.run());
                (group, child)
            });
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            changed = config.changed() => if changed.is_err() { break },
            Some(_) = tasks.join_next() => {}
        }
    }
    // Evaluations under way see their token and end.
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// One group's task.
struct Runner {
    evaluator: Evaluator,
    group: Arc<Group>,
    /// Of which an evaluation takes the external labels and what becomes of alerts.
    config: watch::Receiver<Arc<Current>>,
    stop: CancellationToken,
}

impl Runner {
    async fn run(self) {
        let clock = Arc::clone(&self.evaluator.components.clock);
        let (key, interval) = (self.group.key, self.group.interval);
        let mut rules = self.fresh();
        let mut next = key.slot_at_or_after(clock.now(), interval);
        loop {
            let wait = next - clock.now();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(wait.to_std()) => {}
            }
            if self.is_mine() {
                self.evaluate(&mut rules, next).await;
                if self.stop.is_cancelled() {
                    break;
                }
            } else if self.evaluator.status.lock().remove(&key).is_some() {
                info!(
                    group = self.group.written.name,
                    "the group is evaluated elsewhere now"
                );
                rules = self.fresh();
                self.count();
            }
            let missed = (clock.now() - next).as_millis() / interval.as_millis();
            if missed > 0 {
                self.evaluator
                    .metrics
                    .iterations_missed
                    .inc_by(missed as u64);
            }
            next = key.slot_at_or_after(clock.now().max(next + Millis::new(1)), interval);
        }
        let was_mine = self.evaluator.status.lock().remove(&key).is_some();
        self.count();
        // A group that was taken out of the configuration ends its series; at a shutdown another ruler goes on.
        if was_mine && self.is_mine() && !self.is_configured() {
            self.end(rules, clock.now()).await;
        }
    }

    fn fresh(&self) -> Vec<RuleState> {
        vec![RuleState::default(); self.group.rules.len()]
    }

    fn count(&self) {
        let (n_groups, is_here) = {
            let status = self.evaluator.status.lock();
            (status.len(), status.contains_key(&self.group.key))
        };
        let metrics = &self.evaluator.metrics;
        metrics.groups.set(n_groups as i64);
        let written = &self.group.written;
        let label = RuleGroup {
            rule_group: format!("{};{}", written.file, written.name),
        };
        match is_here {
            true => {
                let n_rules = written.rules.len() as i64;
                metrics.rules.get_or_create(&label).set(n_rules);
            }
            false => drop(metrics.rules.remove(&label)),
        }
    }

    /// True if this ruler is the group's, and its lease says that the others think so too.
    fn is_mine(&self) -> bool {
        let membership = &self.evaluator.membership;
        let node = *membership.node().borrow();
        let cluster = membership.cluster().borrow().clone();
        membership.is_leased() && node.is_some() && owner(self.group.key, rulers(&cluster)) == node
    }

    fn is_configured(&self) -> bool {
        let cluster = self.evaluator.membership.cluster().borrow().clone();
        let config = cluster
            .config
            .as_ref()
            .map(|c| runtime::read_config(&runtime::bundle_of(c)));
        let Some(Ok(config)) = config else {
            return true;
        };
        let same = |g: &config::RuleGroup| {
            g.file == self.group.written.file && g.name == self.group.written.name
        };
        config.rule_groups.iter().any(same)
    }

    fn world<'w>(&'w self, current: &'w Current) -> World<'w> {
        World {
            cluster: self.evaluator.membership.cluster(),
            channels: &self.evaluator.components.channels,
            external_labels: &current.config.global.external_labels,
            external_url: &self.evaluator.external_url,
            metrics: &self.evaluator.metrics,
        }
    }

    async fn evaluate(&self, rules: &mut [RuleState], at: Timestamp) {
        let began = Instant::now();
        let current = Arc::clone(&self.config.borrow());
        let world = self.world(&current);
        for (rule, state) in self.group.rules.iter().zip(rules.iter_mut()) {
            if self.stop.is_cancelled() {
                return;
            }
            evaluation::evaluate(&self.group, rule, state, at, &world).await;
            let due = evaluation::to_send(state, at, RESEND_DELAY, self.group.interval);
            let notices = due.iter().filter_map(|(alert, ends_at)| {
                Notice::new(
                    alert,
                    *ends_at,
                    rule.expr(),
                    &self.evaluator.external_url,
                    world.external_labels,
                    &current.config.alerting.relabel,
                )
            });
            self.evaluator.notifier.notify(notices.collect());
        }
        let took = began.elapsed();
        self.evaluator.metrics.iterations.inc();
        self.evaluator
            .metrics
            .iteration_seconds
            .observe(took.as_secs_f64());
        let status = GroupStatus {
            group: Arc::clone(&self.group),
            rules: rules.to_vec(),
            at: Some(at),
            took,
        };
        self.evaluator.status.lock().insert(self.group.key, status);
        self.count();
    }

    /// Marks every series that the group's rules gave as gone.
    async fn end(&self, rules: Vec<RuleState>, now: Timestamp) {
        let markers = rules
            .into_iter()
            .flat_map(|rule| rule.given.end(now))
            .collect();
        let cluster = self.evaluator.membership.cluster().borrow().clone();
        let written = write::write(&markers, &cluster, &self.evaluator.components.channels).await;
        if let Err(error) = written {
            error!(group = self.group.written.name, %error, "the series of a removed group were not ended");
        }
    }
}

/// The rulers that may evaluate.
fn rulers(cluster: &Cluster) -> impl Iterator<Item = NodeId> {
    cluster
        .members_of(v1::Role::Ruler)
        .filter(|m| m.state() == v1::MemberState::Active)
        .map(|m| NodeId(m.node))
}
