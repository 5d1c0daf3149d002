//! The watches of one section, and the whole set of groups that they give.
use std::{pin::pin, sync::Arc, time::Duration};

use config::{KubernetesDiscovery, KubernetesRole as Role};
use futures::{
    StreamExt as _,
    future::{BoxFuture, join_all},
};
use k8s_openapi::{
    ClusterResourceScope, NamespaceResourceScope,
    api::{
        apps::v1::ReplicaSet,
        batch::v1::Job,
        core::v1::{Endpoints, Namespace, Node, Pod, Service},
        discovery::v1::EndpointSlice,
        networking::v1::Ingress,
    },
};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use parking_lot::Mutex;
use runtime::{Chain, Components};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tracing::{error, warn};

use super::{
    client::client,
    groups,
    objects::{Kept, Objects},
    progress::Progress,
};
use crate::discovery::Publish;

/// The pause before the API server is sought again.
const RETRY: Duration = Duration::from_secs(5);
/// The least pause between two whole sets, as in Prometheus: clusters are never quiet.
const PAUSE: Duration = Duration::from_secs(5);

/// Watches the cluster and tells its groups, until it is dropped.
pub(crate) async fn run(discovery: KubernetesDiscovery, components: Components, publish: Publish) {
    let offload = components.offload;
    let (client, own) = loop {
        match client(&discovery, &components).await {
            Ok(client) => break client,
            Err(failed) => {
                error!(error = %Chain(&failed), "no way to the kubernetes API");
                publish.stuck();
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    let mut namespaces = discovery.namespaces.names.clone();
    namespaces.extend(discovery.namespaces.own.then_some(own));
    let (role, attach) = (discovery.role, discovery.attach);
    let watches = Watches {
        discovery,
        client,
        namespaces,
        seen: Arc::default(),
        publish: publish.clone(),
    };
    let seen = Arc::clone(&watches.seen);
    let tell = async {
        loop {
            seen.changed.notified().await;
            if !seen.state.lock().progress.is_settled() {
                continue;
            }
            let known = Arc::clone(&seen);
            let found = move || {
                let state = known.state.lock();
                let told = |namespace: &str| state.progress.tells(namespace);
                groups(role, attach, &state.objects, &told)
            };
            publish.groups(offload.run(found).await);
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        _ = join_all(watches.all()) => {}
        () = tell => {}
    }
}

/// What the watches have seen.
#[derive(Default)]
struct Seen {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    objects: Objects,
    progress: Progress,
}

/// What all watches of a section have in common.
struct Watches {
    discovery: KubernetesDiscovery,
    client: Client,
    /// In these alone; in all if there are none.
    namespaces: Vec<String>,
    seen: Arc<Seen>,
    publish: Publish,
}

type Watch = BoxFuture<'static, ()>;

impl Watches {
    /// One future for each kind of objects that the role needs, and each namespace.
    fn all(&self) -> Vec<Watch> {
        let (role, attach) = (self.discovery.role, self.discovery.attach);
        let behind = matches!(role, Role::Pod | Role::Endpoints | Role::EndpointSlice);
        let mut all: Vec<Watch> = Vec::new();
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

    fn namespaced<K>(&self, role: Option<Role>) -> Vec<Watch>
    where
        K: Watched + Resource<Scope = NamespaceResourceScope>,
    {
        // As in Prometheus: the owners of pods are needed where pods are what is sought.
        let needed = role.is_some() || self.discovery.role == Role::Pod;
        if self.namespaces.is_empty() {
            let api = Api::<K>::all(self.client.clone());
            return vec![self.watch(api, None, role, needed)];
        }
        let one = |namespace: &String| {
            let api = Api::<K>::namespaced(self.client.clone(), namespace);
            self.watch(api, Some(namespace.clone()), role, needed)
        };
        self.namespaces.iter().map(one).collect()
    }

    fn of_cluster<K>(&self, role: Option<Role>) -> Watch
    where
        K: Watched + Resource<Scope = ClusterResourceScope>,
    {
        let api = Api::<K>::all(self.client.clone());
        self.watch(api, None, role, true)
    }

    fn watch<K: Watched>(
        &self,
        api: Api<K>,
        namespace: Option<String>,
        role: Option<Role>,
        needed: bool,
    ) -> Watch {
        let mut selectors = self.discovery.selectors.iter();
        let selector = selectors.find(|selector| Some(selector.role) == role);
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let config = watcher::Config {
            label_selector: selector.and_then(|s| given(&s.label)),
            field_selector: selector.and_then(|s| given(&s.field)),
            ..watcher::Config::default()
        };
        let number = self
            .seen
            .state
            .lock()
            .progress
            .add(namespace.clone(), needed);
        let (seen, publish) = (Arc::clone(&self.seen), self.publish.clone());
        Box::pin(follow(api, namespace, config, seen, number, publish))
    }
}

/// A kind of objects that can be watched.
trait Watched:
    Kept + Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static
{
}

impl<K> Watched for K where
    K: Kept
        + Resource<DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + 'static
{
}

/// Follows one watch for ever; in error it keeps what it has, and tries again ever more slowly.
async fn follow<K: Watched>(
    api: Api<K>,
    namespace: Option<String>,
    config: watcher::Config,
    seen: Arc<Seen>,
    number: usize,
    publish: Publish,
) {
    let (kind, metrics) = (K::kind(&()), publish.metrics());
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut listed = Vec::new();
    while let Some(event) = events.next().await {
        let mut state = seen.state.lock();
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                metrics.kubernetes_event(&kind, "add");
                listed.push(object.lean());
            }
            Ok(Event::InitDone) => {
                let all = std::mem::take(&mut listed);
                state.objects.replace(namespace.as_deref(), all);
                state.progress.listed(number);
                seen.changed.notify_one();
            }
            Ok(Event::Apply(object)) => {
                // The watch does not tell what is new from what has changed.
                metrics.kubernetes_event(&kind, "update");
                state.objects.apply(object.lean());
                seen.changed.notify_one();
            }
            Ok(Event::Delete(object)) => {
                metrics.kubernetes_event(&kind, "delete");
                state.objects.delete(&object);
                seen.changed.notify_one();
            }
            Err(failed) => {
                metrics.kubernetes_failed();
                warn!(
                    %kind,
                    namespace = namespace.as_deref().unwrap_or("all"),
                    error = %Chain(&failed),
                    "a kubernetes watch failed",
                );
                if is_refused(&failed) {
                    state.progress.refused(number);
                    seen.changed.notify_one();
                }
            }
        }
    }
}

/// True if the API server is there and does not give such objects.
fn is_refused(failed: &watcher::Error) -> bool {
    match failed {
        watcher::Error::InitialListFailed(kube::Error::Api(status)) => {
            matches!(status.code, 403 | 404)
        }
        _ => false,
    }
}
