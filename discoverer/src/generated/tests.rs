//! A group of one, and an API server that holds what a test gives it.
mod api;

use std::time::Duration;

use operator::Settings;
use prometheus_client::{encoding::text::encode, registry::Registry};
use runtime::{Components, Tasks};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tsdb::{MemoryStore, Store};

use self::api::{Api, object};
use super::*;
use crate::{
    raft::{Leadership, Peer},
    state::ConfigBundle,
};

const MANIFEST: &str = "
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: k8s, namespace: monitoring}
spec:
  serviceMonitorSelector: {}
  serviceMonitorNamespaceSelector: {}
  podMonitorSelector: {}
  podMonitorNamespaceSelector: {}
  probeSelector: {}
  ruleSelector: {}
  ruleNamespaceSelector: {}
";

/// A group that leads and has a configuration, and what generates for it.
struct Discoverer {
    group: Group,
    generator: Generator,
    registry: Registry,
    stop: CancellationToken,
}

impl Discoverer {
    async fn start(api: &Api) -> Self {
        let components = Components::system();
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let peer = Peer {
            id: "discoverer-0".to_owned(),
            grpc: "127.0.0.1:1".to_owned(),
        };
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let id = peer.id.clone();
        let group = Group::start(&id, vec![peer], store, &components, &mut tasks).await;
        let group = group.unwrap();
        tokio::spawn(tasks.run(Duration::from_secs(5)));
        let mut leadership = group.leadership();
        let own = |l: &Leadership| matches!(l, Leadership::Own(_));
        leadership.wait_for(own).await.unwrap();
        let bundle = ConfigBundle::default();
        group.write(&Command::SetConfig(bundle)).await.unwrap();
        let mut registry = Registry::default();
        let metrics = Arc::new(Metrics::new(&mut registry));
        let (_settings, settings) = watch::channel(Arc::new(Settings::parse(MANIFEST).unwrap()));
        let generator = Generator {
            group: group.clone(),
            components,
            metrics,
            settings,
            api: api.discovery(),
            pace: Pace {
                pause: Duration::from_millis(5),
                age: Duration::from_millis(50),
                retry: Duration::from_millis(50),
            },
        };
        Self {
            group,
            generator,
            registry,
            stop,
        }
    }

    /// The generated files once they are as they are awaited.
    async fn generated(&self, ready: impl Fn(&BTreeMap<String, String>) -> bool) -> String {
        let mut state = self.group.state();
        let state = state
            .wait_for(|state| {
                let config = state.config.as_ref();
                config.is_some_and(|config| ready(&config.generated))
            })
            .await
            .unwrap();
        let files = &state.config.as_ref().unwrap().generated;
        files.values().map(String::as_str).collect()
    }
}

impl Drop for Discoverer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// True if some file has all of `parts`, each in any.
fn has(parts: &'static [&'static str]) -> impl Fn(&BTreeMap<String, String>) -> bool {
    |files| {
        let found = |part: &&str| files.values().any(|text| text.contains(*part));
        parts.iter().all(found)
    }
}

fn pod_monitor(port: &str) -> serde_json::Value {
    object(
        "shop",
        "db",
        json!({"selector": {}, "podMetricsEndpoints": [{"port": port}]}),
    )
}

#[tokio::test]
async fn what_a_cluster_says_is_committed_and_followed() {
    let api = Api::start().await;
    let recorded = api.take_recorded(&["servicemonitors", "prometheusrules"]);
    api.put("namespaces", object("", "shop", json!({})));
    api.refuse("podmonitors", 404);
    api.refuse("probes", 403);
    let discoverer = Discoverer::start(&api).await;
    let running = tokio::spawn(discoverer.generator.clone().run());
    let all = discoverer
        .generated(has(&["serviceMonitor/monitoring/kubelet/3"]))
        .await;
    assert!(all.contains("serviceMonitor/monitoring/node-exporter/0"));
    let state = discoverer.group.state().borrow().clone();
    let files = &state.config.as_ref().unwrap().generated;
    assert_eq!(files.len(), 1 + recorded["prometheusrules"]);

    // A kind that was not installed comes, and its objects change and go.
    api.refuse("podmonitors", 200);
    api.put("podmonitors", pod_monitor("metrics"));
    let with_pods = has(&["podMonitor/shop/db/0", "\"regex\": \"metrics\""]);
    discoverer.generated(with_pods).await;
    api.put("podmonitors", pod_monitor("other"));
    discoverer
        .generated(has(&["podMonitor/shop/db/0", "\"regex\": \"other\""]))
        .await;
    api.remove("podmonitors", "shop", "db");
    let gone = |files: &BTreeMap<String, String>| !has(&["podMonitor/shop/db/0"])(files);
    discoverer.generated(gone).await;

    // Without a leader that generates all stays; without a manifest it goes.
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert!(
        !discoverer
            .group
            .state()
            .borrow()
            .config
            .as_ref()
            .unwrap()
            .generated
            .is_empty()
    );
    let retiring = tokio::spawn({
        let group = discoverer.group.clone();
        async move { retire(&group).await }
    });
    discoverer.generated(BTreeMap::is_empty).await;
    retiring.abort();
}

#[tokio::test]
async fn the_next_leader_keeps_what_it_may_not_see_and_follows_the_rest() {
    let api = Api::start().await;
    api.put("namespaces", object("", "shop", json!({})));
    api.put("podmonitors", pod_monitor("metrics"));
    let discoverer = Discoverer::start(&api).await;
    let former = tokio::spawn(discoverer.generator.clone().run());
    discoverer.generated(has(&["podMonitor/shop/db/0"])).await;
    former.abort();
    assert!(former.await.unwrap_err().is_cancelled());

    api.refuse("podmonitors", 403);
    let monitor = json!({"selector": {}, "endpoints": [{"port": "m"}]});
    api.put("servicemonitors", object("shop", "web", monitor));
    let next = tokio::spawn(discoverer.generator.clone().run());
    let both = discoverer
        .generated(has(&["serviceMonitor/shop/web/0"]))
        .await;
    assert!(both.contains("podMonitor/shop/db/0"), "{both}");

    // Once it may see them again, they are what they are.
    api.put("podmonitors", pod_monitor("other"));
    api.refuse("podmonitors", 200);
    discoverer
        .generated(has(&["podMonitor/shop/db/0", "\"regex\": \"other\""]))
        .await;
    next.abort();
    assert!(next.await.unwrap_err().is_cancelled());

    // What the manifest does not take any more goes, seen or not.
    api.refuse("podmonitors", 403);
    let manifest = MANIFEST.replace("  podMonitorSelector: {}\n", "");
    let settings = Settings::parse(&manifest).unwrap();
    let mut generator = discoverer.generator.clone();
    generator.settings = watch::channel(Arc::new(settings)).1;
    let last = tokio::spawn(generator.run());
    let gone = |files: &BTreeMap<String, String>| !has(&["podMonitor/"])(files);
    let rest = discoverer.generated(gone).await;
    assert!(rest.contains("serviceMonitor/shop/web/0"), "{rest}");
    last.abort();
}

#[tokio::test]
async fn nothing_is_committed_before_all_is_known() {
    let api = Api::start().await;
    api.put("namespaces", object("", "shop", json!({})));
    api.put("podmonitors", pod_monitor("metrics"));
    api.refuse("servicemonitors", 503);
    let discoverer = Discoverer::start(&api).await;
    let running = tokio::spawn(discoverer.generator.clone().run());
    // It was asked for again, so that all others were told long since.
    api.asked("servicemonitors", 2).await;
    let state = discoverer.group.state().borrow().clone();
    assert!(state.config.as_ref().unwrap().generated.is_empty());
    api.refuse("servicemonitors", 200);
    discoverer.generated(has(&["podMonitor/shop/db/0"])).await;
    running.abort();
}

#[tokio::test]
async fn a_secret_that_is_changed_is_followed_and_one_that_lacks_is_told() {
    let api = Api::start().await;
    api.put("namespaces", object("", "shop", json!({})));
    let endpoint = |secret: &str| json!({"port": "m", "authorization": {"credentials": {"name": secret, "key": "t"}}});
    let monitor = |name: &str, secret: &str| {
        object(
            "shop",
            name,
            json!({"selector": {}, "endpoints": [endpoint(secret)]}),
        )
    };
    api.put("servicemonitors", monitor("good", "token"));
    api.put("servicemonitors", monitor("bad", "none"));
    api.put_secret("shop", "token", "t", "before");
    let discoverer = Discoverer::start(&api).await;
    let running = tokio::spawn(discoverer.generator.clone().run());
    let all = discoverer
        .generated(has(&["serviceMonitor/shop/good/0", "before"]))
        .await;
    assert!(!all.contains("serviceMonitor/shop/bad/0"));
    let mut told = String::new();
    encode(&mut told, &discoverer.registry).unwrap();
    assert!(
        told.contains("refused{kind=\"ServiceMonitor\"} 1"),
        "{told}"
    );
    api.put_secret("shop", "token", "t", "after");
    discoverer
        .generated(has(&["serviceMonitor/shop/good/0", "after"]))
        .await;
    running.abort();
}
