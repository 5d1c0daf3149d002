//! Relabelling: the operator's own steps, and those of objects in the words of `prometheus.yml`.
use serde_json::{Map, Value, json};

use crate::{
    field::{Field, Result},
    selector::{Selector, Test},
};

/// The steps of a job in their order.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Value>);

/// The name of a Kubernetes label in a label's name.
pub(crate) fn sanitized(name: &str) -> String {
    let letter = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => c,
        _ => '_',
    };
    name.chars().map(letter).collect()
}

impl Steps {
    /// The first step of each job: its name stays visible.
    pub(crate) fn new() -> Self {
        let mut steps = Self::default();
        steps.copy("job", "__tmp_prometheus_job_name");
        steps
    }

    /// `source` becomes `target`.
    pub(crate) fn copy(&mut self, source: &str, target: &str) {
        self.push(json!({"source_labels": [source], "target_label": target}));
    }

    /// `source` becomes `target` unless it is empty.
    pub(crate) fn copy_if_any(&mut self, source: &str, target: &str) {
        self.push(json!({
            "source_labels": [source], "target_label": target, "regex": "(.+)", "replacement": "${1}",
        }));
    }

    /// `target` is `value`.
    pub(crate) fn set(&mut self, target: &str, value: &str) {
        self.push(json!({"target_label": target, "replacement": value}));
    }

    /// Only what matches `regex` is kept.
    pub(crate) fn keep(&mut self, sources: &[&str], regex: &str) {
        self.push(json!({"action": "keep", "source_labels": sources, "regex": regex}));
    }

    /// What matches `regex` is dropped.
    pub(crate) fn drop(&mut self, sources: &[&str], regex: &str) {
        self.push(json!({"action": "drop", "source_labels": sources, "regex": regex}));
    }

    /// Pods that have ended are dropped.
    pub(crate) fn drop_ended_pods(&mut self) {
        self.drop(&["__meta_kubernetes_pod_phase"], "(Failed|Succeeded)");
    }

    /// Only what `selector` selects is kept, by the labels of the `kind` of object (`service`, `pod`, `ingress`).
    pub(crate) fn select(&mut self, kind: &str, selector: &Selector) {
        for requirement in &selector.requirements {
            let key = sanitized(&requirement.key);
            let label = format!("__meta_kubernetes_{kind}_label_{key}");
            let present = format!("__meta_kubernetes_{kind}_labelpresent_{key}");
            let (both, is_there) = ([label.as_str(), present.as_str()], [present.as_str()]);
            match &requirement.test {
                Test::Equal(value) => self.keep(&both, &format!("({value});true")),
                Test::In(values) => self.keep(&both, &format!("({});true", values.join("|"))),
                Test::NotIn(values) => self.drop(&both, &format!("({});true", values.join("|"))),
                Test::Exists => self.keep(&is_there, "true"),
                Test::DoesNotExist => self.drop(&is_there, "true"),
            }
        }
    }

    pub(crate) fn push(&mut self, step: Value) {
        self.0.push(step);
    }

    /// Adds the steps of a list in an object's words.
    pub(crate) fn extend(&mut self, list: &Field<'_>) -> Result<()> {
        for step in list.items()? {
            self.push(translated(&step)?);
        }
        Ok(())
    }

    /// Adds the step that enforces the namespace, if it is to be. It is the last, so that no other undoes it.
    pub(crate) fn enforce(&mut self, label: Option<&str>, namespace: &str) {
        if let Some(label) = label {
            self.set(label, namespace);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Array(self.0)
    }
}

/// One step of an object in the words of `prometheus.yml`.
pub(crate) fn translated(step: &Field<'_>) -> Result<Value> {
    let mut translated = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            translated.insert(name.to_owned(), value);
        }
    };
    let sources = step.object()?.get("sourceLabels").strings()?;
    put(
        "source_labels",
        (!sources.is_empty()).then(|| json!(sources)),
    );
    put("separator", step.get("separator").str()?.map(Value::from));
    put(
        "target_label",
        step.get("targetLabel").text()?.map(Value::from),
    );
    put("regex", step.get("regex").text()?.map(Value::from));
    let modulus = step
        .get("modulus")
        .number()?
        .filter(|modulus| *modulus != 0);
    put("modulus", modulus.map(Value::from));
    put(
        "replacement",
        step.get("replacement").str()?.map(Value::from),
    );
    let action = step.get("action").text()?.map(str::to_lowercase);
    put("action", action.map(Value::from));
    Ok(Value::Object(translated))
}
