//! From what a cluster holds to files of configuration.
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use config::{Bundle, Config, GENERATED_JOBS, GENERATED_RULES, LoadError, Outside, parse_rules};
use model::NameValidation;
use serde_json::{Map, Value, json};

use crate::{
    culprit::bad_step,
    field::{Reason, Result},
    job::Making,
    object::{Kind, Object, Objects},
    place::told,
    pod_monitor, probe, rules, scrape_config, service_monitor,
    settings::Settings,
    vault::{Reference, Vault},
};

/// What was made of the selected objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    /// Texts by the names that [`config::Bundle::generated`] knows: one file with all jobs, absent if there are none,
    /// and a rule file for each PrometheusRule.
    pub files: BTreeMap<String, String>,
    /// What was left out, and why.
    pub refused: Vec<Refused>,
    /// How many objects of each kind are selected, the refused ones among them.
    pub selected: BTreeMap<Kind, usize>,
}

/// An object that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Why; the text names the field.
    pub reason: String,
}

/// The keys of Secrets and ConfigMaps that selected objects name: no others need be read.
pub fn references(settings: &Settings, objects: &Objects) -> BTreeSet<Reference> {
    let vault = Vault::Asked(RefCell::default());
    for kind in Kind::ALL {
        for object in settings.selected(kind, objects) {
            // What is refused is told when it is generated.
            let _: Result<_> = jobs(settings, &object, &vault);
        }
    }
    match vault {
        Vault::Asked(asked) => asked.into_inner(),
        Vault::Known(_) => BTreeSet::new(),
    }
}

/// Selects objects, checks each of them for itself, and writes what is good. `values` has what [`references`] names,
/// as far as it is there.
pub fn generate(
    settings: &Settings,
    objects: &Objects,
    values: &BTreeMap<Reference, String>,
) -> Generated {
    let vault = Vault::Known(values);
    let (mut generated, mut all_jobs) = (Generated::default(), Vec::new());
    for kind in Kind::ALL {
        let selected = settings.selected(kind, objects);
        generated.selected.insert(kind, selected.len());
        for object in selected {
            let made = match kind {
                Kind::PrometheusRule => checked_rules(settings, &object).map(|(name, text)| {
                    generated
                        .files
                        .insert(format!("{GENERATED_RULES}{name}"), text);
                }),
                _ => checked_jobs(settings, &object, &vault).map(|jobs| all_jobs.extend(jobs)),
            };
            if let Err(Reason(reason)) = made {
                generated.refused.push(Refused {
                    kind,
                    namespace: object.namespace.to_owned(),
                    name: object.name.to_owned(),
                    reason,
                });
            }
        }
    }
    if !all_jobs.is_empty() {
        let text = written(&all_jobs);
        generated.files.insert(GENERATED_JOBS.to_owned(), text);
    }
    generated
}

/// The jobs of an object that is no PrometheusRule.
fn jobs(
    settings: &Settings,
    object: &Object<'_>,
    vault: &Vault<'_>,
) -> Result<Vec<Map<String, Value>>> {
    let making = Making::new(settings, object, vault)?;
    match object.kind {
        Kind::ServiceMonitor => service_monitor::jobs(&making),
        Kind::PodMonitor => pod_monitor::jobs(&making),
        Kind::Probe => probe::jobs(&making),
        Kind::ScrapeConfig => scrape_config::jobs(&making),
        Kind::PrometheusRule => Ok(Vec::new()),
    }
}

/// A file of jobs. JSON is YAML.
pub(crate) fn written(jobs: &[Map<String, Value>]) -> String {
    serde_json::to_string_pretty(&json!({"scrape_configs": jobs}))
        .expect("a tree of values can be written")
}

/// The jobs of an object, which mean something to whoever is to run them.
fn checked_jobs(
    settings: &Settings,
    object: &Object<'_>,
    vault: &Vault<'_>,
) -> Result<Vec<Map<String, Value>>> {
    let jobs = jobs(settings, object, vault)?;
    let text = written(&jobs);
    let bundle = Bundle {
        path: PathBuf::new(),
        main: text.clone(),
        ..Bundle::default()
    };
    let config = Config::from_bundle(&bundle, &Outside::default());
    let config = config.map_err(|error| match error {
        LoadError::Main { cause, .. } => {
            let class = settings.class(&object.spec()).ok();
            let fields = [Some(object.spec()), class].into_iter().flatten();
            let step = fields.filter_map(|field| bad_step(&field)).next();
            step.unwrap_or_else(|| Reason(told(&cause, &text)))
        }
        other => Reason(other.to_string()),
    })?;
    match config.unsupported().first() {
        None => Ok(jobs),
        Some(unsupported) => Err(Reason(unsupported.to_string())),
    }
}

/// The rule file of an object, in which all rules are good.
fn checked_rules(settings: &Settings, object: &Object<'_>) -> Result<(String, String)> {
    let (name, text) = rules::file(settings, object)?;
    let groups = parse_rules(&name, &text, NameValidation::Utf8, &Outside::default());
    match groups {
        Ok(_) => Ok((name, text)),
        Err(errors) => {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Err(Reason(texts.join("; ")))
        }
    }
}
