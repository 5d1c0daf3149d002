//! The targets of one section: the feeds that it needs, and the whole set of groups that they give.
use std::{collections::BTreeSet, sync::Arc, time::Duration};

use config::{KubernetesDiscovery, KubernetesRole as Role};
use k8s_openapi::{
    ClusterResourceScope, NamespaceResourceScope,
    api::{
        core::v1::{Endpoints, Node, Service},
        discovery::v1::EndpointSlice,
        networking::v1::Ingress,
    },
};
use kube::{Api, Client, Resource};
use runtime::Components;
use tokio::sync::Notify;

use super::{
    client::reach,
    feed::{Access, Fed, Feeds, Scope, Watched},
    groups,
    lean::{Job, Namespace, Pod, ReplicaSet},
    objects::Objects,
    progress::Progress,
};
use crate::discovery::{Metrics, Publish};

/// The least pause between two whole sets, as in Prometheus: clusters are never quiet.
const PAUSE: Duration = Duration::from_secs(5);

/// Follows the cluster and tells its groups, until it is dropped.
pub(crate) async fn run(
    discovery: KubernetesDiscovery,
    components: Components,
    feeds: Arc<Feeds>,
    publish: Publish,
) {
    let (client, own) = reach(&discovery, &components, || publish.stuck()).await;
    let names = discovery.namespaces.names.iter().cloned();
    let namespaces = names.chain(discovery.namespaces.own.then_some(own));
    let (role, attach) = (discovery.role, discovery.attach);
    let changed = Arc::new(Notify::new());
    let section = Needs {
        namespaces: namespaces.collect(),
        access: Access::from(&discovery),
        discovery,
        client,
        feeds: &feeds,
        metrics: publish.metrics(),
        changed: &changed,
    };
    let parts = section.parts();
    loop {
        changed.notified().await;
        let (objects, progress) = look(&parts);
        if !progress.is_settled() {
            continue;
        }
        let told = move || {
            let told = |namespace: &str| progress.tells(namespace);
            groups(role, attach, &objects, &told)
        };
        publish.groups(components.offload.run(told).await);
        tokio::time::sleep(PAUSE).await;
    }
}

/// A feed, and what it is to the section.
struct Part {
    /// None for all namespaces, and for what is in none.
    namespace: Option<String>,
    /// Whether nothing can be told without it.
    needed: bool,
    feed: Arc<dyn Fed>,
}

/// What is known now. The objects are shared, not copied.
fn look(parts: &[Part]) -> (Objects, Progress) {
    let (mut objects, mut progress) = (Objects::default(), Progress::default());
    for part in parts {
        let had = part.feed.add_to(&mut objects);
        progress.add(part.namespace.clone(), part.needed, had);
    }
    (objects, progress)
}

/// What the feeds of a section have in common.
struct Needs<'s> {
    discovery: KubernetesDiscovery,
    access: Access,
    client: Client,
    /// In these alone; in all if there are none.
    namespaces: BTreeSet<String>,
    feeds: &'s Feeds,
    metrics: &'s Arc<Metrics>,
    changed: &'s Arc<Notify>,
}

impl Needs<'_> {
    /// One for each kind of objects that the role needs, and each namespace.
    fn parts(&self) -> Vec<Part> {
        let (role, attach) = (self.discovery.role, self.discovery.attach);
        let behind = matches!(role, Role::Pod | Role::Endpoints | Role::EndpointSlice);
        let mut all: Vec<Part> = Vec::new();
        match role {
            Role::Endpoints => all.extend(self.namespaced::<Endpoints>(Some(role))),
            Role::EndpointSlice => all.extend(self.namespaced::<EndpointSlice>(Some(role))),
            Role::Ingress => all.extend(self.namespaced::<Ingress>(Some(role))),
            Role::Node | Role::Pod | Role::Service => {}
        }
        if behind {
            all.extend(self.namespaced::<Pod>(Some(Role::Pod)));
        }
        if matches!(role, Role::Service | Role::Endpoints | Role::EndpointSlice) {
            all.extend(self.namespaced::<Service>(Some(Role::Service)));
        }
        if role == Role::Node || attach.node && behind {
            all.push(self.of_cluster::<Node>(Some(Role::Node)));
        }
        if attach.namespace && role != Role::Node {
            all.push(self.of_cluster::<Namespace>(None));
        }
        if attach.deployment && behind {
            all.extend(self.namespaced::<ReplicaSet>(None));
        }
        if attach.cronjob && behind {
            all.extend(self.namespaced::<Job>(None));
        }
        all
    }

    fn namespaced<K>(&self, role: Option<Role>) -> Vec<Part>
    where
        K: Watched + Resource<Scope = NamespaceResourceScope>,
    {
        // As in Prometheus: the owners of pods are needed where pods are what is sought.
        let needed = role.is_some() || self.discovery.role == Role::Pod;
        if self.namespaces.is_empty() {
            let api = Api::<K>::all(self.client.clone());
            return vec![self.part(api, None, role, needed)];
        }
        let one = |namespace: &String| {
            let api = Api::<K>::namespaced(self.client.clone(), namespace);
            self.part(api, Some(namespace.clone()), role, needed)
        };
        self.namespaces.iter().map(one).collect()
    }

    fn of_cluster<K>(&self, role: Option<Role>) -> Part
    where
        K: Watched + Resource<Scope = ClusterResourceScope>,
    {
        let api = Api::<K>::all(self.client.clone());
        self.part(api, None, role, true)
    }

    fn part<K: Watched>(
        &self,
        api: Api<K>,
        namespace: Option<String>,
        role: Option<Role>,
        needed: bool,
    ) -> Part {
        let mut selectors = self.discovery.selectors.iter();
        let selector = selectors.find(|selector| Some(selector.role) == role);
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let scope = Scope {
            access: self.access.clone(),
            namespace: namespace.clone(),
            label_selector: selector.and_then(|s| given(&s.label)),
            field_selector: selector.and_then(|s| given(&s.field)),
        };
        let feed = self.feeds.get(scope, api, self.metrics, self.changed);
        Part {
            namespace,
            needed,
            feed,
        }
    }
}
