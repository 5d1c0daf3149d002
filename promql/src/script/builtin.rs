//! The engine of this crate, over what a script has loaded.
use std::sync::Arc;

use model::{Sample, Series, Steps};

use super::{Answer, Engine, Store, Value};
use crate::{
    Options, QueryOptions, QueryValue, evaluate, parse_with, plan,
    source::{Fetched, Selection},
};

/// Plans and evaluates queries as a server does.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// What queries are evaluated with.
    pub options: QueryOptions,
}

impl Default for Builtin {
    /// The settings that Prometheus' own scripts are written for.
    fn default() -> Self {
        Self {
            options: QueryOptions {
                max_samples: 10_000,
                delayed_name_removal: true,
                ..QueryOptions::default()
            },
        }
    }
}

impl Engine for Builtin {
    fn answer(&self, store: &Store, query: &str, steps: Steps) -> Result<Answer, String> {
        let options = Options::ALL;
        let expr = parse_with(query, options).map_err(|e| e.to_string())?;
        let plan = plan(&expr, steps, &self.options).map_err(|e| e.to_string())?;
        let source = Fetched {
            selections: plan.selections.iter().map(|s| fetch(store, s)).collect(),
        };
        let answer = evaluate(&plan, &source, &|| false).map_err(|e| e.to_string())?;
        Ok(Answer {
            value: value(answer.value),
            warnings: answer.annotations.warnings(query),
            infos: answer.annotations.infos(query),
        })
    }
}

/// The series of a selection, without the samples that it does not ask for.
fn fetch(store: &Store, selection: &Selection) -> Vec<Arc<Series>> {
    let wanted = |sample: &&Sample| selection.range.contains(sample.at);
    store
        .select(&selection.matchers)
        .map(|(labels, stored)| {
            Arc::new(Series {
                labels: labels.clone(),
                samples: stored.samples.iter().filter(wanted).copied().collect(),
            })
        })
        .filter(|series| !series.samples.is_empty())
        .collect()
}

fn value(value: QueryValue) -> Value {
    match value {
        QueryValue::Scalar(sample) => Value::Scalar(sample.value),
        QueryValue::String { text, .. } => Value::String(text),
        QueryValue::Vector(vector) => Value::Vector(
            vector
                .into_iter()
                .map(|v| (v.labels, v.sample.value))
                .collect(),
        ),
        QueryValue::Matrix(series) => Value::Matrix(series),
    }
}
