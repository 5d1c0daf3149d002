//! Alerting rules: from a query's result at one time to the state of each alert.
//!
//! ```text
//! inactive ── in the result ──> pending ── for `for` ──> firing ── not in the result ──> resolved
//!                                  └── not in the result: gone      (kept for `keep_firing_for`, told for 15 min)
//! ```
//!
//! Source: Prometheus, `rules/alerting.go`.
use std::collections::{BTreeMap, BTreeSet};

use model::{Labels, METRIC_NAME, Millis, Sample, Timestamp};

use template::{ALERT_DEFINITIONS, Context, QueryResult, Template, TemplateError, Value};

/// The label with the alert's name.
pub const ALERT_NAME: &str = "alertname";
/// The series that tell which alerts are pending or firing.
pub const ALERTS: &str = "ALERTS";
/// The series from which `for` is restored: the time since when an alert is active, in seconds.
pub const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";
/// How long a resolved alert is told to Alertmanager.
const RESOLVED_RETENTION: Millis = Millis::from_seconds(15 * 60);

/// An alerting rule whose templates parse.
#[derive(Clone, Debug)]
pub struct AlertRule {
    /// The alert's name.
    pub name: String,
    /// The query.
    pub expr: String,
    /// How long an alert must be in the result before it fires.
    pub hold: Millis,
    /// How long a firing alert stays firing after it left the result.
    pub keep_firing_for: Millis,
    /// Names and templates of labels.
    pub labels: Vec<(String, Template)>,
    /// Names and templates of annotations.
    pub annotations: Vec<(String, Template)>,
}

impl AlertRule {
    /// Parses `text` as the template of a label or an annotation.
    ///
    /// # Errors
    /// [`TemplateError`]
    pub fn template(name: &str, text: &str) -> Result<Template, TemplateError> {
        Template::parse(name, &format!("{ALERT_DEFINITIONS}{text}"))
    }
}

/// How an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// It was firing and has been resolved.
    Inactive,
    /// It is in the result, but not for long enough.
    Pending,
    /// It fires.
    Firing,
}

impl AlertState {
    /// The name in the API and in the label `alertstate`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// One alert of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its labels, the alert's name among them.
    pub labels: Labels,
    /// Its annotations.
    pub annotations: Labels,
    /// How it is.
    pub state: AlertState,
    /// The value in the result.
    pub value: f64,
    /// Since when it is in the result.
    pub active_at: Timestamp,
    /// Since when it fires.
    pub fired_at: Option<Timestamp>,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<Timestamp>,
    /// When Alertmanager was last told.
    pub last_sent_at: Option<Timestamp>,
}

impl Alert {
    fn pending(labels: Labels, annotations: Labels, value: f64, at: Timestamp) -> Self {
        Self {
            labels,
            annotations,
            state: AlertState::Pending,
            value,
            active_at: at,
            fired_at: None,
            resolved_at: None,
            keep_firing_since: None,
            last_sent_at: None,
        }
    }

    /// True if Alertmanager has to be told at `now`.
    pub fn needs_sending(&self, now: Timestamp, resend_delay: Millis) -> bool {
        match (self.state, self.last_sent_at) {
            (AlertState::Pending, _) => false,
            (_, None) => true,
            // Resolved since it was told last.
            (_, Some(sent)) if self.resolved_at.is_some_and(|resolved| resolved > sent) => true,
            (_, Some(sent)) => sent + resend_delay < now,
        }
    }
}

/// Why a rule could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The query failed.
    #[error("{0}")]
    Query(String),
    /// Two series give one alert.
    #[error("vector contains metrics with the same labelset after applying {0} labels")]
    SameLabels(&'static str),
    /// More alerts or series than the group allows.
    #[error("exceeded limit of {limit} with {got} {what}")]
    Limit {
        /// As configured.
        limit: usize,
        /// As found.
        got: usize,
        /// Alerts or series.
        what: &'static str,
    },
}

/// The alerts of one rule between evaluations.
#[derive(Clone, Debug, Default)]
pub struct Alerts {
    active: BTreeMap<Labels, Alert>,
}

/// What templates reach besides a rule's own result.
pub struct Surroundings<'a> {
    /// The labels of the whole system.
    pub external_labels: &'a Labels,
    /// Time, address and queries.
    pub context: Context<'a>,
}

impl Alerts {
    /// The alerts, sorted by their labels.
    pub fn iter(&self) -> impl Iterator<Item = &Alert> {
        self.active.values()
    }

    /// The alerts, to note that they were sent or since when they are active.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Alert> {
        self.active.values_mut()
    }

    /// Takes in an alert that another ruler left firing and that is not in the result now.
    pub fn adopt_firing(&mut self, labels: Labels, active_at: Timestamp, now: Timestamp) {
        let alert = Alert::pending(labels.clone(), Labels::empty(), f64::NAN, active_at);
        self.active.entry(labels).or_insert(Alert {
            state: AlertState::Firing,
            fired_at: Some(active_at),
            keep_firing_since: Some(now),
            ..alert
        });
    }

    /// True if there is an alert of these labels.
    pub fn contains(&self, labels: &Labels) -> bool {
        self.active.contains_key(labels)
    }

    /// Moves the alerts on to `now`, where the rule's query gave `result`.
    ///
    /// # Errors
    /// [`EvaluationError::SameLabels`] and [`EvaluationError::Limit`] (`limit` 0: none); the latter clears the alerts.
    pub fn evaluate(
        &mut self,
        rule: &AlertRule,
        now: Timestamp,
        result: &QueryResult,
        limit: usize,
        surroundings: &Surroundings<'_>,
    ) -> Result<(), EvaluationError> {
        let mut present = BTreeSet::new();
        let mut fresh = Vec::new();
        for (labels, sample) in result {
            let alert = instantiate(rule, labels, *sample, now, surroundings);
            if !present.insert(alert.labels.clone()) {
                return Err(EvaluationError::SameLabels("alert"));
            }
            fresh.push(alert);
        }
        for alert in fresh {
            match self.active.get_mut(&alert.labels) {
                Some(known) if known.state != AlertState::Inactive => {
                    known.value = alert.value;
                    known.annotations = alert.annotations;
                    known.keep_firing_since = None;
                }
                _ => drop(self.active.insert(alert.labels.clone(), alert)),
            }
        }
        self.active.retain(|labels, alert| {
            let keep = present.contains(labels) || leave(alert, rule, now);
            if alert.state == AlertState::Pending && now - alert.active_at >= rule.hold {
                alert.state = AlertState::Firing;
                alert.fired_at = Some(now);
            }
            keep
        });
        let n_active = self
            .iter()
            .filter(|a| a.state != AlertState::Inactive)
            .count();
        if limit > 0 && n_active > limit {
            self.active.clear();
            return Err(EvaluationError::Limit {
                limit,
                got: n_active,
                what: "alerts",
            });
        }
        Ok(())
    }

    /// The series that tell of the alerts at `now`: `ALERTS` and `ALERTS_FOR_STATE`.
    pub fn samples(&self, now: Timestamp) -> QueryResult {
        let mut samples = Vec::new();
        for alert in self.iter().filter(|a| a.state != AlertState::Inactive) {
            let mut labels = alert.labels.to_builder();
            labels.set(METRIC_NAME, ALERTS_FOR_STATE);
            let value = alert.active_at.as_millis().div_euclid(1000) as f64;
            samples.push((labels.build(), Sample { at: now, value }));
            labels
                .set(METRIC_NAME, ALERTS)
                .set("alertstate", alert.state.as_str());
            samples.push((
                labels.build(),
                Sample {
                    at: now,
                    value: 1.0,
                },
            ));
        }
        samples
    }
}

/// Moves on an alert that is not in the result; false if it is to be forgotten.
fn leave(alert: &mut Alert, rule: &AlertRule, now: Timestamp) -> bool {
    if alert.state == AlertState::Firing && rule.keep_firing_for > Millis::ZERO {
        let since = *alert.keep_firing_since.get_or_insert(now);
        if now - since < rule.keep_firing_for {
            return true;
        }
    }
    if alert.state == AlertState::Pending {
        return false;
    }
    if alert.state != AlertState::Inactive {
        alert.state = AlertState::Inactive;
        alert.resolved_at = Some(now);
    }
    alert
        .resolved_at
        .is_some_and(|resolved| now - resolved <= RESOLVED_RETENTION)
}

/// The alert that a series of the result stands for.
fn instantiate(
    rule: &AlertRule,
    labels: &Labels,
    sample: Sample,
    now: Timestamp,
    surroundings: &Surroundings<'_>,
) -> Alert {
    let data = Value::map([
        ("Labels", Value::of_labels(labels)),
        (
            "ExternalLabels",
            Value::of_labels(surroundings.external_labels),
        ),
        (
            "ExternalURL",
            Value::Text(surroundings.context.external_url.to_owned()),
        ),
        ("Value", Value::Float(sample.value)),
    ]);
    let expand = |template: &Template| match template.execute(&data, &surroundings.context) {
        Ok(text) => text,
        Err(error) => {
            tracing::warn!(alert = rule.name, %error, "expanding a template failed");
            format!("<error expanding template: {error}>")
        }
    };
    let mut own = labels.to_builder();
    own.remove(METRIC_NAME);
    for (name, template) in &rule.labels {
        own.set(name, &expand(template));
    }
    own.set(ALERT_NAME, &rule.name);
    let annotations = rule.annotations.iter();
    let annotations = annotations
        .map(|(name, template)| (name, expand(template)))
        .collect();
    Alert::pending(own.build(), annotations, sample.value, now)
}

#[cfg(test)]
mod tests;
