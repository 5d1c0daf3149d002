//! Objects that no API server lets through, and good ones with one thing changed: nothing that they hold spoils others.
use std::{collections::BTreeMap, sync::LazyLock};

use config::{Bundle, Config, Outside};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    generated::{POD_MONITOR, RULES, SERVICE_MONITOR},
    jobs, objects, settings,
};
use crate::{Generated, Kind, Objects, Settings, generate, references};

const PROBE: &str = "
kind: Probe
metadata: {name: sites, namespace: odd}
spec:
  prober: {url: 'blackbox:9115', path: /probe, scheme: HTTPS, proxyUrl: 'http://proxy:1'}
  module: http_2xx
  interval: 30s
  params: [{name: a, values: [b]}]
  oauth2: {clientId: {secret: {name: s, key: i}}, clientSecret: {name: s, key: c}, tokenUrl: 'http://t/', scopes: [x]}
  targets: {staticConfig: {static: [example.org], labels: {env: prod}, relabelingConfigs: [{targetLabel: a, replacement: b}]}}
";

const SCRAPE_CONFIG: &str = "
kind: ScrapeConfig
metadata: {name: outside, namespace: odd}
spec:
  jobName: outside
  scrapeInterval: 1m
  params: {a: [b]}
  staticConfigs: [{targets: ['a:1'], labels: {x: w}}]
  httpSDConfigs: [{url: 'http://sd/', refreshInterval: 30s, tlsConfig: {serverName: sd}}]
  consulSDConfigs: [{server: 'consul:8500', tokenRef: {name: s, key: t}, services: [web], nodeMeta: {a: b}}]
  kubernetesSDConfigs: [{role: Pod, namespaces: {names: [a]}, selectors: [{role: Pod, label: 'a=b'}], attachMetadata: {node: true}}]
  dnsSDConfigs: [{names: [a.b], type: A, port: 9}]
  dockerSDConfigs: [{host: 'unix:///d', filters: [{name: a, values: [b]}]}]
  nativeHistogramMinBucketFactor: 1100m
  sampleLimit: 7
  bodySizeLimit: 1MB
";

/// A manifest that selects all, read once for all cases.
static ALL: LazyLock<Settings> = LazyLock::new(|| settings(""));

/// Any tree that has the names of fields.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        "[a-z0-9/:{}\"]{0,6}".prop_map(Value::from),
    ];
    let names = [
        "endpoints",
        "podMetricsEndpoints",
        "port",
        "selector",
        "matchLabels",
        "matchExpressions",
        "key",
        "operator",
        "values",
        "tlsConfig",
        "ca",
        "secret",
        "name",
        "basicAuth",
        "password",
        "relabelings",
        "action",
        "regex",
        "targets",
        "staticConfig",
        "static",
        "ingress",
        "prober",
        "url",
        "groups",
        "rules",
        "expr",
        "record",
        "staticConfigs",
        "kubernetesSDConfigs",
        "role",
        "interval",
        "sampleLimit",
        "params",
        "oauth2",
        "clientId",
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let fields = proptest::collection::btree_map(
            proptest::sample::select(names.to_vec()),
            inner.clone(),
            0..6,
        );
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            fields.prop_map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

/// A manifest with much to say for all objects.
static BUSY: LazyLock<Settings> = LazyLock::new(|| {
    settings(
        "  enforcedNamespaceLabel: ns\n  enforcedSampleLimit: 9\n  enforcedBodySizeLimit: 2MB\n  scrapeTimeout: 20s\n  \
         podTargetLabels: [a]\n  scrapeClasses: [{name: c, default: true, tlsConfig: {caFile: /ca}, \
         authorization: {credentials: {name: s, key: k}}, relabelings: [{targetLabel: z, replacement: v}]}]\n",
    )
});

/// One good object of each kind, in the order of [`Kind::ALL`].
static GOOD: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let texts = [SERVICE_MONITOR, POD_MONITOR, PROBE, SCRAPE_CONFIG, RULES];
    let objects = texts.map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
    objects.to_vec()
});

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9/:{}()|$\"\\\\ é-]{0,6}".prop_map(Value::from),
    ]
}

/// How many values there are in `value`, itself among them.
fn n_values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(n_values).sum(),
        Value::Object(fields) => fields.values().map(n_values).sum::<usize>(),
        _ => 0,
    }
}

/// Puts `other` where the value number `at` stands, counted from the outside in.
fn put(value: &mut Value, at: &mut usize, other: &Value) -> bool {
    if *at == 0 {
        *value = other.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| put(item, at, other)),
        Value::Object(fields) => fields.values_mut().any(|field| put(field, at, other)),
        _ => false,
    }
}

/// What is made of `all` with all secrets there; whatever it is, configuration takes all of it.
fn made(settings: &Settings, all: &Objects) -> Generated {
    let values = references(settings, all);
    let values: BTreeMap<_, _> = values
        .into_iter()
        .map(|r| (r, "secret".to_owned()))
        .collect();
    let generated = generate(settings, all, &values);
    let bundle = Bundle {
        generated: generated.files.clone(),
        ..Bundle::default()
    };
    let config = Config::from_bundle(&bundle, &Outside::default()).unwrap();
    assert_eq!(config.generated.refused, []);
    generated
}

#[test]
fn the_good_ones_are_good() {
    for settings in [&*ALL, &*BUSY] {
        let texts = [SERVICE_MONITOR, POD_MONITOR, PROBE, SCRAPE_CONFIG, RULES];
        assert_eq!(made(settings, &objects(&texts)).refused, []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn whatever_an_object_holds_the_good_one_is_made(spec in tree(), kind in 0..5_usize) {
        let mut all = objects(&[POD_MONITOR]);
        let object = json!({"metadata": {"name": "odd", "namespace": "shop"}, "spec": spec});
        all.objects.entry(Kind::ALL[kind]).or_default().push(object);
        let name = json!("podMonitor/shop/db/0");
        prop_assert!(jobs(&made(&ALL, &all)).iter().any(|job| job["job_name"] == name));
    }

    #[test]
    fn one_thing_that_is_wrong_spoils_one_object(kind in 0..5_usize, at in any::<prop::sample::Index>(), other in leaf()) {
        let mut odd = GOOD[kind].clone();
        let n = n_values(&odd["spec"]);
        prop_assert!(put(&mut odd["spec"], &mut at.index(n), &other));
        odd["metadata"] = json!({"name": "odd", "namespace": "shop"});
        for settings in [&*ALL, &*BUSY] {
            let mut all = objects(&[POD_MONITOR]);
            all.objects.entry(Kind::ALL[kind]).or_default().push(odd.clone());
            let generated = made(settings, &all);
            let name = json!("podMonitor/shop/db/0");
            prop_assert!(jobs(&generated).iter().any(|job| job["job_name"] == name));
            prop_assert!(generated.refused.iter().all(|refused| refused.name == "odd" && !refused.reason.is_empty()));
        }
    }
}
