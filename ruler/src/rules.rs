//! The groups of a configuration, ready to be evaluated.
use config::{Config, RuleKind};
use model::{GroupKey, Millis};
use template::TemplateError;

use crate::{alert::AlertRule, placement::group_key, record::RecordRule};

/// A group whose templates parse.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Its stable key.
    pub(crate) key: GroupKey,
    /// As the configuration has it; two equal ones evaluate alike.
    pub(crate) written: config::RuleGroup,
    /// Distance of evaluations.
    pub(crate) interval: Millis,
    /// How far behind its time an evaluation looks.
    pub(crate) query_offset: Millis,
    /// The most series or alerts of one rule; 0: any number.
    pub(crate) limit: usize,
    /// The rules in their order.
    pub(crate) rules: Vec<Rule>,
}

/// A rule of either kind.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    /// Gives series.
    Record(RecordRule),
    /// Gives alerts.
    Alert(AlertRule),
}

impl Rule {
    /// The name of its series or alerts.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Record(rule) => &rule.record,
            Self::Alert(rule) => &rule.name,
        }
    }

    /// Its query.
    pub(crate) fn expr(&self) -> &str {
        match self {
            Self::Record(rule) => &rule.expr,
            Self::Alert(rule) => &rule.expr,
        }
    }
}

/// The groups of `config`.
///
/// # Errors
/// If a template does not parse; configurations are checked for that before they are committed.
pub(crate) fn groups(config: &Config) -> Result<Vec<Group>, TemplateError> {
    let group = |written: &config::RuleGroup| {
        Ok(Group {
            key: group_key(&written.file, &written.name),
            interval: written
                .interval
                .unwrap_or(config.global.evaluation_interval),
            query_offset: written
                .query_offset
                .unwrap_or(config.global.rule_query_offset),
            limit: usize::try_from(written.limit).unwrap_or(0),
            rules: written
                .rules
                .iter()
                .map(|r| rule(written, r))
                .collect::<Result<_, _>>()?,
            written: written.clone(),
        })
    };
    config.rule_groups.iter().map(group).collect()
}

fn rule(group: &config::RuleGroup, rule: &config::Rule) -> Result<Rule, TemplateError> {
    // The group's labels, over which the rule's own go.
    let mut labels = group.labels.clone();
    labels.extend(rule.labels.clone());
    match &rule.kind {
        RuleKind::Record(record) => Ok(Rule::Record(RecordRule {
            record: record.clone(),
            expr: rule.expr.clone(),
            labels: labels.into_iter().collect(),
        })),
        RuleKind::Alert {
            name,
            hold,
            keep_firing,
            annotations,
        } => {
            let templates = |texts: &std::collections::BTreeMap<String, String>| {
                let one = |(label, text): (&String, &String)| {
                    Ok((
                        label.clone(),
                        AlertRule::template(&format!("__alert_{name}"), text)?,
                    ))
                };
                texts
                    .iter()
                    .map(one)
                    .collect::<Result<Vec<_>, TemplateError>>()
            };
            Ok(Rule::Alert(AlertRule {
                name: name.clone(),
                expr: rule.expr.clone(),
                hold: *hold,
                keep_firing_for: *keep_firing,
                labels: templates(&labels)?,
                annotations: templates(annotations)?,
            }))
        }
    }
}
