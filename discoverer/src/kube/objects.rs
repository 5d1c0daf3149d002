//! What is known of a cluster's objects.
use std::collections::BTreeMap;

use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    batch::v1::Job,
    core::v1::{Endpoints, Namespace, Node, ObjectReference, Pod, Service},
    discovery::v1::EndpointSlice,
    networking::v1::Ingress,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::lean;

/// Namespace and name; the namespace of what has none is empty.
pub(crate) type Key = (String, String);

/// Objects of one kind.
pub(crate) type Table<K> = BTreeMap<Key, K>;

/// What is known of a cluster's objects.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) nodes: Table<Node>,
    pub(crate) namespaces: Table<Namespace>,
    pub(crate) pods: Table<Pod>,
    pub(crate) services: Table<Service>,
    pub(crate) endpoints: Table<Endpoints>,
    pub(crate) slices: Table<EndpointSlice>,
    pub(crate) ingresses: Table<Ingress>,
    pub(crate) replica_sets: Table<ReplicaSet>,
    pub(crate) jobs: Table<Job>,
}

/// A kind of objects that has a table.
pub(crate) trait Kept: Sized {
    /// Its table.
    fn table(objects: &mut Objects) -> &mut Table<Self>;
    /// What all objects have.
    fn meta(&self) -> &ObjectMeta;
    /// The object without what no label tells of.
    fn lean(self) -> Self;
}

macro_rules! kept {
    ($($kind:ty => $table:ident, $lean:path;)*) => {$(
        impl Kept for $kind {
            fn table(objects: &mut Objects) -> &mut Table<Self> {
                &mut objects.$table
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn lean(self) -> Self {
                $lean(self)
            }
        }
    )*};
}

kept!(
    Node => nodes, lean::node;
    Namespace => namespaces, lean::namespace;
    Pod => pods, lean::pod;
    Service => services, lean::service;
    Endpoints => endpoints, lean::endpoints;
    EndpointSlice => slices, lean::slice;
    Ingress => ingresses, lean::ingress;
    ReplicaSet => replica_sets, lean::replica_set;
    Job => jobs, lean::job;
);

/// The key of an object.
pub(crate) fn key(meta: &ObjectMeta) -> Key {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (text(&meta.namespace), text(&meta.name))
}

impl Objects {
    /// Takes an object in, new or changed.
    pub(crate) fn apply<K: Kept>(&mut self, object: K) {
        K::table(self).insert(key(object.meta()), object);
    }

    /// Forgets an object.
    pub(crate) fn delete<K: Kept>(&mut self, object: &K) {
        K::table(self).remove(&key(object.meta()));
    }

    /// Takes in all objects of a kind: those of one namespace, or of all.
    pub(crate) fn replace<K: Kept>(&mut self, namespace: Option<&str>, all: Vec<K>) {
        K::table(self).retain(|(of, _), _| namespace.is_some_and(|n| n != of));
        all.into_iter().for_each(|object| self.apply(object));
    }

    /// The pod that `reference` names.
    pub(crate) fn pod(&self, reference: &ObjectReference) -> Option<&Pod> {
        let namespace = reference.namespace.clone().unwrap_or_default();
        let name = reference.name.clone().unwrap_or_default();
        let is_pod = reference.kind.as_deref() == Some("Pod");
        is_pod.then(|| self.pods.get(&(namespace, name))).flatten()
    }

    /// True if there is a node of that name.
    pub(crate) fn has_node(&self, name: &str) -> bool {
        self.nodes.contains_key(&(String::new(), name.to_owned()))
    }

    /// The service of a namespace and name.
    pub(crate) fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        self.services.get(&(namespace.to_owned(), name.to_owned()))
    }
}
