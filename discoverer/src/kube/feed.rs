//! Watches of the API server, each shared by all sections that need the same objects.
//!
//! ```text
//! API server ──watch──> Feed (one table, lean) ──┬──> section: pods
//!                                                └──> section: endpoints, with the pods behind them
//! ```
//!
//! A feed begins when the first section asks for it and ends with the last that holds it.
use std::{
    any::{Any, TypeId},
    pin::pin,
    sync::{Arc, Weak},
};

use config::{HttpClient, KubernetesDiscovery};
use futures::StreamExt as _;
use kube::{
    Api,
    runtime::watcher::{self, Event, watcher},
};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::{sync::Notify, task::JoinSet};
use tracing::{info, warn};

use super::{
    objects::{Kept, Objects, Table, key},
    progress::Had,
    watch::{Told, is_expired, patient},
};
use crate::discovery::Metrics;

/// A kind of objects that can be watched.
pub(super) trait Watched:
    Kept + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static
{
}

impl<K> Watched for K where K: Kept + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static {}

/// Which API server is asked, and as whom.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Access {
    api_server: Option<String>,
    kubeconfig_file: Option<String>,
    http: HttpClient,
}

impl From<&KubernetesDiscovery> for Access {
    fn from(discovery: &KubernetesDiscovery) -> Self {
        Self {
            api_server: discovery.api_server.clone(),
            kubeconfig_file: discovery.kubeconfig_file.clone(),
            http: discovery.http.clone(),
        }
    }
}

/// Which objects of a kind are watched.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scope {
    pub(super) access: Access,
    /// None for all namespaces, and for what is in none.
    pub(super) namespace: Option<String>,
    pub(super) label_selector: Option<String>,
    pub(super) field_selector: Option<String>,
}

/// The feeds of a process, found again by what they watch.
#[derive(Default)]
pub(crate) struct Feeds(Mutex<Vec<Entry>>);

struct Entry {
    kind: TypeId,
    scope: Scope,
    feed: Weak<dyn Any + Send + Sync>,
}

impl Feeds {
    /// The feed of `scope`, which watches `api` if it begins now; `follower` is notified of each change.
    pub(super) fn get<K: Watched>(
        &self,
        scope: Scope,
        api: Api<K>,
        metrics: &Arc<Metrics>,
        follower: &Arc<Notify>,
    ) -> Arc<Feed<K>> {
        let mut entries = self.0.lock();
        entries.retain(|entry| entry.feed.strong_count() > 0);
        let kind = TypeId::of::<K>();
        let same = entries.iter().find(|e| e.kind == kind && e.scope == scope);
        let running = same.and_then(|entry| entry.feed.upgrade());
        let running = running.and_then(|feed| feed.downcast::<Feed<K>>().ok());
        let feed = running.unwrap_or_else(|| {
            let feed = Arc::new(Feed::begin(&scope, api, Arc::clone(metrics)));
            let weak: Weak<Feed<K>> = Arc::downgrade(&feed);
            entries.push(Entry {
                kind,
                scope,
                feed: weak,
            });
            feed
        });
        feed.seen.add(follower);
        feed
    }
}

/// One watch, and what it has seen.
pub(super) struct Feed<K> {
    seen: Arc<Seen<K>>,
    /// The watch ends with it.
    _watch: JoinSet<()>,
}

struct Seen<K> {
    state: Mutex<State<K>>,
    followers: Mutex<Vec<Weak<Notify>>>,
}

struct State<K> {
    /// Copied only if an event comes while someone reads it; the objects themselves never are.
    table: Arc<Table<K>>,
    had: Had,
}

/// A feed of any kind.
pub(super) trait Fed: Send + Sync {
    /// Adds the objects that are known to `objects`, and tells how far the watch is.
    fn add_to(&self, objects: &mut Objects) -> Had;
}

impl<K: Watched> Fed for Feed<K> {
    fn add_to(&self, objects: &mut Objects) -> Had {
        let state = self.seen.state.lock();
        K::tables(objects).add(Arc::clone(&state.table));
        state.had
    }
}

impl<K: Watched> Feed<K> {
    fn begin(scope: &Scope, api: Api<K>, metrics: Arc<Metrics>) -> Self {
        let seen = Arc::new(Seen {
            state: Mutex::new(State {
                table: Arc::default(),
                had: Had::Nothing,
            }),
            followers: Mutex::default(),
        });
        let config = watcher::Config {
            label_selector: scope.label_selector.clone(),
            field_selector: scope.field_selector.clone(),
            ..watcher::Config::default()
        };
        let mut watch = JoinSet::new();
        let namespace = scope.namespace.clone();
        watch.spawn(follow(api, namespace, config, Arc::clone(&seen), metrics));
        Self {
            seen,
            _watch: watch,
        }
    }
}

impl<K> Seen<K> {
    /// Tells `follower` of each change from now on.
    fn add(&self, follower: &Arc<Notify>) {
        let mut followers = self.followers.lock();
        followers.retain(|follower| follower.strong_count() > 0);
        followers.push(Arc::downgrade(follower));
        // The list may have come long ago.
        follower.notify_one();
    }

    /// Changes what is known, and tells those who follow.
    fn change(&self, change: impl FnOnce(&mut State<K>)) {
        change(&mut self.state.lock());
        let followers = self.followers.lock();
        let alive = followers.iter().filter_map(Weak::upgrade);
        alive.for_each(|follower| follower.notify_one());
    }
}

/// Follows one watch for ever; in error it keeps what it has, and tries again ever more slowly.
async fn follow<K: Watched>(
    api: Api<K>,
    namespace: Option<String>,
    config: watcher::Config,
    seen: Arc<Seen<K>>,
    metrics: Arc<Metrics>,
) {
    let kind = K::kind(&());
    let mut events = pin!(patient(watcher(api, config)));
    let (mut listed, mut told) = (Table::new(), Told::default());
    while let Some(event) = events.next().await {
        told.hear(&event);
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                metrics.kubernetes_event(&kind, "add");
                listed.insert(key(object.meta()), Arc::new(object.lean()));
            }
            Ok(Event::InitDone) => {
                let table = Arc::new(std::mem::take(&mut listed));
                let had = Had::List;
                seen.change(|state| *state = State { table, had });
            }
            Ok(Event::Apply(object)) => {
                // The watch does not tell what is new from what has changed.
                metrics.kubernetes_event(&kind, "update");
                let (key, object) = (key(object.meta()), Arc::new(object.lean()));
                seen.change(|state| drop(Arc::make_mut(&mut state.table).insert(key, object)));
            }
            Ok(Event::Delete(object)) => {
                metrics.kubernetes_event(&kind, "delete");
                let key = key(object.meta());
                seen.change(|state| drop(Arc::make_mut(&mut state.table).remove(&key)));
            }
            Err(failed) => {
                metrics.kubernetes_failed();
                let namespace = namespace.as_deref().unwrap_or("all");
                if is_expired(&failed) {
                    info!(%kind, namespace, "a kubernetes watch has expired and lists anew");
                } else if let Some(error) = told.news(&failed) {
                    warn!(%kind, namespace, error, "a kubernetes watch failed");
                }
                if is_refused(&failed) {
                    seen.change(|state| state.had.refused());
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
