//! Which of an object's own steps of relabelling made its jobs be refused: the jobs' steps are not numbered as the object's.
use config::{Bundle, Config, LoadError, Outside};
use serde_json::{Value, json};

use crate::{
    field::{Field, Reason},
    relabel::translated,
};

/// Fields with lists of steps, in objects of any kind and in scrape classes.
const LISTS: [&str; 3] = ["relabelings", "metricRelabelings", "relabelingConfigs"];

/// The first step anywhere in `field` that is no good by itself, as the reason that names it.
pub(crate) fn bad_step(field: &Field<'_>) -> Option<Reason> {
    if let Ok(items) = field.items() {
        return items.iter().find_map(bad_step);
    }
    let fields = field.fields().unwrap_or_default();
    fields.into_iter().find_map(|(name, field)| {
        if !LISTS.contains(&name) {
            return bad_step(&field);
        }
        let steps = field.items().unwrap_or_default();
        steps.iter().find_map(|step| {
            let what = refusal(&translated(step).ok()?)?;
            Some(step.reason(what))
        })
    })
}

/// Why a job with only this step is refused, if it is.
fn refusal(step: &Value) -> Option<String> {
    let jobs = json!({"scrape_configs": [{"job_name": "step", "relabel_configs": [step]}]});
    let bundle = Bundle {
        main: jobs.to_string(),
        ..Bundle::default()
    };
    match Config::from_bundle(&bundle, &Outside::default()) {
        Ok(_) => None,
        Err(LoadError::Main { cause, .. }) => Some(match cause {
            config::Error::Shape(misfits) => {
                let misfits = misfits.into_iter().map(|misfit| misfit.what);
                misfits.collect::<Vec<_>>().join("; ")
            }
            other => other.to_string(),
        }),
        Err(other) => Some(other.to_string()),
    }
}
