//! The objects that say what is monitored, and the labels of namespaces, followed for the whole cluster.
//!
//! A kind that is not installed, or that we may not see, holds back no other; it is looked for again now and then. While
//! the API server cannot be reached nothing is told, and what was seen stays.
use std::{collections::BTreeMap, fmt::Debug, pin::pin};

use config::KubernetesDiscovery;
use futures::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, join_all},
};
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject},
    runtime::watcher::{self, Event, watcher},
};
use operator::{Kind, Objects};
use parking_lot::Mutex;
use runtime::Components;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tracing::{info, warn};

use super::{
    client::reach,
    objects::{Key, key},
    watch::{Told, is_expired, patient},
};

/// A cluster, as far as its objects say what is monitored.
pub(crate) struct Cluster {
    pub(super) client: Client,
    seen: Mutex<Seen>,
    changed: Notify,
}

/// How far the watch of a kind is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing was answered yet.
    #[default]
    Unknown,
    /// All objects are known.
    Listed,
    /// The cluster does not have such objects.
    Absent,
    /// We may not see them.
    Refused,
}

#[derive(Default)]
struct Seen {
    kinds: BTreeMap<Kind, Table<Value>>,
    namespaces: Table<BTreeMap<String, String>>,
}

/// Objects of one kind.
struct Table<T> {
    standing: Standing,
    objects: BTreeMap<Key, T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            standing: Standing::Unknown,
            objects: BTreeMap::new(),
        }
    }
}

impl Cluster {
    /// A cluster whose API server is where `discovery` says, once there is a way to it.
    pub(crate) async fn at(discovery: &KubernetesDiscovery, components: &Components) -> Self {
        let (client, _) = reach(discovery, components, || {}).await;
        let kinds = Kind::ALL.into_iter();
        let kinds = kinds.map(|kind| (kind, Table::default())).collect();
        let seen = Seen {
            kinds,
            ..Seen::default()
        };
        Self {
            client,
            seen: Mutex::new(seen),
            changed: Notify::new(),
        }
    }

    /// Follows all kinds for ever.
    pub(crate) async fn follow(&self) {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        let labels = |namespace: Namespace| namespace.metadata.labels.unwrap_or_default();
        let mut all: Vec<BoxFuture<'_, ()>> = vec![
            self.table(namespaces, "Namespace".to_owned(), labels, |seen| {
                &mut seen.namespaces
            })
            .boxed(),
        ];
        for kind in Kind::ALL {
            let api = Api::<DynamicObject>::all_with(self.client.clone(), &resource(kind));
            let follow = self.table(api, kind.name().to_owned(), lean, move |seen| {
                seen.kinds.entry(kind).or_default()
            });
            all.push(follow.boxed());
        }
        join_all(all).await;
    }

    /// Waits until something may be another than before.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What the cluster holds, and the kinds that we may not see; none before everything that can be seen was seen.
    pub(crate) fn objects(&self) -> Option<(Objects, Vec<Kind>)> {
        let seen = self.seen.lock();
        let mut kinds = seen.kinds.values();
        // What a namespace selector stands for cannot be told without namespaces.
        if seen.namespaces.standing != Standing::Listed
            || kinds.any(|table| table.standing == Standing::Unknown)
        {
            return None;
        }
        let refused = seen.kinds.iter();
        let refused = refused.filter(|(_, table)| table.standing == Standing::Refused);
        let unseen = refused.map(|(kind, _)| *kind).collect();
        let kinds = seen.kinds.iter();
        let objects = kinds.map(|(kind, table)| (*kind, table.objects.values().cloned().collect()));
        let namespaces = seen.namespaces.objects.iter();
        let objects = Objects {
            objects: objects.collect(),
            namespaces: namespaces
                .map(|((_, name), labels)| (name.clone(), labels.clone()))
                .collect(),
        };
        Some((objects, unseen))
    }

    /// How far each kind is.
    pub(crate) fn standings(&self) -> Vec<(Kind, Standing)> {
        let seen = self.seen.lock();
        let kinds = seen.kinds.iter();
        kinds.map(|(kind, table)| (*kind, table.standing)).collect()
    }

    /// Keeps one table as the API server has it.
    async fn table<K, T>(
        &self,
        api: Api<K>,
        kind: String,
        value: impl Fn(K) -> T + Send,
        table: impl Fn(&mut Seen) -> &mut Table<T> + Send,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        T: Send,
    {
        let mut events = pin!(patient(watcher(api, watcher::Config::default())));
        let (mut listed, mut told) = (BTreeMap::new(), Told::default());
        while let Some(event) = events.next().await {
            told.hear(&event);
            let mut seen = self.seen.lock();
            let table = table(&mut seen);
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => {
                    listed.insert(key(object.meta()), value(object));
                }
                Ok(Event::InitDone) => {
                    if matches!(table.standing, Standing::Absent | Standing::Refused) {
                        info!(%kind, "objects of a kind can be seen now");
                    }
                    table.standing = Standing::Listed;
                    table.objects = std::mem::take(&mut listed);
                    self.changed.notify_one();
                }
                Ok(Event::Apply(object)) => {
                    table.objects.insert(key(object.meta()), value(object));
                    self.changed.notify_one();
                }
                Ok(Event::Delete(object)) => {
                    table.objects.remove(&key(object.meta()));
                    self.changed.notify_one();
                }
                Err(failed) => self.failed(&kind, &mut table.standing, &mut told, &failed),
            }
        }
    }

    /// A watch failed; what it has had before stays.
    fn failed(
        &self,
        kind: &str,
        standing: &mut Standing,
        told: &mut Told,
        failed: &watcher::Error,
    ) {
        let becomes = refusal(failed).filter(|_| *standing != Standing::Listed);
        if is_expired(failed) {
            info!(%kind, "a kubernetes watch has expired and lists anew");
        } else if let Some(error) = told.news(failed) {
            match becomes {
                Some(Standing::Absent) => info!(%kind, "the cluster has no objects of a kind"),
                Some(_) => warn!(%kind, error, "objects of a kind may not be seen"),
                None => warn!(%kind, error, "a kubernetes watch failed"),
            }
        }
        if let Some(becomes) = becomes.filter(|becomes| standing != becomes) {
            *standing = becomes;
            self.changed.notify_one();
        }
    }
}

/// What it means if the API server is there and does not give such objects.
fn refusal(failed: &watcher::Error) -> Option<Standing> {
    match failed {
        watcher::Error::InitialListFailed(kube::Error::Api(status)) => match status.code {
            404 => Some(Standing::Absent),
            403 => Some(Standing::Refused),
            _ => None,
        },
        _ => None,
    }
}

fn resource(kind: Kind) -> ApiResource {
    ApiResource {
        group: Kind::GROUP.to_owned(),
        version: kind.version().to_owned(),
        api_version: format!("{}/{}", Kind::GROUP, kind.version()),
        kind: kind.name().to_owned(),
        plural: kind.plural().to_owned(),
    }
}

/// What generating needs of an object.
fn lean(object: DynamicObject) -> Value {
    let DynamicObject {
        metadata, mut data, ..
    } = object;
    let ObjectMeta {
        name,
        namespace,
        uid,
        labels,
        ..
    } = metadata;
    json!({
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "labels": labels.unwrap_or_default(),
        },
        "spec": data["spec"].take(),
    })
}
