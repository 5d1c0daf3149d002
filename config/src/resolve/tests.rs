use super::*;
use crate::{Bundle, Config, Outside};

fn config(text: &str) -> Config {
    let bundle = Bundle {
        main: text.to_owned(),
        ..Bundle::default()
    };
    Config::from_bundle(&bundle, &Outside::default()).unwrap()
}

fn job(fields: &str) -> ScrapeJob {
    config(&format!("scrape_configs: [{{job_name: j{fields}}}]"))
        .jobs
        .remove(0)
}

fn group(targets: &[&[(&str, &str)]], labels: &[(&str, &str)]) -> TargetGroup {
    TargetGroup {
        source: "g".to_owned(),
        targets: targets
            .iter()
            .map(|pairs| pairs.iter().copied().collect())
            .collect(),
        labels: labels.iter().copied().collect(),
    }
}

#[test]
fn a_target_has_the_labels_of_its_group_and_job() {
    let job = job(", scrape_interval: 15s, params: {module: [a, b], x: [y]}");
    let groups = [group(
        &[&[("__address__", "h:1"), ("zone", "own")]],
        &[
            ("zone", "group"),
            ("env", "prod"),
            ("__param_module", "c"),
            ("__meta_x", "y"),
        ],
    )];
    let resolved = targets(&job, &groups);
    let [target] = resolved.active.as_slice() else {
        panic!("{resolved:?}");
    };
    expect_test::expect![[r#"{env="prod", instance="h:1", job="j", zone="own"}"#]]
        .assert_eq(&target.labels.to_string());
    expect_test::expect![[r#"{__address__="h:1", __always_scrape_classic_histograms__="false", __convert_classic_histograms_to_nhcb__="false", __meta_x="y", __metrics_path__="/metrics", __param_module="c", __param_x="y", __scheme__="http", __scrape_interval__="15s", __scrape_native_histograms__="false", __scrape_timeout__="10s", env="prod", job="j", zone="own"}"#]]
        .assert_eq(&target.discovered.to_string());
    assert_eq!(target.url(), "http://h:1/metrics?module=c&module=b&x=y");
    assert_eq!(target.settings.interval, Millis::from_seconds(15));
}

#[test]
fn relabelling_writes_where_and_how_to_scrape() {
    let job = job(
        ", relabel_configs: [{target_label: __address__, replacement: 'p:9'}, {target_label: __scheme__, replacement: https}, {target_label: __metrics_path__, replacement: probe}, {target_label: __scrape_interval__, replacement: 2m}, {target_label: __scrape_timeout__, replacement: 90s}, {target_label: __param_target, source_labels: [instance]}, {target_label: __tmp, replacement: x}]",
    );
    let groups = [group(&[&[("__address__", "h:1"), ("instance", "i")]], &[])];
    let target = &targets(&job, &groups).active[0];
    assert_eq!(target.url(), "https://p:9/probe?target=i");
    assert_eq!(target.settings.interval, Millis::from_seconds(120));
    assert_eq!(target.settings.timeout, Millis::from_seconds(90));
    assert_eq!(
        target.labels,
        Labels::from_pairs([("instance", "i"), ("job", "j")])
    );
}

#[test]
fn no_port_is_added_and_equal_targets_are_one() {
    let groups = [group(
        &[&[("__address__", "h")], &[("__address__", "h")]],
        &[],
    )];
    let resolved = targets(&job(""), &groups);
    assert_eq!(resolved.active.len(), 1);
    assert_eq!(resolved.active[0].settings.address, "h");
    assert_eq!(resolved.active[0].labels.value("instance"), "h");
}

#[test]
fn a_target_may_differ_from_its_job() {
    let job = job(", scrape_native_histograms: true");
    let group = group(
        &[&[
            ("__address__", "h"),
            ("__scrape_native_histograms__", "F"),
            ("__convert_classic_histograms_to_nhcb__", "1"),
            ("__unix_socket__", "/run/h.sock"),
        ]],
        &[],
    );
    let own = OwnSettings {
        native_histograms: Some(false),
        classic_to_nhcb: Some(true),
        unix_socket: "/run/h.sock".into(),
        ..OwnSettings::default()
    };
    assert_eq!(targets(&job, &[group]).active[0].settings.own, own.boxed());
}

#[test]
fn limits_of_targets_are_those_of_prometheus() {
    let job = job(
        ", target_limit: 1, keep_dropped_targets: 2, relabel_configs: [{action: drop, source_labels: [__address__], regex: 'd.'}]",
    );
    let of = |addresses: &[&str]| {
        let pairs: Vec<_> = addresses.iter().map(|a| [("__address__", *a)]).collect();
        let pairs: Vec<&[(&str, &str)]> = pairs.iter().map(|p| &p[..]).collect();
        targets(&job, &[group(&pairs, &[])])
    };
    let few = of(&["a", "d1", "d2", "d3"]);
    assert_eq!((few.dropped.len(), few.n_dropped), (2, 3));
    assert_eq!(few.active[0].settings.own, None);
    let many = of(&["a", "b"]);
    for target in &many.active {
        assert_eq!(
            &*target.settings.own.as_ref().unwrap().refusal,
            "target_limit exceeded (number of targets: 2, limit: 1)"
        );
    }
}

#[test]
fn dropped_targets_are_known_by_what_was_discovered() {
    let job = job(", relabel_configs: [{action: drop, source_labels: [__address__], regex: a}]");
    let groups = [group(
        &[&[("__address__", "a")], &[("__address__", "b")]],
        &[],
    )];
    let resolved = targets(&job, &groups);
    assert_eq!(resolved.active.len(), 1);
    assert_eq!(resolved.dropped[0].value("__address__"), "a");
    assert_eq!(resolved.dropped[0].value("job"), "j");
}

#[test]
fn what_makes_no_target_says_why() {
    #[track_caller]
    fn fails(pairs: &[(&str, &str)], what: &str) {
        let resolved = targets(&job(""), &[group(&[pairs], &[])]);
        let [error] = resolved.failed.as_slice() else {
            panic!("{resolved:?}");
        };
        assert_eq!(error.to_string(), format!("instance 0 in group g: {what}"));
    }
    fails(&[("a", "b")], "no address");
    fails(
        &[("__address__", "http://h")],
        r#""http://h" is not a valid hostname"#,
    );
    let h = ("__address__", "h");
    fails(
        &[h, ("__scrape_interval__", "x")],
        r#"error parsing scrape interval: not a valid duration string: "x""#,
    );
    fails(
        &[h, ("__scrape_interval__", "0s")],
        "scrape interval cannot be 0",
    );
    fails(
        &[h, ("__scrape_timeout__", "0s")],
        "scrape timeout cannot be 0",
    );
    fails(
        &[
            h,
            ("__scrape_interval__", "1s"),
            ("__scrape_timeout__", "2s"),
        ],
        r#"scrape timeout cannot be greater than scrape interval ("2s" > "1s")"#,
    );
    fails(
        &[h, ("__scrape_native_histograms__", "maybe")],
        r#"error parsing scrape native histograms: strconv.ParseBool: parsing "maybe": invalid syntax"#,
    );
}

#[test]
fn alertmanagers_have_an_address() {
    let all = config(
        "alerting: {alertmanagers: [{path_prefix: /a/, scheme: https, static_configs: [{targets: ['x:1', 'y:2']}], relabel_configs: [{action: drop, source_labels: [__address__], regex: 'y:2'}]}]}",
    )
    .alerting
    .alertmanagers
    .remove(0);
    let crate::Discovery::Static(groups) = &all.discovery[0] else {
        panic!("{all:?}");
    };
    let urls = alertmanager_urls(&all, groups);
    assert_eq!(urls, Ok(vec!["https://x:1/a/api/v2/alerts".to_owned()]));
    assert_eq!(alerts_path(""), "/api/v2/alerts");
}

#[test]
fn what_became_of_targets_is_told_with_all_but_their_meta_labels() {
    let job = job(
        ", relabel_configs: [{source_labels: [__meta_x], regex: drop, action: drop}, {source_labels: [__meta_x], target_label: x}]",
    );
    let target = |address, x| [("__address__", address), ("__meta_x", x)];
    let (kept, dropped, bad) = (
        target("h:1", "y"),
        target("h:2", "drop"),
        target("h:3/", "y"),
    );
    let groups = [group(&[&kept, &dropped, &bad, &kept], &[("env", "prod")])];
    let told = described(&job, &groups);
    let shown = |one: &Described| format!("{} {:?}", one.labels, one.error);
    let shown: Vec<String> = told.iter().map(shown).collect();
    expect_test::expect![[r#"
        {__address__="h:1", __always_scrape_classic_histograms__="false", __convert_classic_histograms_to_nhcb__="false", __metrics_path__="/metrics", __scheme__="http", __scrape_interval__="1m", __scrape_native_histograms__="false", __scrape_timeout__="10s", env="prod", instance="h:1", job="j", x="y"} None
        {} None
        {} Some("\"h:3/\" is not a valid hostname")"#]].assert_eq(&shown.join("\n"));
    let found: Vec<&str> = told
        .iter()
        .map(|one| one.discovered.value("__meta_x"))
        .collect();
    assert_eq!(found, ["y", "drop", "y"]);
}
