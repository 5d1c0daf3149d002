//! PrometheusRules: one rule file for each.
use serde_json::{Map, Value, json};

use crate::{
    enforce::enforce,
    field::{Field, Result},
    object::Object,
    settings::Settings,
};

/// Fields of a group and of a rule that are durations, which an empty text leaves out.
const DURATIONS: [&str; 4] = ["interval", "query_offset", "for", "keep_firing_for"];

/// What a group says beside its rules; `partial_response_strategy` is for others than Prometheus.
const GROUP: [&str; 5] = ["name", "interval", "query_offset", "limit", "labels"];
/// What a rule says beside its expression.
const RULE: [&str; 6] = [
    "record",
    "alert",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
];

/// The name of the file of `object`, and its text.
pub(crate) fn file(settings: &Settings, object: &Object<'_>) -> Result<(String, String)> {
    let label = settings.enforced_label(object)?;
    let spec = object.spec();
    let mut groups = Vec::new();
    for group in spec.object()?.get("groups").items()? {
        let mut written = fields(&group, &GROUP)?;
        let mut rules = Vec::new();
        for rule in group.get("rules").items()? {
            rules.push(Value::Object(self::rule(&rule, label, object.namespace)?));
        }
        written.insert("rules".to_owned(), Value::Array(rules));
        groups.push(Value::Object(written));
    }
    let name = format!("{}-{}-{}.yaml", object.namespace, object.name, object.uid);
    let text = serde_json::to_string_pretty(&json!({"groups": groups}))
        .expect("a tree of values can be written");
    Ok((name, text))
}

/// The fields of `from` that are among `known`, but for durations that are empty. An API server leaves others out, too.
fn fields(from: &Field<'_>, known: &[&str]) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    for (name, field) in from.fields()? {
        let empty = DURATIONS.contains(&name) && field.text()?.is_none();
        if known.contains(&name) && !empty && field.is_there() {
            fields.insert(name.to_owned(), field.value());
        }
    }
    Ok(fields)
}

fn rule(from: &Field<'_>, label: Option<&str>, namespace: &str) -> Result<Map<String, Value>> {
    let mut rule = fields(from, &RULE)?;
    let field = from.get("expr");
    // An expression may be a number.
    let text = match field.value() {
        Value::Number(number) => number.to_string(),
        _ => field.str()?.unwrap_or("").to_owned(),
    };
    let text = match label {
        None => text,
        Some(label) => {
            let mut labels = from.get("labels").labels()?;
            labels.insert(label.to_owned(), namespace.to_owned());
            rule.insert("labels".to_owned(), json!(labels));
            let mut expr = promql::parse(&text).map_err(|error| field.reason(error))?;
            enforce(&mut expr, label, namespace);
            expr.to_string()
        }
    };
    rule.insert("expr".to_owned(), text.into());
    Ok(rule)
}
