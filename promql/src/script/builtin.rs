//! The engine of this crate, over what a script has loaded.
use std::sync::Arc;

use model::{Series, Steps, Timestamp};

use super::{Answer, Engine, Store, Value};
use crate::{
    Options, QueryOptions, QueryValue, evaluate, parse_with, plan,
    source::{Fetched, Selection},
};

/// The series of a selection.
pub type Found = Vec<Arc<Series>>;

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
                start_timestamps: true,
                ..QueryOptions::default()
            },
        }
    }
}

impl Engine for Builtin {
    fn answer(&self, store: &Store, query: &str, steps: Steps) -> Result<Answer, String> {
        answer(&self.options, query, steps, &|selection| {
            Ok(fetch(store, selection))
        })
    }
}

/// What this crate's engine answers, all features on, over the series that `fetch` gives for each selection.
///
/// # Errors
/// The text that the HTTP API would give, or that of `fetch`.
pub fn answer(
    options: &QueryOptions,
    query: &str,
    steps: Steps,
    fetch: &dyn Fn(&Selection) -> Result<Found, String>,
) -> Result<Answer, String> {
    let expr = parse_with(query, Options::ALL).map_err(|e| e.to_string())?;
    let plan = plan(&expr, steps, options).map_err(|e| e.to_string())?;
    let selections = plan
        .selections
        .iter()
        .map(fetch)
        .collect::<Result<_, _>>()?;
    let answer = evaluate(&plan, &Fetched { selections }, &|| false).map_err(|e| e.to_string())?;
    Ok(Answer {
        value: answer.value.into(),
        warnings: answer.annotations.warnings(query),
        infos: answer.annotations.infos(query),
    })
}

/// The series of a selection, without the samples that it does not ask for.
fn fetch(store: &Store, selection: &Selection) -> Vec<Arc<Series>> {
    let wanted = |at: Timestamp| selection.range.contains(at);
    store
        .select(&selection.matchers)
        .map(|(labels, stored)| {
            Arc::new(Series {
                labels: labels.clone(),
                samples: (stored.samples.iter().filter(|s| wanted(s.at)).copied()).collect(),
                histograms: (stored.histograms.iter().filter(|s| wanted(s.at)).cloned()).collect(),
                starts: (stored.starts.iter().filter(|s| wanted(s.at)).copied()).collect(),
            })
        })
        .filter(|series| !series.is_empty())
        .collect()
}

impl From<QueryValue> for Value {
    fn from(value: QueryValue) -> Self {
        match value {
            QueryValue::Scalar(sample) => Self::Scalar(sample.value),
            QueryValue::String { text, .. } => Self::String(text),
            QueryValue::Vector(vector) => {
                Self::Vector(vector.into_iter().map(|v| (v.labels, v.value)).collect())
            }
            QueryValue::Matrix(series) => Self::Matrix(series),
        }
    }
}
