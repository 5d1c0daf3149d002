//! Sections that need the same objects share their watch.
use std::collections::BTreeMap;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::get,
};
use config::{HttpClient, KubernetesDiscovery, Namespaces, ObjectSelector};
use futures::{StreamExt as _, stream};
use runtime::Components;
use serde_json::json;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use super::*;
use crate::discovery::{Publish, testing::serve};

/// How many watches of each resource were begun, and how many of them are open.
type Counts = BTreeMap<String, (usize, usize)>;

/// Counts a watch that is open until it is dropped.
struct Open(watch::Sender<Counts>, String);

impl Open {
    fn new(counts: watch::Sender<Counts>, resource: String) -> Self {
        counts.send_modify(|counts| {
            let (begun, open) = counts.entry(resource.clone()).or_default();
            (*begun, *open) = (*begun + 1, *open + 1);
        });
        Self(counts, resource)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Self(counts, resource) = self;
        counts.send_modify(|counts| counts.get_mut(resource).unwrap().1 -= 1);
    }
}

/// Lists of one object each; watches are silent.
async fn resource(
    State(counts): State<watch::Sender<Counts>>,
    Path(resource): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    if query.contains_key("watch") {
        let open = Open::new(counts, resource);
        let silent = stream::pending::<Result<Bytes, std::io::Error>>();
        let silent = silent.map(move |event| {
            let _ = &open;
            event
        });
        return (json, Body::from_stream(silent)).into_response();
    }
    let (api, kind, object) = match &*resource {
        "pods" => (
            "v1",
            "PodList",
            json!({"spec": {"containers": [{"name": "c"}]}, "status": {"podIP": "10.0.0.1"}}),
        ),
        "services" => ("v1", "ServiceList", json!({})),
        _ => (
            "v1",
            "EndpointsList",
            json!({"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]}),
        ),
    };
    let mut object = object;
    object["metadata"] = json!({"name": "a", "namespace": "d"});
    let list = json!({
        "apiVersion": api,
        "kind": kind,
        "metadata": {"resourceVersion": "1"},
        "items": [object],
    });
    (json, list.to_string()).into_response()
}

/// A section at work, once it has told its first groups.
struct Section {
    watching: JoinHandle<()>,
    groups: watch::Receiver<Option<Arc<Vec<TargetGroup>>>>,
}

impl Section {
    async fn start(discovery: KubernetesDiscovery, feeds: &Arc<Feeds>) -> Self {
        let (publish, mut groups) = Publish::new(Arc::new(Notify::new()), Arc::default());
        let watching = run(discovery, Components::system(), Arc::clone(feeds), publish);
        let watching = tokio::spawn(watching);
        groups.wait_for(Option::is_some).await.unwrap();
        Self { watching, groups }
    }

    fn n_targets(&self) -> usize {
        let groups = self.groups.borrow();
        groups
            .iter()
            .flat_map(|groups| groups.iter())
            .map(|group| group.targets.len())
            .sum()
    }
}

#[tokio::test]
async fn sections_share_a_watch_which_ends_with_the_last_of_them() {
    let (counts, mut counted) = watch::channel(Counts::new());
    let router = Router::new()
        .route("/api/v1/{resource}", get(resource))
        .with_state(counts);
    let server = serve(router).await;
    let section = |role| KubernetesDiscovery {
        api_server: Some(format!("http://{server}")),
        role,
        http: HttpClient::default(),
        namespaces: Namespaces::default(),
        ..KubernetesDiscovery::default()
    };
    let feeds = Arc::new(Feeds::default());
    let pods = Section::start(section(KubernetesRole::Pod), &feeds).await;
    let endpoints = Section::start(section(KubernetesRole::Endpoints), &feeds).await;
    assert_eq!((pods.n_targets(), endpoints.n_targets()), (1, 1));
    // Lists come before watches.
    let all = |counts: &Counts| {
        ["pods", "services", "endpoints"]
            .iter()
            .all(|r| counts.contains_key(*r))
    };
    counted.wait_for(all).await.unwrap();

    // Another selector needs a watch of its own.
    let mut chosen = section(KubernetesRole::Pod);
    chosen.selectors = vec![ObjectSelector {
        role: KubernetesRole::Pod,
        label: "app=web".to_owned(),
        field: String::new(),
    }];
    let chosen = Section::start(chosen, &feeds).await;
    let two = |counts: &Counts| counts["pods"] == (2, 2);
    counted.wait_for(two).await.unwrap();
    chosen.watching.abort();
    let one = |counts: &Counts| counts["pods"] == (2, 1);
    counted.wait_for(one).await.unwrap();

    // The pods are still needed behind the endpoints.
    pods.watching.abort();
    assert!(pods.watching.await.unwrap_err().is_cancelled());
    let again = Section::start(section(KubernetesRole::Pod), &feeds).await;
    assert_eq!(again.n_targets(), 1);
    assert_eq!(counted.borrow()["pods"], (2, 1));

    again.watching.abort();
    endpoints.watching.abort();
    let none = |counts: &Counts| counts.values().all(|(_, open)| *open == 0);
    counted.wait_for(none).await.unwrap();
    let begun = counted
        .borrow()
        .values()
        .map(|(begun, _)| *begun)
        .sum::<usize>();
    assert_eq!(begun, 4);
}
