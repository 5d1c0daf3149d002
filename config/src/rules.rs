//! Rule files: groups of recording and alerting rules.
//!
//! Source: `model/rulefmt/rulefmt.go` in Prometheus.
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use model::{METRIC_NAME, Millis, NameValidation};

use crate::{
    Error, Outside,
    decode::{Decode, Fields, Texts},
    yaml::{self, Node, Place, Value},
};

/// Rules that are evaluated one after the other, at the same times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleGroup {
    /// The file that the group stands in.
    pub file: String,
    /// Its name, unique in the file.
    pub name: String,
    /// Distance of two evaluations, if the group says so itself.
    pub interval: Option<Millis>,
    /// How far back it looks, if the group says so itself.
    pub query_offset: Option<Millis>,
    /// The most series or alerts of a rule; zero is no limit.
    pub limit: i64,
    /// Labels of all that comes of it; a rule's own go before.
    pub labels: BTreeMap<String, String>,
    /// The rules in their order.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What comes of it.
    pub kind: RuleKind,
    /// The query, which parses.
    pub expr: String,
    /// Labels that are put on what it gives; templates in alerting rules.
    pub labels: BTreeMap<String, String>,
}

/// What comes of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// Series of this name.
    Record(String),
    /// Alerts.
    Alert {
        /// Their name.
        name: String,
        /// How long the query must give something before they fire.
        hold: Millis,
        /// How long they fire on after it gives nothing.
        keep_firing: Millis,
        /// Templates of what is told.
        annotations: BTreeMap<String, String>,
    },
}

impl Rule {
    /// The name of the series or of the alerts.
    pub fn name(&self) -> &str {
        match &self.kind {
            RuleKind::Record(name) | RuleKind::Alert { name, .. } => name,
        }
    }
}

/// Why a rule file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The text is no rule file.
    #[error(transparent)]
    Text(#[from] Error),
    /// A group or rule makes no sense: `3:5: group "a", rule 1, "b": …`.
    #[error("{0}")]
    Rule(String),
}

/// Reads `text`, the content of the rule file `file`; names follow `names`.
///
/// # Errors
/// All that is wrong, with Prometheus' texts.
pub fn parse_rules(
    file: &str,
    text: &str,
    names: NameValidation,
    outside: &Outside<'_>,
) -> Result<Vec<RuleGroup>, Vec<RuleError>> {
    parse(file, text, names, outside, Unknown::Refused)
}

/// What becomes of fields that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    Refused,
    Ignored,
}

/// As [`parse_rules`]; fields that are not known are refused or not.
pub(crate) fn parse(
    file: &str,
    text: &str,
    names: NameValidation,
    outside: &Outside<'_>,
    unknown: Unknown,
) -> Result<Vec<RuleGroup>, Vec<RuleError>> {
    let groups = decode(text, unknown).map_err(|error| vec![RuleError::Text(error)])?;
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for group in &groups {
        let Place { line, column } = group.place;
        if group.name.is_empty() {
            errors.push(format!("{line}:{column}: Groupname must not be empty"));
        }
        if !seen.insert(&group.name) {
            let name = &group.name;
            errors.push(format!(
                "{line}:{column}: groupname: \"{name}\" is repeated in the same file"
            ));
        }
        let wrong_labels = group.labels.keys().filter(|name| !is_label(names, name));
        errors.extend(wrong_labels.map(|name| format!("invalid label name: {name}")));
        for (i, rule) in group.rules.iter().enumerate() {
            let wrong = rule
                .validate(names, outside)
                .into_iter()
                .map(|Wrong { places, what }| {
                    let places: String = places
                        .iter()
                        .map(|p| format!("{}:{}: ", p.line, p.column))
                        .collect();
                    format!(
                        "{places}group {:?}, rule {}, {:?}: {what}",
                        group.name,
                        i + 1,
                        rule.name()
                    )
                });
            errors.extend(wrong);
        }
    }
    if !errors.is_empty() {
        return Err(errors.into_iter().map(RuleError::Rule).collect());
    }
    Ok(groups.into_iter().map(|group| group.built(file)).collect())
}

fn decode(text: &str, unknown: Unknown) -> Result<Vec<GroupFields>, Error> {
    let mut root = yaml::parse(text)?;
    if unknown == Unknown::Ignored {
        keep_known(&mut root, &[&["groups"], GROUP, RULE]);
    }
    if matches!(root.value, Value::Null) {
        return Ok(Vec::new());
    }
    let mut fields = Fields::of(&root, "rulefmt.RuleGroups")?;
    let groups: Vec<GroupFields> = fields.or_default("groups")?;
    fields.finish()?;
    Ok(groups)
}

/// The fields of a group.
const GROUP: &[&str] = &[
    "name",
    "interval",
    "query_offset",
    "limit",
    "labels",
    "rules",
];
/// The fields of a rule.
const RULE: &[&str] = &[
    "record",
    "alert",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
];

/// Takes from a mapping the fields that are not in the first list of `known`, and from the mappings in the
/// sequences below it those that are not in the lists after it.
fn keep_known(node: &mut Node, known: &[&[&str]]) {
    let (Value::Mapping(pairs), [fields, below @ ..]) = (&mut node.value, known) else {
        return;
    };
    pairs.retain(|(key, _)| fields.contains(&key.text.as_str()));
    for (_, value) in pairs {
        if let Value::Sequence(items) = &mut value.value {
            items.iter_mut().for_each(|item| keep_known(item, below));
        }
    }
}

/// True if `name` may name a label of what a rule gives.
fn is_label(names: NameValidation, name: &str) -> bool {
    names.is_label_name(name) && name != METRIC_NAME
}

struct GroupFields {
    place: Place,
    name: String,
    interval: Option<Millis>,
    query_offset: Option<Millis>,
    limit: i64,
    labels: Texts,
    rules: Vec<RuleFields>,
}

impl Decode for GroupFields {
    const GO: &'static str = "rulefmt.RuleGroup";

    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "rulefmt.RuleGroup")?;
        let group = Self {
            place: node.place,
            name: fields.or_default("name")?,
            interval: fields.get("interval")?,
            query_offset: fields.get("query_offset")?,
            limit: fields.or_default("limit")?,
            labels: fields.or_default("labels")?,
            rules: fields.or_default("rules")?,
        };
        fields.finish()?;
        Ok(group)
    }
}

impl GroupFields {
    fn built(self, file: &str) -> RuleGroup {
        RuleGroup {
            file: file.to_owned(),
            name: self.name,
            interval: self.interval.filter(|interval| *interval != Millis::ZERO),
            query_offset: self.query_offset,
            limit: self.limit,
            labels: self.labels,
            rules: self.rules.into_iter().map(RuleFields::built).collect(),
        }
    }
}

/// A text and where it stands; absent ones are empty, at `0:0`.
#[derive(Default)]
struct Placed {
    place: Place,
    text: String,
}

impl Decode for Placed {
    fn decode(node: &Node) -> Result<Self, Error> {
        Ok(Self {
            place: node.place,
            text: String::decode(node)?,
        })
    }
}

#[derive(Default)]
struct RuleFields {
    record: Placed,
    alert: Placed,
    expr: Placed,
    hold: Millis,
    keep_firing: Millis,
    labels: Texts,
    annotations: Texts,
}

/// What is wrong with a rule, and where.
struct Wrong {
    places: Vec<Place>,
    what: String,
}

impl Decode for RuleFields {
    const GO: &'static str = "rulefmt.Rule";

    fn decode(node: &Node) -> Result<Self, Error> {
        if matches!(node.value, Value::Null) {
            return Ok(Self::default());
        }
        let mut fields = Fields::of(node, "rulefmt.Rule")?;
        let rule = Self {
            record: fields.or_default("record")?,
            alert: fields.or_default("alert")?,
            expr: fields.or_default("expr")?,
            hold: fields.or_default("for")?,
            keep_firing: fields.or_default("keep_firing_for")?,
            labels: fields.or_default("labels")?,
            annotations: fields.or_default("annotations")?,
        };
        fields.finish()?;
        Ok(rule)
    }
}

impl RuleFields {
    fn name(&self) -> &str {
        match self.alert.text.as_str() {
            "" => &self.record.text,
            alert => alert,
        }
    }

    fn validate(&self, names: NameValidation, outside: &Outside<'_>) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut say = |places: &[&Placed], what: String| {
            let places = places.iter().map(|placed| placed.place).collect();
            wrong.push(Wrong { places, what });
        };
        let (record, alert, expr) = (&self.record, &self.alert, &self.expr);
        match (record.text.is_empty(), alert.text.is_empty()) {
            (false, false) => {
                say(
                    &[record, alert],
                    "only one of 'record' and 'alert' must be set".to_owned(),
                );
            }
            (true, true) => {
                say(
                    &[record, alert],
                    "one of 'record' or 'alert' must be set".to_owned(),
                );
            }
            _ => {}
        }
        if expr.text.is_empty() {
            say(&[expr], "field 'expr' must be set in rule".to_owned());
        } else if let Err(error) = promql::parse_with(&expr.text, outside.promql) {
            say(&[expr], format!("could not parse expression: {error}"));
        }
        if !record.text.is_empty() {
            let not_in_records = [
                (!self.annotations.is_empty(), "annotations"),
                (self.hold != Millis::ZERO, "for"),
                (self.keep_firing != Millis::ZERO, "keep_firing_for"),
            ];
            for (_, field) in not_in_records.into_iter().filter(|(set, _)| *set) {
                say(
                    &[record],
                    format!("invalid field '{field}' in recording rule"),
                );
            }
            let name = &record.text;
            if !names.is_metric_name(name) {
                say(&[record], format!("invalid recording rule name: {name}"));
            }
            if name.contains(['{', '}']) {
                say(
                    &[record],
                    format!(
                        "braces present in the recording rule name; should it be in expr?: {name}"
                    ),
                );
            }
        }
        for name in self.labels.keys().filter(|name| !is_label(names, name)) {
            say(&[], format!("invalid label name: {name}"));
        }
        for name in self
            .annotations
            .keys()
            .filter(|name| !names.is_label_name(name))
        {
            say(&[], format!("invalid annotation name: {name}"));
        }
        if !alert.text.is_empty() {
            let labels = self.labels.iter().map(|pair| ("label", pair));
            let annotations = self.annotations.iter().map(|pair| ("annotation", pair));
            for (kind, (name, template)) in labels.chain(annotations) {
                if let Err(what) = (outside.template)(&alert.text, template) {
                    say(&[], format!("{kind} {name:?}: {what}"));
                }
            }
        }
        wrong
    }

    fn built(self) -> Rule {
        Rule {
            kind: match self.alert.text.is_empty() {
                true => RuleKind::Record(self.record.text),
                false => RuleKind::Alert {
                    name: self.alert.text,
                    hold: self.hold,
                    keep_firing: self.keep_firing,
                    annotations: self.annotations,
                },
            },
            expr: self.expr.text,
            labels: self.labels,
        }
    }
}
