//! One group over time: what it keeps between evaluations, and one evaluation.
use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use model::{Labels, Millis, Timestamp};
use runtime::{Channels, Cluster, WriteError};
use template::{Context, QueryResult};
use tokio::{
    sync::watch,
    time::{Duration, Instant},
};
use tracing::warn;

use crate::{
    alert::{Alert, AlertRule, Alerts, EvaluationError, Surroundings},
    metrics::Metrics,
    query, restore,
    result::{RuleResult, numbers, of_numbers},
    rules::{Group, Rule},
    staleness::Given,
    write,
};

/// Queries within templates of one evaluation; more are refused.
const MAX_TEMPLATE_QUERIES: usize = 100;
/// The pause before a failed write is tried again.
const WRITE_RETRY: Duration = Duration::from_millis(200);

/// How a rule went last.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleHealth {
    /// When; none: never.
    pub(crate) at: Option<Timestamp>,
    /// How long it took.
    pub(crate) took: Duration,
    /// What went wrong, if anything.
    pub(crate) error: Option<String>,
}

/// A rule between evaluations.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleState {
    /// The alerts of an alerting rule.
    pub(crate) alerts: Alerts,
    /// Whether the state of those before has been taken over.
    pub(crate) restored: bool,
    /// The series given last.
    pub(crate) given: Given,
    /// How it went.
    pub(crate) health: RuleHealth,
}

/// The world of an evaluation.
pub(crate) struct World<'a> {
    /// Who is where, now and later.
    pub(crate) cluster: watch::Receiver<Arc<Cluster>>,
    /// Ways there.
    pub(crate) channels: &'a Channels,
    /// The labels of the whole system.
    pub(crate) external_labels: &'a Labels,
    /// Where people reach the querier.
    pub(crate) external_url: &'a str,
    /// What is counted.
    pub(crate) metrics: &'a Metrics,
}

impl World<'_> {
    async fn result(&self, expr: &str, at: Timestamp) -> Result<RuleResult, String> {
        let cluster = self.cluster.borrow().clone();
        query::instant(expr, at, &cluster, self.channels).await
    }

    async fn ask(&self, expr: &str, at: Timestamp) -> Result<QueryResult, String> {
        self.result(expr, at).await.map(numbers)
    }
}

/// Evaluates one rule at `at` and writes what it gives; the alerts to send are in `state` afterwards.
pub(crate) async fn evaluate(
    group: &Group,
    rule: &Rule,
    state: &mut RuleState,
    at: Timestamp,
    world: &World<'_>,
) {
    let began = Instant::now();
    let outcome = samples(group, rule, state, at, world).await;
    let outcome = match outcome {
        Ok(mut samples) => {
            let mut given = state.given.clone();
            samples.extend(given.advance(at - group.query_offset, &samples));
            let written = store(group, &samples, world).await;
            if written.is_ok() {
                state.given = given;
            }
            written.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    world.metrics.evaluations.inc();
    if let Err(error) = &outcome {
        world.metrics.evaluation_failures.inc();
        warn!(
            group = group.written.name,
            rule = rule.name(),
            error,
            "evaluating a rule failed"
        );
    }
    state.health = RuleHealth {
        at: Some(at),
        took: began.elapsed(),
        error: outcome.err(),
    };
}

/// What `rule` gives at `at`.
async fn samples(
    group: &Group,
    rule: &Rule,
    state: &mut RuleState,
    at: Timestamp,
    world: &World<'_>,
) -> Result<RuleResult, EvaluationError> {
    let ask = async |expr: &str, at| {
        let result = world.ask(expr, at).await;
        result.map_err(EvaluationError::Query)
    };
    let looked_at = at - group.query_offset;
    let result = world.result(rule.expr(), looked_at).await;
    let result = result.map_err(EvaluationError::Query)?;
    match rule {
        Rule::Record(rule) => rule.samples(looked_at, result, group.limit),
        Rule::Alert(rule) => {
            let result = numbers(result);
            // The state before is asked for until it is known: guessing would reset `for`.
            let before = match state.restored {
                true => None,
                false => {
                    let [since, seen, firing] = restore::queries(rule);
                    Some([
                        ask(&since, looked_at).await?,
                        ask(&seen, looked_at).await?,
                        ask(&firing, looked_at).await?,
                    ])
                }
            };
            let mut alerts = alerts(group, rule, &state.alerts, at, &result, world).await?;
            if let Some(before) = before {
                restore::restore(&mut alerts, rule, at, &before);
                state.restored = true;
            }
            state.alerts = alerts;
            Ok(of_numbers(state.alerts.samples(looked_at)))
        }
    }
}

type Answers = BTreeMap<String, Result<QueryResult, String>>;

/// The alerts after `known`; queries that templates make are answered between tries.
async fn alerts(
    group: &Group,
    rule: &AlertRule,
    known: &Alerts,
    at: Timestamp,
    result: &QueryResult,
    world: &World<'_>,
) -> Result<Alerts, EvaluationError> {
    let mut answers = Answers::new();
    loop {
        match try_alerts(group, rule, known.clone(), at, result, &answers, world) {
            Ok(alerts) => return alerts,
            Err(asked) => {
                let answer = world.ask(&asked, at).await;
                answers.insert(asked, answer);
            }
        }
    }
}

/// The alerts after `alerts`, or the first query of a template that `answers` does not hold.
fn try_alerts(
    group: &Group,
    rule: &AlertRule,
    mut alerts: Alerts,
    at: Timestamp,
    result: &QueryResult,
    answers: &Answers,
    world: &World<'_>,
) -> Result<Result<Alerts, EvaluationError>, String> {
    let asked = RefCell::new(None);
    let answer = |text: &str| match answers.get(text) {
        Some(answer) => answer.clone(),
        None if answers.len() >= MAX_TEMPLATE_QUERIES => Err(format!(
            "more than {MAX_TEMPLATE_QUERIES} queries in templates"
        )),
        None => {
            asked.borrow_mut().get_or_insert_with(|| text.to_owned());
            Ok(Vec::new())
        }
    };
    let surroundings = Surroundings {
        external_labels: world.external_labels,
        context: Context {
            now: at,
            external_url: world.external_url,
            query: &answer,
        },
    };
    let evaluated = alerts.evaluate(rule, at, result, group.limit, &surroundings);
    match asked.into_inner() {
        None => Ok(evaluated.map(|()| alerts)),
        Some(text) => Err(text),
    }
}

/// Writes `samples` until they are stored or the next evaluation is due.
async fn store(group: &Group, samples: &RuleResult, world: &World<'_>) -> Result<(), WriteError> {
    if samples.is_empty() {
        return Ok(());
    }
    let deadline = Instant::now() + group.interval.to_std();
    loop {
        let cluster = world.cluster.borrow().clone();
        match write::write(samples, &cluster, world.channels).await {
            Ok(written) => {
                if written.n_refused > 0 {
                    warn!(
                        group = group.written.name,
                        n_refused = written.n_refused,
                        reason = written.reason,
                        "samples of a rule were refused"
                    );
                }
                world.metrics.samples.inc_by(samples.len() as u64);
                return Ok(());
            }
            Err(error) if Instant::now() + WRITE_RETRY >= deadline => return Err(error),
            Err(_) => {
                world.metrics.write_retries.inc();
                tokio::time::sleep(WRITE_RETRY).await;
            }
        }
    }
}

/// The alerts that Alertmanager has to be told of at `at`; they count as sent.
pub(crate) fn to_send(
    state: &mut RuleState,
    at: Timestamp,
    resend_delay: Millis,
    interval: Millis,
) -> Vec<(Alert, Timestamp)> {
    // Four rounds without news let an alert end by itself.
    let valid_until = at + Millis::new(4 * interval.max(resend_delay).as_millis());
    let due = state
        .alerts
        .iter_mut()
        .filter(|alert| alert.needs_sending(at, resend_delay));
    due.map(|alert| {
        alert.last_sent_at = Some(at);
        (alert.clone(), alert.resolved_at.unwrap_or(valid_until))
    })
    .collect()
}
