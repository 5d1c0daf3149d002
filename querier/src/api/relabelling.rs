//! `/targets/relabel_steps`: what each relabelling rule of a job makes of the labels of a target.
use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use model::{Labels, RelabelRule, relabel_steps};

use super::{Answered, Api, ApiError, Params, Reply};
use crate::json::{Fields, Json};

/// `/api/v1/targets/relabel_steps`
pub(super) async fn steps(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let given = |name: &str| match params.get(name) {
        "" => Err(ApiError::bad_data(format!("no {name} parameter provided"))),
        value => Ok(value.to_owned()),
    };
    let job = given("scrapePool")?;
    let labels = labels(&given("labels")?)?;
    let configuration = api.engine.configuration();
    let rules = configuration.relabelling.get(&job).ok_or_else(|| {
        ApiError::bad_data(format!(
            "error retrieving scrape config: scrape pool {job:?} not found"
        ))
    })?;
    let steps = rules.iter().zip(relabel_steps(&labels, rules));
    Ok(Reply::of(|json| {
        json.object(|fields| {
            fields.key("steps").array(steps, |json, (rule, output)| {
                json.object(|fields| {
                    write_rule(fields.key("rule"), rule);
                    let keep = output.is_some();
                    fields.labels("output", &output.unwrap_or_default());
                    fields.key("keep").boolean(keep);
                });
            });
        });
    }))
}

fn labels(text: &str) -> Result<Labels, ApiError> {
    let pairs: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|error| ApiError::bad_data(format!("error parsing labels: {error}")))?;
    let pairs = pairs.iter();
    Ok(pairs.map(|(n, v)| (n.as_str(), v.as_str())).collect())
}

/// Writes `rule` with the fields and omissions of Prometheus' `relabel.Config`.
fn write_rule(json: &mut Json, rule: &RelabelRule) {
    json.object(|fields: &mut Fields<'_>| {
        if !rule.source_labels.is_empty() {
            fields.key("source_labels").strings(&rule.source_labels);
        }
        fields
            .string("separator", &rule.separator)
            .string("regex", rule.regex.as_str());
        if rule.modulus != 0 {
            fields.key("modulus").raw(&rule.modulus.to_string());
        }
        if !rule.target_label.is_empty() {
            fields.string("target_label", &rule.target_label);
        }
        fields
            .string("replacement", &rule.replacement)
            .string("action", rule.action.as_str());
    });
}
