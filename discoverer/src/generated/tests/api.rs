//! As much of Kubernetes' API as is asked for.
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{Path as At, Query, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::get,
};
use config::KubernetesDiscovery;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::discovery::testing::serve;

/// What the server holds.
#[derive(Default)]
struct Held {
    /// By resource, namespace and name.
    objects: BTreeMap<(String, String, String), Value>,
    /// What happened, by resource; a resource version is a place in it.
    events: Vec<(String, Value)>,
    /// The status of lists.
    refused: HashMap<String, u16>,
    /// How often lists were asked for.
    asked: HashMap<String, usize>,
}

type Shared = Arc<watch::Sender<Held>>;

/// A server that ends with the test.
pub(super) struct Api {
    held: Shared,
    address: SocketAddr,
}

/// An object with this spec.
pub(super) fn object(namespace: &str, name: &str, spec: Value) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name, "uid": name}, "spec": spec})
}

impl Api {
    pub(super) async fn start() -> Self {
        let held: Shared = Arc::new(watch::channel(Held::default()).0);
        let router = Router::new()
            .route("/api/v1/{resource}", get(resource))
            .route(
                "/apis/monitoring.coreos.com/{version}/{resource}",
                get(custom),
            )
            .route("/api/v1/namespaces/{namespace}/secrets/{name}", get(secret))
            .with_state(Arc::clone(&held));
        let address = serve(router).await;
        Self { held, address }
    }

    pub(super) fn discovery(&self) -> KubernetesDiscovery {
        KubernetesDiscovery {
            api_server: Some(format!("http://{}", self.address)),
            ..KubernetesDiscovery::default()
        }
    }

    /// Takes over lists of a real server; tells how many objects each has.
    pub(super) fn take_recorded(&self, resources: &[&'static str]) -> HashMap<&'static str, usize> {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut above = here
            .ancestors()
            .map(|above| above.join("shared/testdata/kubernetes/crd"));
        let folder = above.find(|folder| folder.is_dir()).unwrap();
        let take = |resource: &&'static str| {
            let text = std::fs::read(folder.join(format!("{resource}.json"))).unwrap();
            let list: Value = serde_json::from_slice(&text).unwrap();
            let items = list["items"].as_array().unwrap();
            for item in items {
                self.put(
                    "namespaces",
                    object("", text_at(item, "namespace"), json!({})),
                );
                self.put(resource, item.clone());
            }
            (*resource, items.len())
        };
        resources.iter().map(take).collect()
    }

    pub(super) fn put(&self, resource: &str, mut object: Value) {
        self.held.send_modify(|held| {
            let version = held.events.len() + 1;
            object["metadata"]["resourceVersion"] = version.to_string().into();
            // The client's own types insist on theirs.
            object["apiVersion"] = "v1".into();
            object["kind"] = match resource {
                "namespaces" => "Namespace".into(),
                "secrets" => "Secret".into(),
                other => other.into(),
            };
            let (namespace, name) = (text_at(&object, "namespace"), text_at(&object, "name"));
            let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
            let before = held.objects.insert(key, object.clone());
            let what = if before.is_some() {
                "MODIFIED"
            } else {
                "ADDED"
            };
            let event = json!({"type": what, "object": object});
            held.events.push((resource.to_owned(), event));
        });
    }

    pub(super) fn put_secret(&self, namespace: &str, name: &str, key: &str, value: &str) {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let data = json!({key: BASE64_STANDARD.encode(value)});
        let mut secret = object(namespace, name, json!(null));
        secret["data"] = data;
        self.put("secrets", secret);
    }

    pub(super) fn remove(&self, resource: &str, namespace: &str, name: &str) {
        self.held.send_modify(|held| {
            let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
            let mut object = held.objects.remove(&key).unwrap();
            let version = held.events.len() + 1;
            object["metadata"]["resourceVersion"] = version.to_string().into();
            let event = json!({"type": "DELETED", "object": object});
            held.events.push((resource.to_owned(), event));
        });
    }

    /// Lists of `resource` are answered by `status` from now on.
    pub(super) fn refuse(&self, resource: &str, status: u16) {
        self.held.send_modify(|held| {
            held.refused.insert(resource.to_owned(), status);
        });
    }

    /// Waits until lists of `resource` were asked for so often.
    pub(super) async fn asked(&self, resource: &str, n_times: usize) {
        let often = |held: &Held| held.asked.get(resource).is_some_and(|n| *n >= n_times);
        self.held.subscribe().wait_for(often).await.unwrap();
    }
}

fn text_at<'v>(object: &'v Value, name: &str) -> &'v str {
    object["metadata"][name].as_str().unwrap_or("")
}

fn status(code: u16) -> Response {
    let code = StatusCode::from_u16(code).unwrap();
    let reason = match code {
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::FORBIDDEN => "Forbidden",
        _ => "ServiceUnavailable",
    };
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "refused", "reason": reason, "code": code.as_u16(),
    });
    (code, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn custom(
    State(held): State<Shared>,
    At((_, name)): At<(String, String)>,
    query: Query<HashMap<String, String>>,
) -> Response {
    resource(State(held), At(name), query).await
}

async fn resource(
    State(held): State<Shared>,
    At(resource): At<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    if query.get("watch").is_some_and(|watch| watch == "true") {
        let from: usize = query["resourceVersion"].parse().unwrap();
        let events = futures::stream::unfold((held.subscribe(), from), move |(mut held, from)| {
            let resource = resource.clone();
            async move {
                let seen = held.wait_for(|held| held.events.len() > from).await.ok()?;
                let events = seen.events[from..].iter().filter(|(of, _)| *of == resource);
                let lines: String = events.map(|(_, event)| format!("{event}\n")).collect();
                let to = seen.events.len();
                drop(seen);
                Some((Ok::<_, std::io::Error>(lines), (held, to)))
            }
        });
        return (json, Body::from_stream(events.boxed())).into_response();
    }
    held.send_modify(|held| *held.asked.entry(resource.clone()).or_default() += 1);
    let held = held.borrow();
    match held.refused.get(&resource) {
        None | Some(200) => {}
        Some(code) => return status(*code),
    }
    let items = held.objects.iter().filter(|((of, ..), _)| *of == resource);
    let items: Vec<Value> = items.map(|(_, object)| object.clone()).collect();
    let version = held.events.len().to_string();
    let list = json!({
        "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": version}, "items": items,
    });
    (json, list.to_string()).into_response()
}

async fn secret(
    State(held): State<Shared>,
    At((namespace, name)): At<(String, String)>,
) -> Response {
    match held
        .borrow()
        .objects
        .get(&("secrets".to_owned(), namespace, name))
    {
        Some(secret) => ([(CONTENT_TYPE, "application/json")], secret.to_string()).into_response(),
        None => status(404),
    }
}
