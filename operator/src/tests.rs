mod generated;
mod honoured;
mod hostile;
mod kube_prometheus;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Generated, Kind, Objects, Settings, generate, references};

/// A manifest that selects all, with more of its spec.
fn settings(spec: &str) -> Settings {
    let text = format!(
        "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {{name: k8s, namespace: monitoring}}\nspec:\n  \
         serviceMonitorSelector: {{}}\n  serviceMonitorNamespaceSelector: {{}}\n  podMonitorSelector: {{}}\n  \
         podMonitorNamespaceSelector: {{}}\n  probeSelector: {{}}\n  probeNamespaceSelector: {{}}\n  \
         scrapeConfigSelector: {{}}\n  scrapeConfigNamespaceSelector: {{}}\n  ruleSelector: {{}}\n  \
         ruleNamespaceSelector: {{}}\n{spec}"
    );
    Settings::parse(&text).unwrap()
}

/// The objects of some manifests; each namespace is there.
fn objects(texts: &[&str]) -> Objects {
    let mut objects = Objects::default();
    for text in texts {
        let object: Value = serde_saphyr::from_str(text).unwrap();
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| object["kind"] == kind.name());
        let namespace = object["metadata"]["namespace"].as_str().unwrap().to_owned();
        objects.namespaces.insert(namespace, BTreeMap::new());
        objects
            .objects
            .entry(kind.unwrap())
            .or_default()
            .push(object);
    }
    objects
}

/// What is made of some manifests, all secrets being `secret`.
fn made(settings: &Settings, texts: &[&str]) -> Generated {
    let objects = objects(texts);
    let values = references(settings, &objects);
    let values = values
        .into_iter()
        .map(|r| (r, "secret".to_owned()))
        .collect();
    generate(settings, &objects, &values)
}

fn jobs(generated: &Generated) -> Vec<Value> {
    let file = &generated.files["scrape_configs.yaml"];
    let file: Value = serde_json::from_str(file).unwrap();
    file["scrape_configs"].as_array().unwrap().clone()
}

/// Fields of a job line by line, the steps of relabelling a line each.
fn lines(job: &Value) -> String {
    let mut lines = String::new();
    for (name, value) in job.as_object().unwrap() {
        match value {
            Value::Array(items) if name.ends_with("relabel_configs") => {
                lines.push_str(&format!("{name}:\n"));
                items
                    .iter()
                    .for_each(|item| lines.push_str(&format!("- {item}\n")));
            }
            _ => lines.push_str(&format!("{name}: {value}\n")),
        }
    }
    lines
}
