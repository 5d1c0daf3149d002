//! What less common fields of objects and of the manifest give.
use serde_json::{Value, json};

use super::{jobs, made, settings};

/// The one job of `text` under a manifest with `spec`.
fn job(spec: &str, text: &str) -> Value {
    let generated = made(&settings(spec), &[text]);
    assert_eq!(generated.refused, []);
    jobs(&generated).remove(0)
}

/// Why `text` is refused.
fn refusal(spec: &str, text: &str) -> String {
    let generated = made(&settings(spec), &[text]);
    generated.refused.into_iter().map(|r| r.reason).collect()
}

/// A ServiceMonitor with one endpoint.
fn monitor(spec: &str, endpoint: &str) -> String {
    format!(
        "kind: ServiceMonitor\nmetadata: {{name: web, namespace: shop}}\nspec: {{endpoints: [{{port: web{endpoint}}}]{spec}}}"
    )
}

fn has(job: &Value, list: &str, step: &Value) -> bool {
    job[list].as_array().unwrap().contains(step)
}

#[test]
fn a_role_selector_asks_the_api_server() {
    let selector = ", selectorMechanism: RoleSelector, selector: {matchLabels: {tier: web}, matchExpressions: \
        [{key: env, operator: NotIn, values: [test, dev]}, {key: app, operator: In, values: [b, a]}, \
        {key: old, operator: DoesNotExist}, {key: x, operator: Exists}]}";
    let with = job("", &monitor(selector, ""));
    let label = "app in (a,b),env notin (dev,test),!old,tier=web,x";
    let expected = json!([
        {"role": "endpoints", "label": label}, {"role": "service", "label": label},
    ]);
    assert_eq!(with["kubernetes_sd_configs"][0]["selectors"], expected);
    // No step of relabelling looks at the labels then.
    assert!(!with["relabel_configs"].to_string().contains("labelpresent"));
    let slices = job(
        "  serviceDiscoveryRole: EndpointSlice\n",
        &monitor(selector, ""),
    );
    let roles = &slices["kubernetes_sd_configs"][0]["selectors"];
    assert_eq!(roles[0]["role"], "endpointslice");

    let pods = "kind: PodMonitor\nmetadata: {name: db, namespace: shop}\nspec: {selectorMechanism: RoleSelector, \
        selector: {matchLabels: {app: db}}, podMetricsEndpoints: [{port: m}]}";
    let selectors = &job("", pods)["kubernetes_sd_configs"][0]["selectors"];
    assert_eq!(*selectors, json!([{"role": "pod", "label": "app=db"}]));
}

#[test]
fn a_number_of_a_port_is_kept_but_no_endpoint() {
    let pods = |endpoint: &str| {
        let text = format!(
            "kind: PodMonitor\nmetadata: {{name: db, namespace: shop}}\nspec: {{podMetricsEndpoints: [{endpoint}]}}"
        );
        job("", &text)
    };
    let kept = json!({"action": "keep", "source_labels": ["__meta_kubernetes_pod_container_port_number"], "regex": "9100"});
    let numbered = pods("{portNumber: 9100}");
    assert!(has(&numbered, "relabel_configs", &kept));
    assert!(!numbered["relabel_configs"].to_string().contains("endpoint"));
    let older = pods("{portNumber: 0, targetPort: 9100}");
    assert!(has(&older, "relabel_configs", &kept));
    let endpoint = json!({"target_label": "endpoint", "replacement": "9100"});
    assert!(has(&older, "relabel_configs", &endpoint));
}

#[test]
fn a_type_of_authorization_goes_with_the_credentials_of_the_class() {
    let class = "  scrapeClasses: [{name: mesh, default: true, authorization: {credentialsFile: /token}}]\n";
    let own = |endpoint: &str| job(class, &monitor("", endpoint));
    let whole = json!({"type": "Bearer", "credentials_file": "/token"});
    assert_eq!(own("")["authorization"], whole);
    assert_eq!(own(", authorization: {}")["authorization"], whole);
    let typed = json!({"type": "Basic2", "credentials_file": "/token"});
    assert_eq!(
        own(", authorization: {type: Basic2}")["authorization"],
        typed
    );
    let secret = own(", authorization: {credentials: {name: s, key: k}}");
    let expected = json!({"type": "Bearer", "credentials": "secret"});
    assert_eq!(secret["authorization"], expected);
    let basic = own(", basicAuth: {username: {name: s, key: u}, password: {name: s, key: p}}");
    assert!(basic.get("authorization").is_none());
}

#[test]
fn a_timeout_of_all_is_no_longer_than_an_interval() {
    let all = "  scrapeInterval: 1m\n  scrapeTimeout: 20s\n";
    let times = |endpoint: &str| {
        let job = job(all, &monitor("", endpoint));
        (
            job["scrape_interval"].clone(),
            job["scrape_timeout"].clone(),
        )
    };
    assert_eq!(times(""), (json!("1m"), json!("20s")));
    assert_eq!(times(", interval: 15s"), (json!("15s"), json!("15s")));
    assert_eq!(times(", interval: 30s"), (json!("30s"), json!("20s")));
    assert_eq!(
        times(", interval: 30s, scrapeTimeout: 5s"),
        (json!("30s"), json!("5s"))
    );
    let scraped =
        "kind: ScrapeConfig\nmetadata: {name: a, namespace: shop}\nspec: {scrapeInterval: 5s}";
    assert_eq!(job(all, scraped)["scrape_timeout"], "5s");
    let longer = refusal("", &monitor("", ", interval: 5s, scrapeTimeout: 6s"));
    assert!(
        longer.contains("scrape timeout greater than scrape interval"),
        "{longer}"
    );
}

#[test]
fn what_holds_for_all_is_in_each_job() {
    let all = "  scrapeProtocols: [PrometheusText0.0.4]\n  scrapeNativeHistograms: true\n  \
        convertClassicHistogramsToNHCB: true\n  overrideHonorLabels: true\n  overrideHonorTimestamps: true\n  \
        nameEscapingScheme: AllowUTF8\n  nameValidationScheme: UTF8\n  podTargetLabels: [team]\n  \
        ignoreNamespaceSelectors: true\n";
    let mine = monitor(
        ", namespaceSelector: {any: true}, scrapeNativeHistograms: false",
        ", honorLabels: true, honorTimestamps: true",
    );
    let job = job(all, &mine);
    assert_eq!(job["scrape_protocols"], json!(["PrometheusText0.0.4"]));
    assert_eq!(job["scrape_native_histograms"], false);
    assert_eq!(job["convert_classic_histograms_to_nhcb"], true);
    assert_eq!(job["honor_labels"], false);
    assert_eq!(job["honor_timestamps"], false);
    assert_eq!(job["metric_name_escaping_scheme"], "allow-utf-8");
    assert_eq!(job["metric_name_validation_scheme"], "utf8");
    let team = json!({"source_labels": ["__meta_kubernetes_pod_label_team"], "target_label": "team",
        "regex": "(.+)", "replacement": "${1}"});
    assert!(has(&job, "relabel_configs", &team));
    let own = json!([{"role": "endpoints", "namespaces": {"names": ["shop"]}}]);
    assert_eq!(job["kubernetes_sd_configs"], own);
}

#[test]
fn the_lower_of_own_and_enforced_limits_holds() {
    let all = "  sampleLimit: 70\n  enforcedTargetLimit: 5\n  enforcedLabelLimit: 30\n  labelNameLengthLimit: 9\n  \
        enforcedLabelNameLengthLimit: 8\n  enforcedBodySizeLimit: 1MB\n";
    let mine = monitor(", targetLimit: 9, labelLimit: 20, bodySizeLimit: 2MB", "");
    let job = job(all, &mine);
    let limits = [
        "sample_limit",
        "target_limit",
        "label_limit",
        "label_name_length_limit",
    ];
    let limits = limits.map(|name| job[name].as_u64());
    assert_eq!(limits, [Some(70), Some(5), Some(20), Some(8)]);
    assert_eq!(job["body_size_limit"], "1MB");
}

#[test]
fn a_probe_says_how_http_is_spoken() {
    let probe = "kind: Probe\nmetadata: {name: site, namespace: shop}\nspec: {prober: {url: 'prober:9115'}, \
        enableHttp2: false, followRedirects: false, targets: {staticConfig: {static: [a.example]}}}";
    let job = job("", probe);
    assert_eq!(job["enable_http2"], false);
    assert_eq!(job["follow_redirects"], false);
}

#[test]
fn a_scrape_config_without_relabelling_gets_no_enforced_target_label() {
    let enforced = json!({"target_label": "namespace", "replacement": "shop"});
    let with = |relabelings: &str| {
        let text = format!(
            "kind: ScrapeConfig\nmetadata: {{name: s, namespace: shop}}\nspec: {{staticConfigs: [{{targets: [a]}}]{relabelings}}}"
        );
        job("  enforcedNamespaceLabel: namespace\n", &text)
    };
    let plain = with("");
    assert!(has(&plain, "metric_relabel_configs", &enforced));
    assert!(!has(&plain, "relabel_configs", &enforced));
    let own = with(", relabelings: [{targetLabel: namespace, replacement: other}]");
    assert_eq!(
        own["relabel_configs"].as_array().unwrap().last(),
        Some(&enforced)
    );
}

#[test]
fn rules_may_be_excluded_in_the_old_way() {
    let rules = "kind: PrometheusRule\nmetadata: {name: r, namespace: shop, uid: '1'}\n\
        spec: {groups: [{name: g, later: 1, rules: [{record: a, expr: b, later: 2}]}]}";
    let expr = |exclusion: &str| {
        let all = format!("  enforcedNamespaceLabel: ns\n{exclusion}");
        let generated = made(&settings(&all), &[rules]);
        assert_eq!(generated.refused, []);
        let file: Value = serde_json::from_str(&generated.files["rules/shop-r-1.yaml"]).unwrap();
        file["groups"][0]["rules"][0]["expr"].clone()
    };
    assert_eq!(expr(""), "b{ns=\"shop\"}");
    let exclusion = "  prometheusRulesExcludedFromEnforce: [{ruleNamespace: shop, ruleName: r}]\n";
    assert_eq!(expr(exclusion), "b");
}

#[test]
fn a_selector_that_kubernetes_refuses_is_refused() {
    let wrong = refusal("", &monitor(", selector: {matchLabels: {app: 'a|b'}}", ""));
    assert!(
        wrong.starts_with("spec.selector.matchLabels.app: a label's value must be"),
        "{wrong}"
    );
    let wrong = refusal("", &monitor(", selectorMechanism: Other", ""));
    assert_eq!(
        wrong,
        "spec.selectorMechanism: expected RelabelConfig or RoleSelector"
    );
}

#[test]
fn a_refusal_names_the_field() {
    let wrong = |endpoint: &str| refusal("", &monitor("", endpoint));
    assert_eq!(
        wrong(", params: {a: b}"),
        "spec.endpoints[0].params.a: expected a list, found a string"
    );
    let step = wrong(", relabelings: [{targetLabel: a}, {regex: '(', targetLabel: b}]");
    assert!(
        step.starts_with("spec.endpoints[0].relabelings[1]: error parsing regexp"),
        "{step}"
    );
    let often = wrong(", interval: often");
    assert!(
        often.starts_with("spec.endpoints[0].interval: not a valid duration"),
        "{often}"
    );
    let basic = wrong(", basicAuth: {username: {name: s, key: u}}");
    assert_eq!(
        basic,
        "spec.endpoints[0].basicAuth.password: the name of a secret is needed"
    );
    let scraped = |spec: &str| {
        refusal(
            "",
            &format!(
                "kind: ScrapeConfig\nmetadata: {{name: a, namespace: shop}}\nspec: {{{spec}}}"
            ),
        )
    };
    assert_eq!(
        scraped("dnsSDConfigs: [{names: [a], type: A, port: '9'}]"),
        "spec.dnsSDConfigs[0].port: expected a whole number, found a string"
    );
    let unsupported = scraped("ec2SDConfigs: [{region: a}]");
    assert!(
        unsupported.starts_with("spec.ec2SDConfigs: this discovery is not supported"),
        "{unsupported}"
    );
}

#[test]
fn docker_and_consul_are_asked_with_filters() {
    let text = "kind: ScrapeConfig\nmetadata: {name: a, namespace: shop}\nspec:\n  dockerSDConfigs: \
        [{host: 'unix:///d', port: 8, matchFirstNetwork: false, filters: [{name: b, values: [z]}, {name: a, values: [x]}]}]\n  \
        consulSDConfigs: [{server: 'c:8500', nodeMeta: {rack: '1'}, filter: f, healthFilter: h, allowStale: false, tags: []}]";
    let job = job("", text);
    let docker = json!([{"host": "unix:///d", "port": 8, "match_first_network": false,
        "filters": [{"name": "a", "values": ["x"]}, {"name": "b", "values": ["z"]}]}]);
    assert_eq!(job["docker_sd_configs"], docker);
    let consul = json!([{"server": "c:8500", "node_meta": {"rack": "1"}, "filter": "f", "health_filter": "h",
        "allow_stale": false}]);
    assert_eq!(job["consul_sd_configs"], consul);
}

#[test]
fn a_mistake_in_the_manifest_is_told_when_it_is_read() {
    let told = |spec: &str| {
        let head = "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: k8s, namespace: m}\nspec:";
        crate::Settings::parse(&format!("{head} {{{spec}}}"))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        told("enforcedSampleLimit: many"),
        "spec.enforcedSampleLimit: expected a whole number, found a string"
    );
    assert!(told("scrapeInterval: often").starts_with("spec.scrapeInterval: "));
    assert_eq!(
        told("scrapeClasses: [{name: a, tlsConfig: {caFile: 1}}]"),
        "spec.scrapeClasses[0].tlsConfig.caFile: expected a string, found a number"
    );
    let step = told("scrapeClasses: [{name: a, relabelings: [{regex: '(', targetLabel: b}]}]");
    assert!(
        step.starts_with("spec.scrapeClasses[0].relabelings[0]: "),
        "{step}"
    );
    assert!(
        told("enforcedNamespaceLabel: 'a b', serviceDiscoveryRole: Pods")
            .contains("expected Endpoints")
    );
}
