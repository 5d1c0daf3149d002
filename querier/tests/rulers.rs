//! Rules, alerts and the reload of the configuration.
#[allow(dead_code, reason = "each test uses a part of the double")]
mod double;

use double::{Cluster, Setup};
use expect_test::{Expect, expect};
use proto::v1;

fn labels(name: &str, value: &str) -> Option<v1::Labels> {
    Some(v1::Labels {
        labels: vec![v1::Label {
            name: name.to_owned(),
            value: value.to_owned(),
        }],
    })
}

fn groups() -> Vec<v1::RuleGroup> {
    let alerting = v1::Rule {
        name: "Down".to_owned(),
        query: "up == 0".to_owned(),
        labels: labels("severity", "page"),
        health: "ok".to_owned(),
        last_error: String::new(),
        evaluation_seconds: 0.5,
        last_evaluation_millis: 1_700_000_000_000,
        alerting: Some(v1::AlertingRule {
            state: "firing".to_owned(),
            for_seconds: 60.0,
            keep_firing_for_seconds: 0.0,
            annotations: labels("summary", "it is down"),
            alerts: vec![v1::Alert {
                labels: labels("alertname", "Down"),
                annotations: labels("summary", "it is down"),
                state: "firing".to_owned(),
                active_at_millis: 1_699_999_000_000,
                value: 0.0,
                keep_firing_since_millis: 0,
            }],
        }),
    };
    let recording = v1::Rule {
        name: "job:up:sum".to_owned(),
        query: "sum by (job) (up)".to_owned(),
        health: "err".to_owned(),
        last_error: "no".to_owned(),
        ..v1::Rule::default()
    };
    let group = |name: &str, rules| v1::RuleGroup {
        name: name.to_owned(),
        file: "rules.yml".to_owned(),
        interval_seconds: 15.0,
        rules,
        ..v1::RuleGroup::default()
    };
    vec![
        group("records", vec![recording]),
        group("alerts", vec![alerting]),
    ]
}

async fn cluster() -> Cluster {
    Setup::default().rules(groups()).start().await
}

#[track_caller]
fn check((status, body): (u16, String), expect: Expect) {
    expect.assert_eq(&format!("{status} {body}"));
}

#[tokio::test(start_paused = true)]
async fn rules_and_alerts_come_from_the_rulers() {
    let cluster = cluster().await;
    check(
        cluster.get("/api/v1/rules").await,
        expect![[
            r#"200 {"status":"success","data":{"groups":[{"name":"alerts","file":"rules.yml","rules":[{"state":"firing","name":"Down","query":"up == 0","duration":60,"keepFiringFor":0,"labels":{"severity":"page"},"annotations":{"summary":"it is down"},"alerts":[{"labels":{"alertname":"Down"},"annotations":{"summary":"it is down"},"state":"firing","activeAt":"2023-11-14T21:56:40Z","value":"0e+00"}],"health":"ok","evaluationTime":0.5,"lastEvaluation":"2023-11-14T22:13:20Z","type":"alerting"}],"interval":15,"limit":0,"evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z"},{"name":"records","file":"rules.yml","rules":[{"name":"job:up:sum","query":"sum by (job) (up)","labels":{},"health":"err","lastError":"no","evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}],"interval":15,"limit":0,"evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z"}]}}"#
        ]],
    );
    check(
        cluster.get("/api/v1/alerts").await,
        expect![[
            r#"200 {"status":"success","data":{"alerts":[{"labels":{"alertname":"Down"},"annotations":{"summary":"it is down"},"state":"firing","activeAt":"2023-11-14T21:56:40Z","value":"0e+00"}]}}"#
        ]],
    );
    check(
        cluster.get("/api/v1/alertmanagers").await,
        expect![[
            r#"200 {"status":"success","data":{"activeAlertmanagers":[{"url":"http://alertmanager:9093/api/v2/alerts"}],"droppedAlertmanagers":[]}}"#
        ]],
    );
}

#[tokio::test(start_paused = true)]
async fn rules_are_filtered_and_paged() {
    let cluster = cluster().await;
    let names = async |parameters: &str| {
        let (status, body) = cluster.get(&format!("/api/v1/rules?{parameters}")).await;
        assert_eq!(status, 200, "{body}");
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        let groups = answer["data"]["groups"].as_array().unwrap();
        let rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap());
        let names: Vec<String> = rules
            .map(|rule| rule["name"].as_str().unwrap().to_owned())
            .collect();
        let next = answer["data"]["groupNextToken"].as_str().map(str::to_owned);
        (names.join(" "), next)
    };
    for (parameters, rules) in [
        ("type=alert", "Down"),
        ("type=record", "job:up:sum"),
        ("rule_name[]=Down", "Down"),
        ("rule_group[]=records&file[]=rules.yml", "job:up:sum"),
        ("file[]=other.yml", ""),
        ("match[]=%7Bseverity=%22page%22%7D", "Down"),
    ] {
        assert_eq!(
            names(parameters).await,
            (rules.to_owned(), None),
            "{parameters}"
        );
    }
    let (first, next) = names("group_limit=1").await;
    assert_eq!(first, "Down");
    let rest = names(&format!("group_limit=1&group_next_token={}", next.unwrap())).await;
    assert_eq!(rest, ("job:up:sum".to_owned(), None));
    check(
        cluster.get("/api/v1/rules?type=x").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"type\": not supported value \"x\""}"#
        ]],
    );
    check(
        cluster.get("/api/v1/rules?group_next_token=x").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"group_next_token\": group_limit needs to be present in order to paginate over the groups"}"#
        ]],
    );
    check(
        cluster
            .get("/api/v1/rules?group_limit=1&group_next_token=x")
            .await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"group_next_token\": invalid group_next_token 'x'. were rule groups changed?"}"#
        ]],
    );
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_the_leaders_if_it_is_allowed() {
    let without = cluster().await;
    check(
        without.post("/-/reload", "").await,
        expect!["403 Lifecycle API is not enabled."],
    );
    let with = Setup::default().lifecycle().start().await;
    check(
        with.post("/-/reload", "").await,
        expect![[r#"
        500 failed to reload config: prometheus.yml: line 3: unknown field
    "#]],
    );
    check(
        with.get("/-/reload").await,
        expect!["405 Only POST or PUT requests allowed"],
    );
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_may_call() {
    let cluster = cluster().await;
    let head = "OPTIONS /api/v1/query HTTP/1.1\r\norigin: http://a\r\n";
    assert_eq!(cluster.call(head, "").await, (204, String::new()));
}
