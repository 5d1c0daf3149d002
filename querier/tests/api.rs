//! The HTTP API as Grafana and other clients call it, over doubles on the other side of the wire.
#[allow(dead_code, reason = "each test uses a part of the double")]
mod double;

use double::{Behaviour, Cluster, NOW_SECONDS, Setup, group};
use expect_test::{Expect, expect};
use model::GroupSlice;

/// Two targets: one whose series `gone` vanishes, one with a name that needs quotes.
fn slices(rank: u8) -> Vec<GroupSlice> {
    let all =
        |from: f64| -> Vec<Option<f64>> { (0..5).map(|i| Some(from + f64::from(i))).collect() };
    vec![
        group(
            1,
            rank,
            &[
                (
                    &[("__name__", "up"), ("instance", "a:1"), ("job", "a")],
                    &[Some(1.0); 5],
                ),
                (
                    &[("__name__", "n_total"), ("instance", "a:1"), ("job", "a")],
                    &all(10.0),
                ),
                (
                    &[("__name__", "gone"), ("instance", "a:1"), ("job", "a")],
                    &[Some(7.0), Some(0.25)],
                ),
            ],
        ),
        group(
            0x8000_0000_0000_0000,
            rank,
            &[
                (
                    &[("__name__", "up"), ("instance", "b:1"), ("job", "a")],
                    &[Some(0.0); 5],
                ),
                (
                    &[
                        ("__name__", "http.n"),
                        ("instance", "b:1"),
                        ("job", "a"),
                        ("é", "\"\n"),
                    ],
                    &[Some(f64::NAN); 5],
                ),
            ],
        ),
    ]
}

/// Two ingesters that hold the same.
async fn pair() -> Cluster {
    let setup = Setup::default().ingester(Behaviour::Well, slices(0));
    setup.ingester(Behaviour::Well, slices(0)).start().await
}

/// Compares the status and body of `GET path`; `NOW` in it is the time.
#[track_caller]
fn check((status, body): (u16, String), expect: Expect) {
    expect.assert_eq(&format!("{status} {body}"));
}

fn at(path: &str) -> String {
    path.replace("NOW", &NOW_SECONDS.to_string())
        .replace("HOUR_AGO", &(NOW_SECONDS - 3600).to_string())
}

#[tokio::test(start_paused = true)]
async fn instant_queries() {
    let cluster = pair().await;
    let get = async |query: &str| cluster.get(&format!("/api/v1/query?query={query}")).await;
    check(
        get("up").await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","instance":"a:1","job":"a"},"value":[1700000000,"1"]},{"metric":{"__name__":"up","instance":"b:1","job":"a"},"value":[1700000000,"0"]}]}}"#
        ]],
    );
    check(
        get("gone").await,
        expect![[r#"200 {"status":"success","data":{"resultType":"vector","result":[]}}"#]],
    );
    check(
        get("gone[1m]").await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"gone","instance":"a:1","job":"a"},"values":[[1699999955,"0.25"]]}]}}"#
        ]],
    );
    check(
        get("sum(rate(n_total[1m]))").await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"0.06666666666666665"]}]}}"#
        ]],
    );
    check(
        get("%7B%22http.n%22%7D").await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"http.n","instance":"b:1","job":"a","é":"\"\n"},"value":[1700000000,"NaN"]}]}}"#
        ]],
    );
    check(
        get("1%2B1&time=4").await,
        expect![[r#"200 {"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#]],
    );
    check(
        get("%22text%22&time=4.5").await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"string","result":[4.500,"text"]}}"#
        ]],
    );
    check(
        get("up&limit=1").await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","instance":"a:1","job":"a"},"value":[1700000000,"1"]}]},"warnings":["results truncated due to limit"]}"#
        ]],
    );
    check(
        get("rate(up[1m])").await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{"instance":"a:1","job":"a"},"value":[1700000000,"0"]},{"metric":{"instance":"b:1","job":"a"},"value":[1700000000,"0"]}]},"infos":["PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"up\" (1:6)"]}"#
        ]],
    );
}

#[tokio::test(start_paused = true)]
async fn costs_are_told_to_those_who_ask() {
    let cluster = pair().await;
    let path = "/api/v1/query?query=count(n_total)&stats=all";
    check(
        cluster.get(path).await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"1"]}],"stats":{"timings":{"evalTotalTime":0,"resultSortTime":0,"queryPreparationTime":0,"innerEvalTime":0,"execQueueTime":0,"execTotalTime":0},"samples":{"totalQueryableSamples":1,"peakSamples":1}}}}"#
        ]],
    );
    let path = "/api/v1/query_range?query=count_over_time(n_total[1m])&start=NOW&end=NOW&step=30&stats=true";
    let (_, told) = cluster.get(&at(path)).await;
    assert!(
        told.contains(r#""samples":{"totalQueryableSamples":4,"peakSamples":4}"#),
        "{told}"
    );
    let (_, odd) = cluster.get("/api/v1/query?query=1&stats=x").await;
    assert!(
        odd.contains("value \\\"x\\\" for parameter \\\"stats\\\" is deprecated"),
        "{odd}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_each_step_looked_at_is_told_where_that_is_switched_on() {
    let settings = querier::QuerySettings {
        per_step_stats: true,
        ..querier::QuerySettings::default()
    };
    let setup = Setup::default().query(settings);
    let setup = setup.ingester(Behaviour::Well, slices(0));
    let cluster = setup.ingester(Behaviour::Well, slices(0)).start().await;
    let ask = async |stats: &str| {
        let path = "/api/v1/query_range?query=count_over_time(n_total[1m])&start=1699999970&end=NOW&step=30&stats=";
        let (_, told) = cluster.get(&at(&format!("{path}{stats}"))).await;
        told.split_once(r#""samples":"#).unwrap().1.to_owned()
    };
    assert_eq!(
        ask("all").await,
        r#"{"totalQueryableSamplesPerStep":[[1699999970,3],[1700000000,4]],"totalQueryableSamples":7,"peakSamples":4}}}}"#
    );
    assert_eq!(
        ask("true").await,
        r#"{"totalQueryableSamples":7,"peakSamples":4}}}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn range_queries() {
    let cluster = pair().await;
    // The configured evaluation interval is the step of a subquery that names none.
    let path = at("/api/v1/query?query=count_over_time(n_total[30s:])&time=NOW");
    check(
        cluster.get(&path).await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{"instance":"a:1","job":"a"},"value":[1700000000,"2"]}]}}"#
        ]],
    );
    check(
        cluster.get("/api/v1/alertmanagers").await,
        expect![[
            r#"200 {"status":"success","data":{"activeAlertmanagers":[{"url":"http://alertmanager:9093/api/v2/alerts"}],"droppedAlertmanagers":[]}}"#
        ]],
    );
    let path = at("/api/v1/query_range?query=n_total&start=NOW.5&end=NOW.5&step=15");
    check(
        cluster.get(&path).await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"n_total","instance":"a:1","job":"a"},"values":[[1700000000.500,"14"]]}]}}"#
        ]],
    );
    let form = at("query=sum(up)&start=HOUR_AGO&end=NOW&step=30m");
    check(
        cluster.post("/api/v1/query_range", &form).await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1700000000,"1"]]}]}}"#
        ]],
    );
    let form = "query=gone&start=2023-11-14T22:12:20Z&end=2023-11-14T22:13:20Z&step=15s";
    check(
        cluster.post("/api/v1/query_range", form).await,
        expect![[
            r#"200 {"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"gone","instance":"a:1","job":"a"},"values":[[1699999940,"7"],[1699999955,"0.25"]]}]}}"#
        ]],
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_have_prometheus_texts_and_codes() {
    let cluster = pair().await;
    let get = async |path: &str| cluster.get(&at(&format!("/api/v1/{path}"))).await;
    check(
        get("query?query=up%7B").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:4: parse error: unexpected end of input inside braces"}"#
        ]],
    );
    check(
        get("query?query=").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": unknown position: parse error: no expression found in input"}"#
        ]],
    );
    check(
        get("query?query=up&time=x").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp"}"#
        ]],
    );
    check(
        get("query?query=up&timeout=x").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"timeout\": cannot parse \"x\" to a valid duration"}"#
        ]],
    );
    check(
        get("query?query=up&limit=x").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax"}"#
        ]],
    );
    check(
        get("query?query=up%2Bon(job)n_total%2Bon(job)up").await,
        expect![[
            r#"422 {"status":"error","errorType":"execution","error":"multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"}"#
        ]],
    );
    check(
        get("query_range?query=up&end=1&step=1").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"start\": cannot parse \"\" to a valid timestamp"}"#
        ]],
    );
    check(
        get("query_range?query=up&start=2&end=1&step=1").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"end\": end timestamp must not be before start time"}"#
        ]],
    );
    check(
        get("query_range?query=up&start=1&end=2&step=0").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer"}"#
        ]],
    );
    check(
        get("query_range?query=up&start=0&end=11001&step=1").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"}"#
        ]],
    );
    check(
        get("query_range?query=up[1m]&start=0&end=1&step=1").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"}"#
        ]],
    );
    check(
        get("series").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"no match[] parameter provided"}"#
        ]],
    );
    check(
        get("series?match[]=%7B%7D").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"match[]\": match[] must contain at least one non-empty matcher"}"#
        ]],
    );
    check(
        get("labels?match[]=%7B").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"1:2: parse error: unexpected end of input inside braces"}"#
        ]],
    );
    check(
        get("nothing").await,
        expect![[r#"
        404 404 page not found
    "#]],
    );
}

#[tokio::test(start_paused = true)]
async fn labels_and_series() {
    let cluster = pair().await;
    let get = async |path: &str| cluster.get(&at(&format!("/api/v1/{path}"))).await;
    check(
        get("labels?start=HOUR_AGO&end=NOW").await,
        expect![[r#"200 {"status":"success","data":["__name__","instance","job","é"]}"#]],
    );
    check(
        get("labels?match[]=up&limit=2").await,
        expect![[
            r#"200 {"status":"success","data":["__name__","instance"],"warnings":["results truncated due to limit"]}"#
        ]],
    );
    check(
        get("label/__name__/values?limit=40000").await,
        expect![[r#"200 {"status":"success","data":["gone","http.n","n_total","up"]}"#]],
    );
    check(
        get("label/U___e9_/values").await,
        expect![[r#"200 {"status":"success","data":["\"\n"]}"#]],
    );
    check(
        get("label/instance/values?match[]=n_total&match[]=gone").await,
        expect![[r#"200 {"status":"success","data":["a:1"]}"#]],
    );
    check(
        cluster
            .post("/api/v1/series", "match[]=up&match[]=gone")
            .await,
        expect![[
            r#"200 {"status":"success","data":[{"__name__":"gone","instance":"a:1","job":"a"},{"__name__":"up","instance":"a:1","job":"a"},{"__name__":"up","instance":"b:1","job":"a"}]}"#
        ]],
    );
    check(
        get("series?match[]=up&limit=1").await,
        expect![[
            r#"200 {"status":"success","data":[{"__name__":"up","instance":"a:1","job":"a"}],"warnings":["results truncated due to limit"]}"#
        ]],
    );
}

#[tokio::test(start_paused = true)]
async fn what_grafana_asks_at_its_start() {
    let cluster = pair().await;
    let get = async |path: &str| cluster.get(&format!("/api/v1/{path}")).await;
    check(
        get("status/buildinfo").await,
        expect![[
            r#"200 {"status":"success","data":{"version":"3.14.0","revision":"pleiades-0.1.0","branch":"","buildUser":"","buildDate":"","goVersion":""}}"#
        ]],
    );
    check(
        get("metadata").await,
        expect![[
            r#"200 {"status":"success","data":{"requests":[{"type":"counter","help":"All requests.","unit":""}],"up":[{"type":"gauge","help":"","unit":""}]}}"#
        ]],
    );
    check(
        get("rules").await,
        expect![[r#"200 {"status":"success","data":{"groups":[]}}"#]],
    );
    check(
        get("alerts").await,
        expect![[r#"200 {"status":"success","data":{"alerts":[]}}"#]],
    );
    let form = "query=test&start=1700000000000&end=1700001800000";
    check(
        cluster.post("/api/v1/query_exemplars", form).await,
        expect![[r#"200 {"status":"success","data":[]}"#]],
    );
    check(
        get("status/config").await,
        expect![[
            r#"200 {"status":"success","data":{"yaml":"global:\n  evaluation_interval: 15s\n  scrape_interval: 1m\n  scrape_timeout: 10s\nscrape_configs:\n- job_name: a\n  basic_auth:\n    username: me\n    password: <secret>\n  relabel_configs:\n  - source_labels:\n    - __address__\n    - x\n    regex: (.*):1;\n    target_label: host\n  - source_labels:\n    - host\n    regex: b\n    action: Drop\n  - source_labels:\n    - host\n    modulus: 7\n    target_label: hash\n    action: hashmod\n  honor_timestamps: true\n  track_timestamps_staleness: false\n  scrape_interval: 1m\n  scrape_timeout: 10s\n  scrape_protocols:\n  - OpenMetricsText1.0.0\n  - OpenMetricsText0.0.1\n  - PrometheusText1.0.0\n  - PrometheusText0.0.4\n  metrics_path: /metrics\n  scheme: http\n  enable_compression: true\n  follow_redirects: true\n  enable_http2: true\nalerting:\n  alertmanagers:\n  - static_configs:\n    - targets:\n      - alertmanager:9093\n"}}"#
        ]],
    );
    check(
        get("status/tsdb").await,
        expect![[
            r#"200 {"status":"success","data":{"headStats":{"numSeries":5,"numLabelPairs":8,"chunkCount":0,"minTime":1,"maxTime":2},"seriesCountByMetricName":[{"name":"up","value":2},{"name":"gone","value":1},{"name":"http.n","value":1},{"name":"n_total","value":1}],"labelValueCountByLabelName":[{"name":"__name__","value":4},{"name":"instance","value":2},{"name":"job","value":1},{"name":"é","value":1}],"memoryInBytesByLabelName":[{"name":"__name__","value":61},{"name":"instance","value":55},{"name":"job","value":20},{"name":"é","value":4}],"seriesCountByLabelValuePair":[{"name":"job=a","value":5},{"name":"instance=a:1","value":3},{"name":"__name__=up","value":2},{"name":"instance=b:1","value":2},{"name":"__name__=gone","value":1},{"name":"__name__=http.n","value":1},{"name":"__name__=n_total","value":1},{"name":"é=\"\n","value":1}]}}"#
        ]],
    );
    check(
        get("format_query?query=sum(up)by(job)").await,
        expect![[r#"200 {"status":"success","data":"sum by (job) (up)"}"#]],
    );
    // The probe of a ruler's API must fail cleanly.
    check(
        cluster.get("/rules/test/test").await,
        expect![[r#"
        404 404 page not found
    "#]],
    );
    let (status, page) = cluster.get("/").await;
    assert!(status == 200 && page.contains("Pleiades"));
}

#[tokio::test(start_paused = true)]
async fn targets_are_joined_with_their_scrapes() {
    let cluster = pair().await;
    check(
        cluster.get("/api/v1/targets").await,
        expect![[
            r#"200 {"status":"success","data":{"activeTargets":[{"discoveredLabels":{"__address__":"a:1"},"labels":{"instance":"a:1","job":"a"},"scrapePool":"a","scrapeUrl":"http://a:1/metrics","globalUrl":"http://a:1/metrics","lastError":"connection refused","lastScrape":"2023-11-14T22:13:10.500Z","lastScrapeDuration":0.25,"health":"down","scrapeInterval":"15s","scrapeTimeout":"10s"},{"discoveredLabels":{"__address__":"b:1"},"labels":{"instance":"b:1","job":"a"},"scrapePool":"a","scrapeUrl":"http://b:1/metrics","globalUrl":"http://b:1/metrics","lastError":"","lastScrape":"0001-01-01T00:00:00Z","lastScrapeDuration":0,"health":"unknown","scrapeInterval":"15s","scrapeTimeout":"10s"}],"droppedTargets":[{"discoveredLabels":{"__address__":"c:1"},"scrapePool":"a"}],"droppedTargetCounts":{"a":1}}}"#
        ]],
    );
    check(
        cluster
            .get("/api/v1/targets?state=dropped&scrapePool=b")
            .await,
        expect![[
            r#"200 {"status":"success","data":{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{"a":1}}}"#
        ]],
    );
    check(
        cluster.get("/api/v1/targets/metadata?metric=up").await,
        expect![[
            r#"200 {"status":"success","data":[{"target":{"job":"a"},"type":"gauge","help":"","unit":""}]}"#
        ]],
    );
    check(
        cluster.get("/api/v1/scrape_pools").await,
        expect![[r#"200 {"status":"success","data":{"scrapePools":["a"]}}"#]],
    );
}

#[tokio::test(start_paused = true)]
async fn relabelling_is_told_rule_by_rule() {
    let cluster = pair().await;
    let get = async |pool: &str, labels: &str| {
        let parameters = form_urlencoded::Serializer::new(String::new())
            .append_pair("scrapePool", pool)
            .append_pair("labels", labels)
            .finish();
        let path = format!("/api/v1/targets/relabel_steps?{parameters}");
        cluster.get(&path).await
    };
    check(
        get("a", r#"{"__address__":"a:1"}"#).await,
        expect![[
            r#"200 {"status":"success","data":{"steps":[{"rule":{"source_labels":["__address__","x"],"separator":";","regex":"(.*):1;","target_label":"host","replacement":"$1","action":"replace"},"output":{"__address__":"a:1","host":"a"},"keep":true},{"rule":{"source_labels":["host"],"separator":";","regex":"b","replacement":"$1","action":"drop"},"output":{"__address__":"a:1","host":"a"},"keep":true},{"rule":{"source_labels":["host"],"separator":";","regex":"(.*)","modulus":7,"target_label":"hash","replacement":"$1","action":"hashmod"},"output":{"__address__":"a:1","hash":"2","host":"a"},"keep":true}]}}"#
        ]],
    );
    check(
        get("a", r#"{"__address__":"b:1"}"#).await,
        expect![[
            r#"200 {"status":"success","data":{"steps":[{"rule":{"source_labels":["__address__","x"],"separator":";","regex":"(.*):1;","target_label":"host","replacement":"$1","action":"replace"},"output":{"__address__":"b:1","host":"b"},"keep":true},{"rule":{"source_labels":["host"],"separator":";","regex":"b","replacement":"$1","action":"drop"},"output":{},"keep":false},{"rule":{"source_labels":["host"],"separator":";","regex":"(.*)","modulus":7,"target_label":"hash","replacement":"$1","action":"hashmod"},"output":{},"keep":false}]}}"#
        ]],
    );
    check(
        get("", "{}").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"no scrapePool parameter provided"}"#
        ]],
    );
    check(
        get("a", "").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"no labels parameter provided"}"#
        ]],
    );
    check(
        get("a", "[]").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"error parsing labels: invalid type: sequence, expected a map at line 1 column 0"}"#
        ]],
    );
    check(
        get("b", "{}").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"error retrieving scrape config: scrape pool \"b\" not found"}"#
        ]],
    );
}

#[tokio::test(start_paused = true)]
async fn expressions_are_shown_as_trees() {
    let cluster = pair().await;
    let parse = async |query: &str| {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("query", query)
            .finish();
        cluster.post("/api/v1/parse_query", &form).await
    };
    check(
        parse("-1.5").await,
        expect![[r#"200 {"status":"success","data":{"type":"numberLiteral","val":"-1.5"}}"#]],
    );
    check(
        parse("(\"a\")").await,
        expect![[
            r#"200 {"status":"success","data":{"type":"parenExpr","expr":{"type":"stringLiteral","val":"a"}}}"#
        ]],
    );
    check(
        parse("topk by (x) (2, rate(up{job!=\"a\"}[5m] offset 1m))").await,
        expect![[
            r#"200 {"status":"success","data":{"type":"aggregation","op":"topk","expr":{"type":"call","func":{"name":"rate","argTypes":["matrix"],"variadic":0,"returnType":"vector"},"args":[{"type":"matrixSelector","range":300000,"name":"up","matchers":[{"name":"__name__","value":"up","type":"="},{"name":"job","value":"a","type":"!="}],"offset":60000,"timestamp":null,"startOrEnd":null,"anchored":false,"smoothed":false}]},"param":{"type":"numberLiteral","val":"2"},"grouping":["x"],"without":false}}"#
        ]],
    );
    check(
        parse("a @ 1.5 * on (x) group_left (y) b @ end()").await,
        expect![[
            r#"200 {"status":"success","data":{"type":"binaryExpr","op":"*","lhs":{"type":"vectorSelector","name":"a","matchers":[{"name":"__name__","value":"a","type":"="}],"offset":0,"timestamp":1500,"startOrEnd":null,"anchored":false,"smoothed":false},"rhs":{"type":"vectorSelector","name":"b","matchers":[{"name":"__name__","value":"b","type":"="}],"offset":0,"timestamp":null,"startOrEnd":"end","anchored":false,"smoothed":false},"matching":{"card":"many-to-one","labels":["x"],"on":true,"include":["y"],"fillValues":{"lhs":null,"rhs":null}},"bool":false}}"#
        ]],
    );
    check(
        parse("1 > bool 2").await,
        expect![[
            r#"200 {"status":"success","data":{"type":"binaryExpr","op":">","lhs":{"type":"numberLiteral","val":"1"},"rhs":{"type":"numberLiteral","val":"2"},"matching":null,"bool":true}}"#
        ]],
    );
    check(
        parse("min_over_time((a)[1h:1m] @ start())").await,
        expect![[
            r#"200 {"status":"success","data":{"type":"call","func":{"name":"min_over_time","argTypes":["matrix"],"variadic":0,"returnType":"vector"},"args":[{"type":"subquery","range":3600000,"step":60000,"expr":{"type":"parenExpr","expr":{"type":"vectorSelector","name":"a","matchers":[{"name":"__name__","value":"a","type":"="}],"offset":0,"timestamp":null,"startOrEnd":null,"anchored":false,"smoothed":false}},"offset":0,"timestamp":null,"startOrEnd":"start"}]}}"#
        ]],
    );
    check(
        parse("sum(").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis"}"#
        ]],
    );
    check(
        cluster.get("/api/v1/parse_query?query=1").await,
        expect![[r#"200 {"status":"success","data":{"type":"numberLiteral","val":"1"}}"#]],
    );
}

#[tokio::test(start_paused = true)]
async fn what_an_interface_asks_of_the_server() {
    let cluster = pair().await;
    let get = async |path: &str| cluster.get(&format!("/api/v1/{path}")).await;
    check(
        get("status/walreplay").await,
        expect![[r#"200 {"status":"success","data":{"min":0,"max":0,"current":0}}"#]],
    );
    check(
        get("notifications").await,
        expect![[r#"200 {"status":"success","data":[]}"#]],
    );
    let (status, features) = get("features").await;
    let features: serde_json::Value = serde_json::from_str(&features).unwrap();
    let has = |category: &str, name: &str| features["data"][category][name].as_bool();
    assert_eq!(status, 200);
    assert_eq!(has("promql_functions", "rate"), Some(true));
    assert_eq!(has("promql_functions", "info"), Some(false));
    assert_eq!(has("promql_operators", "limitk"), Some(false));
    assert_eq!(has("promql_operators", "=="), Some(true));
    assert_eq!(has("promql", "anchored"), Some(false));
    assert_eq!(has("api", "lifecycle"), Some(false));
    let (_, info) = get("status/runtimeinfo").await;
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let at_start = "2023-11-14T22:13:20Z";
    for time in ["startTime", "serverTime", "lastConfigTime"] {
        assert_eq!(info["data"][time], at_start, "{info}");
    }
    assert_eq!(info["data"]["reloadConfigSuccess"], true);
    check(
        get("status/flags").await,
        expect![[
            r#"200 {"status":"success","data":{"discoverers":"discoverer.inside:1","grpc.listen-address":"querier.inside:9095","id":"querier-0","query.lookback-delta":"5m","query.max-concurrency":"20","query.max-samples":"50000000","query.timeout":"2m","web.enable-lifecycle":"false","web.enable-remote-write-receiver":"false","web.listen-address":"querier.inside:9090"}}"#
        ]],
    );
    check(
        get("alertmanagers").await,
        expect![[
            r#"200 {"status":"success","data":{"activeAlertmanagers":[{"url":"http://alertmanager:9093/api/v2/alerts"}],"droppedAlertmanagers":[]}}"#
        ]],
    );
    check(
        get("query_exemplars?query=up&start=5&end=1").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"end timestamp must not be before start timestamp"}"#
        ]],
    );
    check(
        get("query_exemplars?query=up{").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"1:4: parse error: unexpected end of input inside braces"}"#
        ]],
    );
    check(
        get("targets/metadata?limit=x").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"limit must be a number"}"#
        ]],
    );
    check(
        get("targets/metadata?match_target={").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"match_target\": 1:2: parse error: unexpected end of input inside braces"}"#
        ]],
    );
    check(
        get("targets/metadata?limit=0").await,
        expect![[r#"200 {"status":"success","data":[]}"#]],
    );
    check(
        get("targets/metadata?match_target={job=%22a%22}&limit=1").await,
        expect![[
            r#"200 {"status":"success","data":[{"target":{"job":"a"},"metric":"requests","type":"counter","help":"All requests.","unit":""}]}"#
        ]],
    );
    check(
        get("metadata?limit=1").await,
        expect![[
            r#"200 {"status":"success","data":{"requests":[{"type":"counter","help":"All requests.","unit":""}]}}"#
        ]],
    );
    check(
        get("metadata?limit=-1&limit_per_metric=1&metric=up").await,
        expect![[
            r#"200 {"status":"success","data":{"up":[{"type":"gauge","help":"","unit":""}]}}"#
        ]],
    );
    check(
        get("metadata?limit_per_metric=x").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"limit_per_metric must be a number"}"#
        ]],
    );
    check(
        get("targets?state=active&scrapePool=b").await,
        expect![[
            r#"200 {"status":"success","data":{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":null}}"#
        ]],
    );
    check(
        get("status/tsdb?limit=0").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"limit must be a positive number"}"#
        ]],
    );
    check(
        get("status/tsdb?limit=10001").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"limit must not exceed 10000"}"#
        ]],
    );
    check(
        get("status/tsdb?limit=1").await,
        expect![[
            r#"200 {"status":"success","data":{"headStats":{"numSeries":5,"numLabelPairs":8,"chunkCount":0,"minTime":1,"maxTime":2},"seriesCountByMetricName":[{"name":"up","value":2}],"labelValueCountByLabelName":[{"name":"__name__","value":4}],"memoryInBytesByLabelName":[{"name":"__name__","value":61}],"seriesCountByLabelValuePair":[{"name":"job=a","value":5}]}}"#
        ]],
    );
}

#[tokio::test(start_paused = true)]
async fn exemplars_of_both_replicas_are_told_once() {
    let cluster = pair().await;
    check(
        cluster
            .get("/api/v1/query_exemplars?query=rate(n_total[5m])%2Bsum(nothing)")
            .await,
        expect![[
            r#"200 {"status":"success","data":[{"seriesLabels":{"__name__":"n_total","instance":"a:1","job":"a"},"exemplars":[{"labels":{"trace_id":"x"},"value":"0.5","timestamp":1699999990},{"labels":{"trace_id":"x"},"value":"1.5","timestamp":1699999990.250}]}]}"#
        ]],
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_one_of_every_ingester_or_an_error() {
    let post = async |cluster: &Cluster, query: &str| {
        let path = format!("/api/v1/admin/tsdb/snapshot{query}");
        cluster.post(&path, "").await
    };
    check(
        post(&pair().await, "").await,
        expect![[
            r#"503 {"status":"error","errorType":"unavailable","error":"admin APIs disabled"}"#
        ]],
    );
    let well = Setup::default().admin().ingester(Behaviour::Well, vec![]);
    let well = well.start().await;
    let (status, body) = post(&well, "?skip_head=true").await;
    let start = r#"{"status":"success","data":{"name":"20231114T221320Z-"#;
    assert!(status == 200 && body.starts_with(start), "{status} {body}");
    check(
        post(&well, "?skip_head=maybe").await,
        expect![[
            r#"400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"skip_head\": unable to parse boolean \"maybe\""}"#
        ]],
    );
    let full = Setup::default().admin().ingester(Behaviour::Well, vec![]);
    let full = full.ingester(Behaviour::Full, vec![]).start().await;
    let (status, body) = post(&full, "").await;
    assert_eq!(status, 503);
    assert!(body.contains("the disk is full"), "{body}");
}
