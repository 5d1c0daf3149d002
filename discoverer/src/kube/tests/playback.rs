//! The watches against a server that plays back what a real one answered.
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use config::{
    Auth, Grant, HttpClient, KubernetesDiscovery, Namespaces, OAuth2, Proxy, Secret, Source,
    TlsConfig,
};
use futures::{StreamExt as _, stream};
use runtime::Components;
use tokio::sync::Notify;

use super::*;
use crate::discovery::{Publish, testing::serve};

/// Lists as they were recorded; watches play the recorded events, one connection after another from the start, and stay
/// open.
async fn resource(
    Path(resource): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    let file = |path: String| fs::read(recorded().join(path)).unwrap_or_default();
    if query.get("watch").is_none_or(|watch| watch != "true") {
        return (json, file(format!("list/{resource}.json"))).into_response();
    }
    let events = Bytes::from(file(format!("watch/{resource}.from-rv.jsonl")));
    let events = stream::iter([Ok::<_, std::io::Error>(events)]).chain(stream::pending());
    (json, Body::from_stream(events)).into_response()
}

fn discovery(server: SocketAddr, role: KubernetesRole, namespaces: &[&str]) -> KubernetesDiscovery {
    KubernetesDiscovery {
        api_server: Some(format!("http://{server}")),
        role,
        kubeconfig_file: None,
        http: HttpClient::default(),
        namespaces: Namespaces {
            own: false,
            names: namespaces.iter().map(|&name| name.to_owned()).collect(),
        },
        selectors: Vec::new(),
        attach: NOTHING,
    }
}

#[tokio::test]
async fn a_list_and_the_events_after_it_give_the_last_state() {
    let router = Router::new()
        .route("/api/v1/{resource}", get(resource))
        .route("/apis/discovery.k8s.io/v1/{resource}", get(resource));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });

    let discovery = discovery(address, KubernetesRole::EndpointSlice, &[]);
    let (publish, mut groups) = Publish::new(Arc::new(Notify::new()), Arc::default());
    let watching = tokio::spawn(run(
        discovery,
        Components::system(),
        Arc::default(),
        publish,
    ));
    // The list has three pods of old; the events scale them up and down, and replace one.
    let last = ["10.244.0.11:8080", "10.244.0.61:8080", "10.244.0.115:8080"];
    let played = |groups: &Option<Arc<Vec<TargetGroup>>>| {
        let mut groups = groups.iter().flat_map(|groups| groups.iter());
        let web = groups.find(|g| g.source.starts_with("endpointslice/demo/web-p"));
        let addresses = web.map(|g| g.targets.iter().map(|t| t.value("__address__")));
        addresses.is_some_and(|addresses| addresses.eq(last))
    };
    groups.wait_for(played).await.unwrap();
    watching.abort();
    server.abort();
}

/// Pods of `demo` as they were recorded; those of all other namespaces are refused.
async fn refusing(
    Path(namespace): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    let file = |path: &str| fs::read(recorded().join(path)).unwrap();
    match (&*namespace, query.contains_key("watch")) {
        ("demo", true) => {
            let silent = stream::pending::<Result<Bytes, std::io::Error>>();
            (json, Body::from_stream(silent)).into_response()
        }
        ("demo", false) => (json, file("list/pods.ns-demo.json")).into_response(),
        _ => {
            let refusal = file("errors/403-limited-sa-pods-cluster.json");
            (StatusCode::FORBIDDEN, json, refusal).into_response()
        }
    }
}

#[tokio::test]
async fn a_namespace_that_is_refused_takes_no_other_with_it() {
    let router = Router::new().route("/api/v1/namespaces/{namespace}/pods", get(refusing));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    for (namespaces, any) in [(&["secret", "demo"][..], true), (&["secret"][..], false)] {
        let (publish, mut groups) = Publish::new(Arc::new(Notify::new()), Arc::default());
        let discovery = discovery(address, KubernetesRole::Pod, namespaces);
        let watching = tokio::spawn(run(
            discovery,
            Components::system(),
            Arc::default(),
            publish,
        ));
        let told = groups.wait_for(Option::is_some).await.unwrap().clone();
        let told = told.unwrap();
        assert_eq!(told.iter().any(|group| !group.targets.is_empty()), any);
        assert!(
            told.iter()
                .all(|group| group.source.starts_with("pod/demo/"))
        );
        watching.abort();
    }
    server.abort();
}

/// A server that has two pods when it is first asked; the watch from there has expired, then it is down for a while, and
/// then it has one pod.
async fn expiring(State(n_lists): State<Arc<AtomicUsize>>, uri: Uri) -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    let watches = uri.query().unwrap_or_default().contains("watch=true");
    if watches && n_lists.load(Ordering::SeqCst) == 1 {
        let expired = fs::read(recorded().join("errors/410-watch-old-rv-pods.jsonl")).unwrap();
        return (json, expired).into_response();
    }
    if watches {
        let silent = stream::pending::<Result<Bytes, std::io::Error>>();
        return (json, Body::from_stream(silent)).into_response();
    }
    let n_pods = match n_lists.fetch_add(1, Ordering::SeqCst) {
        0 => 2,
        1 => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => 1,
    };
    let pods = (0..n_pods).map(|n| {
        serde_json::json!({
            "metadata": {"name": format!("p{n}"), "namespace": "d"},
            "spec": {"containers": [{"name": "c"}]},
            "status": {"podIP": format!("10.0.0.{n}")},
        })
    });
    let list = serde_json::json!({
        "apiVersion": "v1",
        "kind": "PodList",
        "metadata": {"resourceVersion": "1"},
        "items": pods.collect::<Vec<_>>(),
    });
    (json, list.to_string()).into_response()
}

#[tokio::test]
async fn an_expired_watch_lists_again_and_targets_stay_while_the_server_is_gone() {
    let n_lists = Arc::new(AtomicUsize::new(0));
    let router = Router::new()
        .route("/api/v1/pods", get(expiring))
        .with_state(Arc::clone(&n_lists));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    let (publish, mut groups) = Publish::new(Arc::new(Notify::new()), Arc::default());
    let discovery = discovery(address, KubernetesRole::Pod, &[]);
    let watching = tokio::spawn(run(
        discovery,
        Components::system(),
        Arc::default(),
        publish,
    ));
    let mut told = Vec::new();
    while told.last() != Some(&1) {
        groups.changed().await.unwrap();
        told.push(groups.borrow_and_update().as_ref().unwrap().len());
    }
    assert_eq!(told, [2, 1]);
    assert_eq!(n_lists.load(Ordering::SeqCst), 3);
    watching.abort();
    server.abort();
}

#[tokio::test]
async fn the_api_server_is_shown_a_token_that_is_fetched() {
    let n_tokens = Arc::new(AtomicUsize::new(0));
    let listing = |headers: HeaderMap| async move {
        match headers.get("authorization") {
            Some(token) if token == "Bearer abc" => {
                let json = [(CONTENT_TYPE, "application/json")];
                (json, fs::read(recorded().join("list/pods.json")).unwrap()).into_response()
            }
            _ => StatusCode::UNAUTHORIZED.into_response(),
        }
    };
    let token = |State(n_tokens): State<Arc<AtomicUsize>>| async move {
        n_tokens.fetch_add(1, Ordering::SeqCst);
        r#"{"access_token": "abc", "expires_in": 3600}"#
    };
    let router = Router::new()
        .route("/api/v1/pods", get(listing))
        .route("/token", post(token))
        .with_state(Arc::clone(&n_tokens));
    let address = serve(router).await;
    let mut discovery = discovery(address, KubernetesRole::Pod, &[]);
    discovery.http.auth = Auth::OAuth2(Box::new(OAuth2 {
        client_id: "me".to_owned(),
        grant: Grant::ClientCredentials(Source::Inline(Secret::new("secret"))),
        scopes: Vec::new(),
        token_url: format!("http://{address}/token"),
        endpoint_params: BTreeMap::new(),
        tls: TlsConfig::default(),
        proxy: Proxy::default(),
    }));
    let (publish, mut groups) = Publish::new(Arc::new(Notify::new()), Arc::default());
    let watching = tokio::spawn(run(
        discovery,
        Components::system(),
        Arc::default(),
        publish,
    ));
    let told = groups.wait_for(Option::is_some).await.unwrap().clone();
    assert!(!told.unwrap().is_empty());
    assert_eq!(n_tokens.load(Ordering::SeqCst), 1);
    watching.abort();
}
