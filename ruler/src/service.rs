//! The state of rules and alerts over gRPC, for the querier's API.
use model::Timestamp;
use proto::v1::{self, ruler_server::Ruler};
use tonic::{Request, Response, Status};

use crate::{
    alert::{Alert, AlertRule, AlertState},
    evaluation::RuleState,
    groups::{GroupStatus, Statuses},
    rules::Rule,
};

/// The service over the groups' statuses.
pub(crate) struct Service {
    /// How each group is.
    pub(crate) status: Statuses,
}

#[tonic::async_trait]
impl Ruler for Service {
    async fn rules(
        &self,
        _: Request<v1::RulesRequest>,
    ) -> Result<Response<v1::RulesResponse>, Status> {
        let groups = self.status.lock().values().map(group).collect();
        Ok(Response::new(v1::RulesResponse { groups }))
    }
}

fn group(status: &GroupStatus) -> v1::RuleGroup {
    let group = &status.group;
    v1::RuleGroup {
        name: group.written.name.clone(),
        file: group.written.file.clone(),
        interval_seconds: group.interval.as_seconds(),
        limit: group.limit as u64,
        rules: group
            .rules
            .iter()
            .zip(&status.rules)
            .map(|(r, s)| rule(r, s))
            .collect(),
        evaluation_seconds: status.took.as_secs_f64(),
        last_evaluation_millis: millis(status.at),
    }
}

fn rule(rule: &Rule, state: &RuleState) -> v1::Rule {
    let health = match (&state.health.at, &state.health.error) {
        (None, _) => "unknown",
        (_, None) => "ok",
        (_, Some(_)) => "err",
    };
    let (labels, alerting) = match rule {
        Rule::Record(rule) => (rule.labels.iter().cloned().collect(), None),
        Rule::Alert(rule) => {
            let written = |(name, text): &(String, template::Template)| {
                (name.clone(), text.source().to_owned())
            };
            (
                rule.labels.iter().map(written).collect(),
                Some(alerting(rule, state)),
            )
        }
    };
    let labels: model::Labels = labels;
    v1::Rule {
        name: rule.name().to_owned(),
        query: rule.expr().to_owned(),
        labels: Some((&labels).into()),
        health: health.to_owned(),
        last_error: state.health.error.clone().unwrap_or_default(),
        evaluation_seconds: state.health.took.as_secs_f64(),
        last_evaluation_millis: millis(state.health.at),
        alerting,
    }
}

fn alerting(rule: &AlertRule, state: &RuleState) -> v1::AlertingRule {
    let worst = state
        .alerts
        .iter()
        .map(|a| a.state)
        .max()
        .unwrap_or(AlertState::Inactive);
    let annotations = rule.annotations.iter();
    let annotations: model::Labels = annotations
        .map(|(name, text)| (name, text.source()))
        .collect();
    v1::AlertingRule {
        state: worst.as_str().to_owned(),
        for_seconds: rule.hold.as_seconds(),
        keep_firing_for_seconds: rule.keep_firing_for.as_seconds(),
        annotations: Some((&annotations).into()),
        alerts: state
            .alerts
            .iter()
            .filter(|a| a.state != AlertState::Inactive)
            .map(alert)
            .collect(),
    }
}

fn alert(alert: &Alert) -> v1::Alert {
    v1::Alert {
        labels: Some((&alert.labels).into()),
        annotations: Some((&alert.annotations).into()),
        state: alert.state.as_str().to_owned(),
        active_at_millis: alert.active_at.as_millis(),
        value: alert.value,
        keep_firing_since_millis: millis(alert.keep_firing_since),
    }
}

fn millis(at: Option<Timestamp>) -> i64 {
    at.map_or(0, Timestamp::as_millis)
}
