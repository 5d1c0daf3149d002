//! The watches against a server that plays back what a real one answered.
use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Query},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::get,
};
use config::{HttpClient, KubernetesDiscovery, Namespaces};
use futures::{StreamExt as _, stream};
use runtime::Offload;
use tokio::sync::Notify;

use super::*;
use crate::discovery::Publish;

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

#[tokio::test]
async fn a_list_and_the_events_after_it_give_the_last_state() {
    let router = Router::new()
        .route("/api/v1/{resource}", get(resource))
        .route("/apis/discovery.k8s.io/v1/{resource}", get(resource));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });

    let discovery = KubernetesDiscovery {
        api_server: Some(format!("http://{address}")),
        role: KubernetesRole::EndpointSlice,
        kubeconfig_file: None,
        http: HttpClient::default(),
        namespaces: Namespaces::default(),
        selectors: Vec::new(),
        attach: NOTHING,
    };
    let (publish, mut groups) = Publish::new(Arc::new(Notify::new()));
    let watching = tokio::spawn(run(discovery, Offload::Threads, publish));
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
