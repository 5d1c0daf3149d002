//! Labels in the making, with the names that Prometheus gives them.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use model::Labels;

use super::objects::Objects;
use crate::names::sanitized;

const PREFIX: &str = "__meta_kubernetes_";

/// Pairs of name and value; of pairs with one name the last counts, empty values do not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Sets `__meta_kubernetes_NAME`.
    pub(crate) fn meta(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((format!("{PREFIX}{name}"), value.into()));
    }

    /// Sets `__meta_kubernetes_NAME`, if there is a value.
    pub(crate) fn meta_if(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.meta(name, value.to_string());
        }
    }

    /// Sets a label of any name.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Sets what all objects have: name, labels and annotations.
    pub(crate) fn object(&mut self, role: &str, object: &ObjectMeta) {
        self.meta_if(&format!("{role}_name"), object.name.as_ref());
        self.labels_and_annotations(role, object);
    }

    /// Sets the labels and annotations of an object.
    pub(crate) fn labels_and_annotations(&mut self, role: &str, object: &ObjectMeta) {
        for (kind, map) in [
            ("label", &object.labels),
            ("annotation", &object.annotations),
        ] {
            for (name, value) in map.iter().flatten() {
                let name = sanitized(name);
                self.meta(&format!("{role}_{kind}_{name}"), value);
                self.meta(&format!("{role}_{kind}present_{name}"), "true");
            }
        }
    }

    /// Sets the labels and annotations of the node named `name`, if it is known.
    pub(crate) fn node(&mut self, name: Option<&str>, objects: &Objects) {
        let key = (String::new(), name.unwrap_or_default().to_owned());
        if let Some(node) = objects.nodes.get(&key) {
            self.meta("node_name", key.1);
            self.labels_and_annotations("node", &node.metadata);
        }
    }

    /// Sets the labels and annotations of the namespace named `name`, if it is known.
    pub(crate) fn namespace(&mut self, name: Option<&str>, objects: &Objects) {
        let key = (String::new(), name.unwrap_or_default().to_owned());
        if let Some(namespace) = objects.namespaces.get(&key) {
            self.labels_and_annotations("namespace", &namespace.metadata);
        }
    }

    /// Adds other pairs, which count before those so far.
    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The finished labels.
    pub(crate) fn labels(self) -> Labels {
        Labels::from_pairs(self.0)
    }
}

/// The owner of an object that controls it.
pub(crate) fn controller(object: &ObjectMeta) -> Option<&OwnerReference> {
    let mut owners = object.owner_references.iter().flatten();
    owners.find(|owner| owner.controller == Some(true))
}
