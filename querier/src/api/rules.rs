//! `/rules`, `/alerts` and `/alertmanagers`: what the rulers tell of the groups that they evaluate.
use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use futures::future::join_all;
use model::{Labels, Matcher, Timestamp};
use proto::v1::{self, ruler_client::RulerClient};
use runtime::DiscovererClient;
use tonic::Status;

use super::{Answered, Api, ApiError, Params, Reply, times::rfc3339};
use crate::{
    json::{Fields, Json},
    number::push_exponent,
};

/// The groups by file and name, and what to warn of.
struct Groups {
    groups: Vec<v1::RuleGroup>,
    warnings: Vec<String>,
}

/// Asks every ruler. Two may tell of one group while it moves; the later evaluation counts.
async fn groups(api: &Api) -> Result<Groups, ApiError> {
    let cluster = api.engine.cluster()?;
    let channels = &api.engine.components.channels;
    let ask = |ruler: &v1::Member| {
        let channel = channels.to(&ruler.grpc);
        let name = format!("{} ({})", ruler.id, ruler.grpc);
        async move {
            let asked = async {
                let mut client =
                    RulerClient::new(channel?).max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
                client.rules(v1::RulesRequest {}).await
            };
            let timeout = api.engine.timeout();
            match tokio::time::timeout(timeout, asked).await {
                Ok(Ok(answer)) => Ok(answer.into_inner().groups),
                Ok(Err(status)) => Err(format!("{name}: {}", status.message())),
                Err(_) => Err(format!("{name}: no answer in time")),
            }
        }
    };
    let asked = join_all(cluster.members_of(v1::Role::Ruler).map(ask)).await;
    let mut known: BTreeMap<(String, String), v1::RuleGroup> = BTreeMap::new();
    let mut warnings = Vec::new();
    for answer in asked {
        match answer {
            Ok(groups) => {
                for group in groups {
                    let name = (group.file.clone(), group.name.clone());
                    let is_newer = known.get(&name).is_none_or(|held| {
                        held.last_evaluation_millis < group.last_evaluation_millis
                    });
                    if is_newer {
                        known.insert(name, group);
                    }
                }
            }
            Err(why) => warnings.push(format!("the rules of a ruler are missing: {why}")),
        }
    }
    Ok(Groups {
        groups: known.into_values().collect(),
        warnings,
    })
}

/// What of the rules is asked for.
struct Filter<'p> {
    names: Vec<&'p str>,
    groups: Vec<&'p str>,
    files: Vec<&'p str>,
    selectors: Vec<Vec<Matcher>>,
    /// `alert`, `record` or, for both, empty.
    kind: String,
    with_alerts: bool,
}

impl<'p> Filter<'p> {
    fn of(params: &'p Params) -> Result<Self, ApiError> {
        let kind = params.get("type").to_lowercase();
        if !["", "alert", "record"].contains(&kind.as_str()) {
            return Err(ApiError::bad_parameter(
                "type",
                format!("not supported value \"{kind}\""),
            ));
        }
        let with_alerts = match params.get("exclude_alerts").to_lowercase().as_str() {
            "" | "0" | "f" | "false" => true,
            "1" | "t" | "true" => false,
            other => {
                return Err(ApiError::bad_parameter(
                    "exclude_alerts",
                    format!(
                        "error converting exclude_alerts: strconv.ParseBool: parsing \"{other}\": invalid syntax"
                    ),
                ));
            }
        };
        Ok(Self {
            names: params.all("rule_name[]").collect(),
            groups: params.all("rule_group[]").collect(),
            files: params.all("file[]").collect(),
            selectors: params.selectors()?,
            kind,
            with_alerts,
        })
    }

    fn wants_group(&self, group: &v1::RuleGroup) -> bool {
        (self.groups.is_empty() || self.groups.contains(&group.name.as_str()))
            && (self.files.is_empty() || self.files.contains(&group.file.as_str()))
    }

    fn wants(&self, rule: &v1::Rule) -> bool {
        let kind = match rule.alerting {
            Some(_) => "alert",
            None => "record",
        };
        let labels = labels(&rule.labels);
        (self.names.is_empty() || self.names.contains(&rule.name.as_str()))
            && (self.kind.is_empty() || self.kind == kind)
            && (self.selectors.is_empty()
                || self
                    .selectors
                    .iter()
                    .any(|s| Matcher::all_match(s, &labels)))
    }
}

/// The mark by which a caller asks for the page of groups that begins with `group`.
fn token(group: &v1::RuleGroup) -> String {
    let place = [("file", &group.file), ("group", &group.name)];
    format!("{:016x}", Labels::from_pairs(place).stable_hash())
}

/// How many groups a page has, and where it begins.
fn page(params: &Params) -> Result<(Option<usize>, &str), ApiError> {
    let (limit, next) = (params.get("group_limit"), params.get("group_next_token"));
    if limit.is_empty() {
        return match next.is_empty() {
            true => Ok((None, "")),
            false => Err(ApiError::bad_parameter(
                "group_next_token",
                "group_limit needs to be present in order to paginate over the groups",
            )),
        };
    }
    match limit.parse::<i32>() {
        Ok(limit @ 1..) => Ok((Some(limit as usize), next)),
        Ok(_) => Err(ApiError::bad_parameter(
            "group_limit",
            "group_limit needs to be greater than 0",
        )),
        Err(_) => Err(ApiError::bad_parameter(
            "group_limit",
            format!(
                "group_limit needs to be a valid number: strconv.ParseInt: parsing \"{limit}\": invalid syntax"
            ),
        )),
    }
}

/// `/api/v1/rules`
pub(super) async fn rules(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let filter = Filter::of(&params)?;
    let (limit, next) = page(&params)?;
    let Groups { groups, warnings } = groups(&api).await?;
    let first = match next {
        "" => 0,
        next => groups
            .iter()
            .position(|group| token(group) == next)
            .ok_or_else(|| {
                let why = format!("invalid group_next_token '{next}'. were rule groups changed?");
                ApiError::bad_parameter("group_next_token", why)
            })?,
    };
    let wanted = |group: &&v1::RuleGroup| {
        filter.wants_group(group) && group.rules.iter().any(|rule| filter.wants(rule))
    };
    let mut wanted: Vec<&v1::RuleGroup> = groups[first..].iter().filter(wanted).collect();
    let limit = limit.unwrap_or(usize::MAX);
    let next = wanted.get(limit).map(|group| token(group));
    wanted.truncate(limit);
    let reply = Reply::of(|json| {
        json.object(|fields| {
            fields
                .key("groups")
                .array(wanted, |json, group| write_group(json, group, &filter));
            if let Some(next) = next {
                fields.string("groupNextToken", &next);
            }
        });
    });
    Ok(reply.with_warnings(warnings))
}

fn write_group(json: &mut Json, group: &v1::RuleGroup, filter: &Filter<'_>) {
    json.object(|fields| {
        fields
            .string("name", &group.name)
            .string("file", &group.file);
        let rules = group.rules.iter().filter(|rule| filter.wants(rule));
        fields.key("rules").array(rules, |json, rule| {
            json.object(|fields| write_rule(fields, rule, filter.with_alerts));
        });
        fields
            .number("interval", group.interval_seconds)
            .integer("limit", group.limit as i64)
            .number("evaluationTime", group.evaluation_seconds)
            .string("lastEvaluation", &time(group.last_evaluation_millis));
    });
}

fn write_rule(fields: &mut Fields<'_>, rule: &v1::Rule, with_alerts: bool) {
    if let Some(alerting) = &rule.alerting {
        fields.string("state", &alerting.state);
    }
    fields
        .string("name", &rule.name)
        .string("query", &rule.query);
    if let Some(alerting) = &rule.alerting {
        fields
            .number("duration", alerting.for_seconds)
            .number("keepFiringFor", alerting.keep_firing_for_seconds);
    }
    fields.labels("labels", &labels(&rule.labels));
    if let Some(alerting) = &rule.alerting {
        fields.labels("annotations", &labels(&alerting.annotations));
        let alerts = fields.key("alerts");
        match with_alerts {
            true => alerts.array(&alerting.alerts, write_alert),
            false => alerts.raw("null"),
        }
    }
    fields.string("health", &rule.health);
    if !rule.last_error.is_empty() {
        fields.string("lastError", &rule.last_error);
    }
    let kind = match rule.alerting {
        Some(_) => "alerting",
        None => "recording",
    };
    fields
        .number("evaluationTime", rule.evaluation_seconds)
        .string("lastEvaluation", &time(rule.last_evaluation_millis))
        .string("type", kind);
}

fn write_alert(json: &mut Json, alert: &v1::Alert) {
    let mut value = String::new();
    push_exponent(&mut value, alert.value);
    json.object(|fields| {
        fields
            .labels("labels", &labels(&alert.labels))
            .labels("annotations", &labels(&alert.annotations))
            .string("state", &alert.state)
            .string("activeAt", &time(alert.active_at_millis));
        if alert.keep_firing_since_millis != 0 {
            fields.string("keepFiringSince", &time(alert.keep_firing_since_millis));
        }
        fields.string("value", &value);
    });
}

fn labels(labels: &Option<v1::Labels>) -> Labels {
    labels.as_ref().map(Labels::from).unwrap_or_default()
}

fn time(millis: i64) -> String {
    rfc3339(Timestamp::from_millis(millis))
}

/// `/api/v1/alerts`
pub(super) async fn alerts(State(api): State<Arc<Api>>) -> Answered {
    let Groups { groups, warnings } = groups(&api).await?;
    let rules = groups.iter().flat_map(|group| &group.rules);
    let alerts = rules
        .filter_map(|rule| rule.alerting.as_ref())
        .flat_map(|alerting| &alerting.alerts);
    let reply = Reply::of(|json| {
        json.object(|fields| fields.key("alerts").array(alerts, write_alert));
    });
    Ok(reply.with_warnings(warnings))
}

/// `/api/v1/alertmanagers`: those that the leader has found.
pub(super) async fn alertmanagers(State(api): State<Arc<Api>>) -> Answered {
    let found = found_alertmanagers(&api).await;
    let (urls, warning) = match found {
        Ok(urls) => (urls, None),
        Err(status) => (Vec::new(), Some(status.message().to_owned())),
    };
    let reply = Reply::of(|json| {
        json.object(|fields| {
            let active = fields.key("activeAlertmanagers");
            active.array(&urls, |json, url| {
                json.object(|fields| {
                    fields.string("url", url);
                });
            });
            fields.key("droppedAlertmanagers").raw("[]");
        });
    });
    Ok(reply.with_warnings(warning))
}

async fn found_alertmanagers(api: &Api) -> Result<Vec<String>, Status> {
    let ask = |mut leader: DiscovererClient| async move {
        let sets = leader.alertmanagers(v1::AlertmanagersRequest {}).await?;
        sets.into_inner().message().await
    };
    let set = api.discoverers.on_leader(ask).await?.unwrap_or_default();
    Ok(set.sections.into_iter().flat_map(|s| s.urls).collect())
}
