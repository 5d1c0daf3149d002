//! The watches against an agent that plays back what one answers.
use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use config::{HttpClient, Secret};
use expect_test::expect;
use model::Millis;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::*;
use crate::discovery::testing::{lines, serve};

/// A catalogue whose state is a number; questions wait for another one than they know.
#[derive(Default)]
struct Catalogue {
    state: AtomicU64,
    changed: Notify,
}

impl Catalogue {
    async fn wait(&self, query: &HashMap<String, String>) -> [(&'static str, String); 1] {
        assert_eq!(
            (query["wait"].as_str(), query["dc"].as_str()),
            ("120000ms", "dc1")
        );
        assert_eq!(query["stale"], "");
        let known: u64 = query.get("index").map_or(0, |index| index.parse().unwrap());
        loop {
            let changed = self.changed.notified();
            let now = self.state.load(SeqCst);
            if now != known {
                return [("x-consul-index", now.to_string())];
            }
            changed.await;
        }
    }

    fn set(&self, state: u64) {
        self.state.store(state, SeqCst);
        self.changed.notify_waiters();
    }
}

async fn services(
    State(catalogue): State<Arc<Catalogue>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> impl IntoResponse {
    assert_eq!(headers["x-consul-token"], "secret");
    let index = catalogue.wait(&query).await;
    let web = json!({"consul": [], "web": ["v1", "green"], "broken": ["green"]});
    let both = json!({"consul": [], "web": ["v1", "green"], "db": ["green"]});
    let now = catalogue.state.load(SeqCst);
    (index, Json(if now < 3 { web } else { both }))
}

async fn instances(
    State(catalogue): State<Arc<Catalogue>>,
    Path(service): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    assert_eq!(query["tag"], "green");
    if service == "broken" {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let index = catalogue.wait(&query).await;
    let node = json!({"Node": "n1", "Address": "10.0.0.1", "Meta": {"rack-id": "r1"}, "TaggedAddresses": {"lan": "10.0.0.1"}});
    let status = if catalogue.state.load(SeqCst) < 2 {
        "passing"
    } else {
        "critical"
    };
    let own = json!({"ID": format!("{service}-1"), "Service": service, "Tags": ["v1", "green"], "Address": "",
        "Port": 8080, "Meta": {"version": "1"}});
    let elsewhere = json!({"ID": format!("{service}-2"), "Service": service, "Tags": null, "Address": "fd00::1", "Port": 8081});
    let all: Value = json!([
        {"Node": node, "Service": own, "Checks": [{"CheckID": "serfHealth", "Status": "passing"}, {"CheckID": "c", "Status": status}]},
        {"Node": node, "Service": elsewhere, "Checks": [{"CheckID": "_node_maintenance", "Status": "critical"}]},
    ]);
    (index, Json(all)).into_response()
}

#[tokio::test]
async fn services_come_and_change_as_the_catalogue_does() {
    let catalogue = Arc::new(Catalogue::default());
    catalogue.set(1);
    let own = json!({"Config": {"Datacenter": "dc1"}});
    let router = Router::new()
        .route("/prefix/v1/agent/self", get(async || Json(own)))
        .route("/prefix/v1/catalog/services", get(services))
        .route("/prefix/v1/health/service/{service}", get(instances))
        .with_state(Arc::clone(&catalogue));
    let discovery = ConsulDiscovery {
        server: serve(router).await.to_string(),
        path_prefix: "prefix".to_owned(),
        token: Secret::new("secret"),
        datacenter: "dc1".to_owned(),
        namespace: String::new(),
        partition: String::new(),
        tag_separator: ",".to_owned(),
        scheme: "http".to_owned(),
        allow_stale: true,
        refresh_interval: Millis::new(1),
        services: Vec::new(),
        tags: vec!["green".to_owned()],
        node_meta: BTreeMap::new(),
        filter: String::new(),
        health_filter: String::new(),
        http: HttpClient::default(),
    };
    let (publish, mut groups) = Publish::new(Arc::default(), Arc::default());
    tokio::spawn(run(discovery, Components::system(), publish));
    let mut when = async |is_it: fn(&str) -> bool| {
        let found = groups.wait_for(|groups| groups.as_ref().is_some_and(|g| is_it(&lines(g))));
        let found = found.await.unwrap().clone();
        lines(&found.unwrap())
    };
    let first = when(|text| text.contains("web")).await;
    // A service that the agent cannot tell of holds back no other.
    expect![[r#"
        broken __meta_consul_dc=dc1 __meta_consul_service=broken
        web __meta_consul_dc=dc1 __meta_consul_service=web
          __address__=10.0.0.1:8080 __meta_consul_address=10.0.0.1 __meta_consul_health=passing __meta_consul_metadata_rack_id=r1 __meta_consul_node=n1 __meta_consul_service_id=web-1 __meta_consul_service_metadata_version=1 __meta_consul_service_port=8080 __meta_consul_tagged_address_lan=10.0.0.1 __meta_consul_tags=,v1,green,
          __address__=[fd00::1]:8081 __meta_consul_address=10.0.0.1 __meta_consul_health=maintenance __meta_consul_metadata_rack_id=r1 __meta_consul_node=n1 __meta_consul_service_address=fd00::1 __meta_consul_service_id=web-2 __meta_consul_service_port=8081 __meta_consul_tagged_address_lan=10.0.0.1 __meta_consul_tags=,,
    "#]].assert_eq(&first);
    catalogue.set(2);
    when(|text| text.contains("health=critical")).await;
    catalogue.set(3);
    when(|text| text.contains("db-2") && text.contains("web-1")).await;
    // It was set back: the services are as they were then.
    catalogue.set(2);
    when(|text| !text.contains("db-2") && text.contains("web-1")).await;
}
