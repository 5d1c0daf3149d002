//! What objects of each kind give.
use expect_test::expect;
use serde_json::{Value, json};

use super::{jobs, lines, made, objects, settings};
use crate::{Kind, Settings, Store, generate, references};

pub(super) const SERVICE_MONITOR: &str = "
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web, namespace: shop, labels: {team: a}}
spec:
  jobLabel: app.kubernetes.io/name
  targetLabels: [tier]
  podTargetLabels: [pod-hash]
  namespaceSelector: {any: true}
  selector:
    matchLabels: {app: web}
    matchExpressions:
    - {key: env, operator: NotIn, values: [dev, test]}
    - {key: prod, operator: Exists}
  sampleLimit: 5000
  endpoints:
  - port: metrics
    interval: 15s
    scheme: HTTPS
    honorLabels: true
    basicAuth: {username: {name: auth, key: user}, password: {name: auth, key: pass}}
    tlsConfig: {ca: {configMap: {name: ca, key: ca.crt}}, insecureSkipVerify: false}
    relabelings: [{sourceLabels: [__meta_a], targetLabel: a, action: Replace}]
    metricRelabelings: [{sourceLabels: [__name__], regex: go_.*, action: drop}]
  - targetPort: 8080
    path: /other
";

#[test]
fn a_service_monitor_has_a_job_for_each_endpoint() {
    let settings = settings("  enforcedSampleLimit: 1000\n  serviceDiscoveryRole: EndpointSlice\n");
    let generated = made(&settings, &[SERVICE_MONITOR]);
    assert_eq!(generated.refused, []);
    let jobs = jobs(&generated);
    assert_eq!(jobs.len(), 2);
    expect![[r#"
        basic_auth: {"password":"secret","username":"secret"}
        honor_labels: true
        job_name: "serviceMonitor/shop/web/0"
        kubernetes_sd_configs: [{"role":"endpointslice"}]
        metric_relabel_configs:
        - {"action":"drop","regex":"go_.*","source_labels":["__name__"]}
        relabel_configs:
        - {"source_labels":["job"],"target_label":"__tmp_prometheus_job_name"}
        - {"action":"keep","regex":"(web);true","source_labels":["__meta_kubernetes_service_label_app","__meta_kubernetes_service_labelpresent_app"]}
        - {"action":"drop","regex":"(dev|test);true","source_labels":["__meta_kubernetes_service_label_env","__meta_kubernetes_service_labelpresent_env"]}
        - {"action":"keep","regex":"true","source_labels":["__meta_kubernetes_service_labelpresent_prod"]}
        - {"action":"keep","regex":"metrics","source_labels":["__meta_kubernetes_endpointslice_port_name"]}
        - {"regex":"Node;(.*)","replacement":"${1}","separator":";","source_labels":["__meta_kubernetes_endpointslice_address_target_kind","__meta_kubernetes_endpointslice_address_target_name"],"target_label":"node"}
        - {"regex":"Pod;(.*)","replacement":"${1}","separator":";","source_labels":["__meta_kubernetes_endpointslice_address_target_kind","__meta_kubernetes_endpointslice_address_target_name"],"target_label":"pod"}
        - {"source_labels":["__meta_kubernetes_namespace"],"target_label":"namespace"}
        - {"source_labels":["__meta_kubernetes_service_name"],"target_label":"service"}
        - {"source_labels":["__meta_kubernetes_pod_name"],"target_label":"pod"}
        - {"source_labels":["__meta_kubernetes_pod_container_name"],"target_label":"container"}
        - {"action":"drop","regex":"(Failed|Succeeded)","source_labels":["__meta_kubernetes_pod_phase"]}
        - {"regex":"(.+)","replacement":"${1}","source_labels":["__meta_kubernetes_service_label_tier"],"target_label":"tier"}
        - {"regex":"(.+)","replacement":"${1}","source_labels":["__meta_kubernetes_pod_label_pod_hash"],"target_label":"pod_hash"}
        - {"replacement":"${1}","source_labels":["__meta_kubernetes_service_name"],"target_label":"job"}
        - {"regex":"(.+)","replacement":"${1}","source_labels":["__meta_kubernetes_service_label_app_kubernetes_io_name"],"target_label":"job"}
        - {"replacement":"metrics","target_label":"endpoint"}
        - {"action":"replace","source_labels":["__meta_a"],"target_label":"a"}
        sample_limit: 1000
        scheme: "https"
        scrape_interval: "15s"
        tls_config: {"ca":"secret","insecure_skip_verify":false}
    "#]]
    .assert_eq(&lines(&jobs[0]));
    assert_eq!(jobs[1]["metrics_path"], "/other");
    assert_eq!(jobs[1]["scrape_interval"], "30s");
    let steps = jobs[1]["relabel_configs"].as_array().unwrap();
    assert!(steps.contains(&json!({
        "action": "keep", "regex": "8080",
        "source_labels": ["__meta_kubernetes_pod_container_port_number"],
    })));
    assert!(steps.contains(&json!({"target_label": "endpoint", "replacement": "8080"})));
}

pub(super) const POD_MONITOR: &str = "
kind: PodMonitor
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  podMetricsEndpoints: [{port: metrics, authorization: {credentials: {name: token, key: t}}}]
";

#[test]
fn a_pod_monitor_has_a_job_for_each_endpoint() {
    let generated = made(&settings(""), &[POD_MONITOR]);
    assert_eq!(generated.refused, []);
    expect![[r#"
        authorization: {"credentials":"secret","type":"Bearer"}
        job_name: "podMonitor/shop/db/0"
        kubernetes_sd_configs: [{"namespaces":{"names":["shop"]},"role":"pod"}]
        relabel_configs:
        - {"source_labels":["job"],"target_label":"__tmp_prometheus_job_name"}
        - {"action":"drop","regex":"(Failed|Succeeded)","source_labels":["__meta_kubernetes_pod_phase"]}
        - {"action":"keep","regex":"(db);true","source_labels":["__meta_kubernetes_pod_label_app","__meta_kubernetes_pod_labelpresent_app"]}
        - {"action":"keep","regex":"metrics","source_labels":["__meta_kubernetes_pod_container_port_name"]}
        - {"source_labels":["__meta_kubernetes_namespace"],"target_label":"namespace"}
        - {"source_labels":["__meta_kubernetes_pod_container_name"],"target_label":"container"}
        - {"source_labels":["__meta_kubernetes_pod_name"],"target_label":"pod"}
        - {"replacement":"shop/db","target_label":"job"}
        - {"replacement":"metrics","target_label":"endpoint"}
        scrape_interval: "30s"
    "#]]
    .assert_eq(&lines(&jobs(&generated)[0]));
}

#[test]
fn probes_ask_their_prober_about_targets_and_ingresses() {
    let fixed = "
kind: Probe
metadata: {name: sites, namespace: shop}
spec:
  prober: {url: 'blackbox:9115'}
  module: http_2xx
  jobName: sites
  targets: {staticConfig: {static: [example.org], labels: {env: prod}}}
";
    let ingress = "
kind: Probe
metadata: {name: ways, namespace: shop}
spec:
  prober: {url: 'blackbox:9115', path: /other}
  targets: {ingress: {selector: {matchLabels: {public: 'yes'}}}}
";
    let generated = made(&settings(""), &[fixed, ingress]);
    assert_eq!(generated.refused, []);
    let jobs = jobs(&generated);
    expect![[r#"
        honor_timestamps: true
        job_name: "probe/shop/sites"
        metrics_path: "/probe"
        params: {"module":["http_2xx"]}
        relabel_configs:
        - {"source_labels":["job"],"target_label":"__tmp_prometheus_job_name"}
        - {"replacement":"sites","target_label":"job"}
        - {"source_labels":["__address__"],"target_label":"__param_target"}
        - {"source_labels":["__param_target"],"target_label":"instance"}
        - {"replacement":"blackbox:9115","target_label":"__address__"}
        scrape_interval: "30s"
        static_configs: [{"labels":{"env":"prod","namespace":"shop"},"targets":["example.org"]}]
    "#]]
    .assert_eq(&lines(&jobs[0]));
    expect![[r#"
        honor_timestamps: true
        job_name: "probe/shop/ways"
        kubernetes_sd_configs: [{"namespaces":{"names":["shop"]},"role":"ingress"}]
        metrics_path: "/other"
        relabel_configs:
        - {"source_labels":["job"],"target_label":"__tmp_prometheus_job_name"}
        - {"action":"keep","regex":"(yes);true","source_labels":["__meta_kubernetes_ingress_label_public","__meta_kubernetes_ingress_labelpresent_public"]}
        - {"action":"replace","regex":"(.+);(.+);(.+)","replacement":"${1}://${2}${3}","separator":";","source_labels":["__meta_kubernetes_ingress_scheme","__address__","__meta_kubernetes_ingress_path"],"target_label":"__param_target"}
        - {"source_labels":["__meta_kubernetes_namespace"],"target_label":"namespace"}
        - {"source_labels":["__meta_kubernetes_ingress_name"],"target_label":"ingress"}
        - {"action":"replace","regex":"(.*)","replacement":"$1","separator":";","source_labels":["__address__"],"target_label":"__tmp_ingress_address"}
        - {"source_labels":["__param_target"],"target_label":"instance"}
        - {"replacement":"blackbox:9115","target_label":"__address__"}
        scrape_interval: "30s"
    "#]]
    .assert_eq(&lines(&jobs[1]));
}

#[test]
fn a_scrape_config_brings_its_own_discovery() {
    let text = "
kind: ScrapeConfig
metadata: {name: outside, namespace: shop}
spec:
  jobName: outside
  metricsPath: /m
  scrapeInterval: 1m
  staticConfigs: [{targets: ['a:1'], labels: {x: w}}]
  httpSDConfigs: [{url: 'http://sd/', refreshInterval: 30s, basicAuth: {username: {name: s, key: u}, password: {name: s, key: p}}}]
  consulSDConfigs: [{server: 'consul:8500', scheme: HTTP, tokenRef: {name: s, key: t}, services: [web]}]
  kubernetesSDConfigs: [{role: Pod, namespaces: {names: [a]}, selectors: [{role: Pod, label: 'a=b'}], attachMetadata: {node: true}}]
  dnsSDConfigs: [{names: [a.b], type: A, port: 9}]
  relabelings: [{targetLabel: z, replacement: '1'}]
";
    let generated = made(&settings(""), &[text]);
    assert_eq!(generated.refused, []);
    expect![[r#"
        consul_sd_configs: [{"scheme":"http","server":"consul:8500","services":["web"],"token":"secret"}]
        dns_sd_configs: [{"names":["a.b"],"port":9,"type":"A"}]
        http_sd_configs: [{"basic_auth":{"password":"secret","username":"secret"},"refresh_interval":"30s","url":"http://sd/"}]
        job_name: "scrapeConfig/shop/outside"
        kubernetes_sd_configs: [{"attach_metadata":{"node":true},"namespaces":{"names":["a"]},"role":"pod","selectors":[{"label":"a=b","role":"pod"}]}]
        metrics_path: "/m"
        relabel_configs:
        - {"source_labels":["job"],"target_label":"__tmp_prometheus_job_name"}
        - {"action":"replace","replacement":"outside","target_label":"job"}
        - {"replacement":"1","target_label":"z"}
        scrape_interval: "1m"
        static_configs: [{"labels":{"x":"w"},"targets":["a:1"]}]
    "#]]
    .assert_eq(&lines(&jobs(&generated)[0]));
}

pub(super) const RULES: &str = "
kind: PrometheusRule
metadata: {name: alerts, namespace: shop, uid: '7'}
spec:
  groups:
  - name: g
    interval: ''
    partial_response_strategy: warn
    rules:
    - {alert: Down, expr: 'up == 0 or sum(rate(x{namespace=\"other\"}[5m])) > 1', for: 5m}
    - {record: one, expr: 1}
";

#[test]
fn a_rule_object_is_a_file() {
    let generated = made(&settings(""), &[RULES]);
    assert_eq!(generated.refused, []);
    let file: Value = serde_json::from_str(&generated.files["rules/shop-alerts-7.yaml"]).unwrap();
    let expected = json!({"groups": [{"name": "g", "rules": [
        {"alert": "Down", "expr": "up == 0 or sum(rate(x{namespace=\"other\"}[5m])) > 1", "for": "5m"},
        {"record": "one", "expr": "1"},
    ]}]});
    assert_eq!(file, expected);
}

#[test]
fn an_enforced_namespace_is_in_every_series() {
    let excluded = "  enforcedNamespaceLabel: namespace\n  excludedFromEnforcement: [{resource: podmonitors, namespace: shop}]\n";
    let generated = made(&settings(excluded), &[RULES, SERVICE_MONITOR, POD_MONITOR]);
    assert_eq!(generated.refused, []);
    let file = &generated.files["rules/shop-alerts-7.yaml"];
    let file: Value = serde_json::from_str(file).unwrap();
    let rule = &file["groups"][0]["rules"][0];
    assert_eq!(
        rule["expr"],
        "up{namespace=\"shop\"} == 0 or sum(rate(x{namespace=\"shop\"}[5m])) > 1"
    );
    assert_eq!(rule["labels"], json!({"namespace": "shop"}));
    let enforced = json!({"target_label": "namespace", "replacement": "shop"});
    let jobs = jobs(&generated);
    for list in ["relabel_configs", "metric_relabel_configs"] {
        assert_eq!(jobs[0][list].as_array().unwrap().last(), Some(&enforced));
    }
    assert!(jobs[2].get("metric_relabel_configs").is_none());
}

#[test]
fn selectors_take_what_they_say() {
    let manifest = |spec: &str| {
        let text = format!(
            "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {{name: p, namespace: shop}}\nspec: {spec}"
        );
        Settings::parse(&text).unwrap()
    };
    let n = |spec: &str| {
        let settings = manifest(spec);
        let mut all = objects(&[SERVICE_MONITOR]);
        all.namespaces.insert(
            "shop".to_owned(),
            [("env".to_owned(), "a".to_owned())].into(),
        );
        generate(&settings, &all, &Default::default()).selected[&Kind::ServiceMonitor]
    };
    assert_eq!(n("{}"), 0);
    assert_eq!(n("{serviceMonitorSelector: {}}"), 1);
    assert_eq!(n("{serviceMonitorSelector: {matchLabels: {team: b}}}"), 0);
    let ns = |selector: &str| {
        n(&format!(
            "{{serviceMonitorSelector: {{}}, serviceMonitorNamespaceSelector: {selector}}}"
        ))
    };
    assert_eq!(
        ns("{matchExpressions: [{key: env, operator: In, values: [a, b]}]}"),
        1
    );
    assert_eq!(
        ns("{matchExpressions: [{key: env, operator: DoesNotExist}]}"),
        0
    );
}

#[test]
fn one_bad_object_spoils_no_other() {
    let bad = [
        (
            "endpoints: [{port: m, interval: often}]",
            "not a valid duration string",
        ),
        (
            "endpoints: [{port: 7}]",
            "spec.endpoints[0].port: expected a string, found a number",
        ),
        (
            "endpoints: [{port: m, basicAuth: {username: {name: none, key: k}}}]",
            "key \"k\" in secret \"bad/none\" not found",
        ),
        (
            "endpoints: [{port: m, metricRelabelings: [{action: hashmod, targetLabel: a}]}]",
            "modulus",
        ),
        (
            "scrapeClass: none",
            "scrapeClass \"none\" not found in Prometheus scrapeClasses",
        ),
        (
            "selector: {matchExpressions: [{key: a, operator: Like}]}\n  endpoints: [{port: m}]",
            "\"Like\" is not a valid label selector operator",
        ),
        (
            "endpoints: [{port: m, bearerTokenFile: /x}]",
            "it accesses file system via bearer token file",
        ),
    ];
    let settings = settings("  arbitraryFSAccessThroughSMs: {deny: true}\n");
    for (spec, reason) in bad {
        let text = format!(
            "kind: ServiceMonitor\nmetadata: {{name: b, namespace: bad}}\nspec:\n  {spec}\n"
        );
        let all = objects(&[&text, SERVICE_MONITOR]);
        let values = references(&settings, &all);
        let values = values.into_iter().filter(|r| r.name != "none");
        let values = values.map(|r| (r, "secret".to_owned())).collect();
        let generated = generate(&settings, &all, &values);
        assert_eq!(jobs(&generated).len(), 2, "{spec}");
        let [refused] = &generated.refused[..] else {
            panic!("{spec}: {:?}", generated.refused);
        };
        assert!(
            refused.reason.contains(reason),
            "{spec}: {}",
            refused.reason
        );
    }
}

#[test]
fn only_named_secrets_are_asked_for() {
    let all = objects(&[SERVICE_MONITOR, POD_MONITOR]);
    let asked: Vec<String> = references(&settings(""), &all)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        asked,
        [
            "key \"pass\" in secret \"shop/auth\"",
            "key \"user\" in secret \"shop/auth\"",
            "key \"t\" in secret \"shop/token\"",
            "key \"ca.crt\" in configmap \"shop/ca\"",
        ]
    );
    assert_eq!(
        references(&settings(""), &all).last().unwrap().store,
        Store::ConfigMap
    );
}

#[test]
fn other_manifests_are_refused() {
    let error = |text: &str| Settings::parse(text).unwrap_err().to_string();
    expect!["expected a manifest of apiVersion \"monitoring.coreos.com/v1\" and kind \"Prometheus\", found \"v1\" and \"Pod\""]
        .assert_eq(&error("apiVersion: v1\nkind: Pod"));
    let head = "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nspec: ";
    expect!["spec.ruleSelector: expected an object, found a string"]
        .assert_eq(&error(&format!("{head}{{ruleSelector: all}}")));
    expect!["spec.scrapeClasses: multiple default scrape classes defined"].assert_eq(&error(
        &format!(
            "{head}{{scrapeClasses: [{{name: a, default: true}}, {{name: b, default: true}}]}}"
        ),
    ));
}

#[test]
fn a_scrape_class_fills_in_what_is_not_said() {
    let class = "
  scrapeClasses:
  - name: mesh
    default: true
    tlsConfig: {caFile: /ca, certFile: /cert, keyFile: /key}
    relabelings: [{targetLabel: mesh, replacement: 'yes'}]
";
    let generated = made(&settings(class), &[POD_MONITOR, SERVICE_MONITOR]);
    assert_eq!(generated.refused, []);
    let jobs = jobs(&generated);
    let whole = json!({"ca_file": "/ca", "cert_file": "/cert", "key_file": "/key"});
    assert_eq!(jobs[2]["tls_config"], whole);
    let filled = json!({"ca": "secret", "cert_file": "/cert", "key_file": "/key", "insecure_skip_verify": false});
    assert_eq!(jobs[0]["tls_config"], filled);
    let steps = jobs[2]["relabel_configs"].as_array().unwrap();
    assert_eq!(
        steps.last(),
        Some(&json!({"target_label": "mesh", "replacement": "yes"}))
    );
}
