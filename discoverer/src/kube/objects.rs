//! What is known of a cluster's objects.
use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::{
    core::v1::{Endpoints, Node, ObjectReference, Service},
    discovery::v1::EndpointSlice,
    networking::v1::Ingress,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use kube::Resource;

use super::lean::{self, Job, Namespace, Pod, ReplicaSet};

/// Namespace and name; the namespace of what has none is empty.
pub(crate) type Key = (String, String);

/// Objects of one kind that one watch has seen.
pub(crate) type Table<K> = BTreeMap<Key, Arc<K>>;

/// Objects of one kind: a table for each watch, none of which has an object of another.
#[derive(Debug)]
pub(crate) struct Tables<K>(Vec<Arc<Table<K>>>);

impl<K> Default for Tables<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K> Tables<K> {
    /// Adds what one more watch has seen.
    pub(crate) fn add(&mut self, table: Arc<Table<K>>) {
        self.0.push(table);
    }

    /// The object of that key.
    pub(crate) fn get(&self, key: &Key) -> Option<&K> {
        self.0.iter().find_map(|table| table.get(key)).map(|o| &**o)
    }

    /// All objects.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &K)> {
        let all = self.0.iter().flat_map(|table| table.iter());
        all.map(|(key, object)| (key, &**object))
    }
}

/// What is known of a cluster's objects.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) nodes: Tables<Node>,
    pub(crate) namespaces: Tables<Namespace>,
    pub(crate) pods: Tables<Pod>,
    pub(crate) services: Tables<Service>,
    pub(crate) endpoints: Tables<Endpoints>,
    pub(crate) slices: Tables<EndpointSlice>,
    pub(crate) ingresses: Tables<Ingress>,
    pub(crate) replica_sets: Tables<ReplicaSet>,
    pub(crate) jobs: Tables<Job>,
}

/// A kind of objects that has a table.
pub(crate) trait Kept: Resource<DynamicType = ()> + Clone {
    /// Its tables.
    fn tables(objects: &mut Objects) -> &mut Tables<Self>;
    /// The object without what no label tells of.
    fn lean(self) -> Self;
}

macro_rules! kept {
    ($($kind:ty => $table:ident, $lean:path;)*) => {$(
        impl Kept for $kind {
            fn tables(objects: &mut Objects) -> &mut Tables<Self> {
                &mut objects.$table
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
    /// The pod that `reference` names.
    pub(crate) fn pod(&self, reference: &ObjectReference) -> Option<&Pod> {
        let namespace = reference.namespace.clone().unwrap_or_default();
        let name = reference.name.clone().unwrap_or_default();
        let is_pod = reference.kind.as_deref() == Some("Pod");
        is_pod.then(|| self.pods.get(&(namespace, name))).flatten()
    }

    /// True if there is a node of that name.
    pub(crate) fn has_node(&self, name: &str) -> bool {
        self.nodes.get(&(String::new(), name.to_owned())).is_some()
    }

    /// The service of a namespace and name.
    pub(crate) fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        self.services.get(&(namespace.to_owned(), name.to_owned()))
    }
}
