//! Whether what a manifest says for all objects can be used for any: a mistake in it is told once, when it is read, and
//! not as the refusal of each object.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Settings;
use crate::{
    field::{Reason, Result},
    generate::generate,
    object::{Kind, Objects},
    vault::Reference,
};

/// Generates from a plain object of each kind in each scrape class, and gives the first refusal.
pub(super) fn usable(settings: &Settings) -> Result<()> {
    let spec = settings.spec();
    for name in ["scrapeInterval", "scrapeTimeout"] {
        let field = spec.get(name);
        if let Some(text) = field.text()? {
            model::parse_duration(text).map_err(|what| field.reason(what))?;
        }
    }
    let mut classes = vec![None];
    for class in spec.get("scrapeClasses").items()? {
        classes.push(class.get("name").text()?);
    }
    let all = Settings {
        selections: all_of(settings),
        ..settings.clone()
    };
    for class in classes {
        let objects = plain(&settings.namespace, class);
        // Whether values are there is another question; that one is named is enough here.
        let values = crate::references(&all, &objects);
        let named = |reference: Reference| (reference, "value".to_owned());
        let values: BTreeMap<Reference, String> = values.into_iter().map(named).collect();
        if let Some(refused) = generate(&all, &objects, &values).refused.into_iter().next() {
            return Err(Reason(refused.reason));
        }
    }
    Ok(())
}

/// Selections that take all.
fn all_of(settings: &Settings) -> BTreeMap<Kind, crate::selector::Selection> {
    let all = Some(crate::selector::Selector::default());
    let selection = |kind: &Kind| {
        let selection = crate::selector::Selection {
            objects: all.clone(),
            namespaces: None,
        };
        (*kind, selection)
    };
    settings.selections.keys().map(selection).collect()
}

/// An object of each kind that says no more than it must.
fn plain(namespace: &str, class: Option<&str>) -> Objects {
    let spec = |kind: Kind| match kind {
        Kind::ServiceMonitor => json!({"endpoints": [{"port": "web"}]}),
        Kind::PodMonitor => json!({"podMetricsEndpoints": [{"port": "web"}]}),
        Kind::Probe => json!({
            "prober": {"url": "prober"}, "targets": {"staticConfig": {"static": ["target"]}},
        }),
        Kind::ScrapeConfig => json!({"staticConfigs": [{"targets": ["target"]}]}),
        Kind::PrometheusRule => {
            json!({"groups": [{"name": "group", "rules": [{"record": "a", "expr": "b"}]}]})
        }
    };
    let object = |kind: Kind| {
        let mut spec = spec(kind);
        if let Some(class) = class {
            spec["scrapeClass"] = Value::from(class);
        }
        let object = json!({"metadata": {"name": "plain", "namespace": namespace}, "spec": spec});
        (kind, vec![object])
    };
    Objects {
        objects: Kind::ALL.into_iter().map(object).collect(),
        namespaces: BTreeMap::new(),
    }
}
