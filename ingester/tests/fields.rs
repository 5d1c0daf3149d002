//! Every field of a scrape configuration that Prometheus documents has its effect.
#[allow(dead_code, reason = "each test uses a part of the world")]
mod world;

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::PathBuf,
    sync::Arc,
};

use axum::{body::Body, http::HeaderMap, response::Response};
use config::{Bundle, Config, Outside, Resolved, TargetGroup, targets};
use model::{JOB_LABEL, Labels, MatchOp, Matcher, is_stale_nan};
use parking_lot::Mutex;
use world::{EXPORTER, START, World};

/// The fields of Prometheus 3.14, without the mechanisms of discovery and with the parts of those that have some.
const DOCUMENTED: &str = "job_name scrape_interval scrape_timeout scrape_protocols fallback_scrape_protocol metrics_path \
    scheme params honor_labels honor_timestamps track_timestamps_staleness enable_compression \
    scrape_failure_log_file body_size_limit sample_limit label_limit label_name_length_limit \
    label_value_length_limit target_limit keep_dropped_targets metric_name_validation_scheme \
    metric_name_escaping_scheme native_histogram_bucket_limit native_histogram_min_bucket_factor \
    scrape_native_histograms convert_classic_histograms_to_nhcb always_scrape_classic_histograms \
    extra_scrape_metrics basic_auth authorization oauth2 follow_redirects enable_http2 tls_config proxy_url no_proxy \
    proxy_from_environment proxy_connect_header http_headers relabel_configs metric_relabel_configs";

/// Those that need more than this exporter, and the test that shows their effect.
const ELSEWHERE: [(&str, &str); 4] = [
    ("tls_config", "requests.rs: tls_is_spoken_as_the_job_says"),
    ("enable_http2", "requests.rs: tls_is_spoken_as_the_job_says"),
    (
        "proxy_from_environment",
        "fetch: the_environment_may_say_through_whom",
    ),
    (
        "proxy_connect_header",
        "fetch: a_proxy_is_asked_for_a_tunnel_with_its_own_headers",
    ),
];

/// What became of a job's target.
#[derive(Debug)]
struct Seen {
    /// The series with their last values, and the times of their own.
    lines: BTreeSet<String>,
    error: String,
    /// Of the last request.
    headers: HeaderMap,
    n_requests: u64,
    url: String,
    /// What the job makes of the exporter and two targets besides.
    resolved: Resolved,
}

impl Seen {
    fn has(&self, part: &str) -> bool {
        self.lines.iter().any(|line| line.contains(part))
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default()
    }
}

fn number(n: usize) -> Vec<u8> {
    match n {
        0..128 => vec![n as u8],
        _ => vec![n as u8 | 0x80, (n >> 7) as u8],
    }
}

fn field(of: usize, bytes: &[u8]) -> Vec<u8> {
    [&number(of << 3 | 2), &number(bytes.len()), bytes].concat()
}

/// A page of messages with one histogram, both classic and native: schema 0, one observation in (0.5, 1], one in (1, 2].
fn messages() -> Vec<u8> {
    let le = [&[8, 2, 0x11][..], &1_f64.to_le_bytes()].concat();
    let histogram = [
        &[8, 2][..],
        &field(3, &le),
        &field(12, &[8, 0, 16, 2]),
        &field(13, &[2, 0]),
    ];
    let metric = field(7, &histogram.concat());
    let family = [&field(1, b"h")[..], &[24, 4], &field(4, &metric)].concat();
    [number(family.len()), family].concat()
}

fn answer(content_type: &str, body: impl Into<Body>) -> Response {
    let answer = Response::builder().header("content-type", content_type);
    answer.body(body.into()).unwrap()
}

/// What the exporter has.
fn serve(world: &World, headers: Arc<Mutex<HeaderMap>>) {
    let text = "text/plain; version=0.0.4";
    let page = format!("m{{job=\"mine\",l=\"value\"}} 1\nn 2 {}\n", START + 1);
    let fixed = |path: &str, content_type: &'static str, page: String| {
        let exporter = &world.exporter;
        exporter.on(path, move |_| answer(content_type, page.clone()));
    };
    world.exporter.on("/metrics", move |asked| {
        headers.lock().clone_from(asked);
        answer(text, page.clone())
    });
    fixed("/other", text, "other 1\n".to_owned());
    fixed("/blank", "", "blank 1\n".to_owned());
    fixed(
        "/utf8",
        "text/plain; version=1.0.0",
        "{\"a.b\"} 1\n".to_owned(),
    );
    let classic = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_count 2\nh_sum 3\n";
    fixed("/classic", text, classic.to_owned());
    let token = r#"{"access_token": "t", "token_type": "bearer"}"#;
    fixed("/token", "application/json", token.to_owned());
    world.exporter.on("/redirect", |_| {
        let answer = Response::builder().status(302);
        answer
            .header("location", "/other")
            .body(Body::empty())
            .unwrap()
    });
    world.exporter.on("/messages", |asked| {
        let accept = asked["accept"].to_str().unwrap();
        match accept.starts_with("application/vnd.google.protobuf") {
            true => answer("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited", messages()),
            false => answer("text/plain", "h_count 2\n"),
        }
    });
    let vanishing = Mutex::new(format!("n 2 {}\n", START + 1));
    world.exporter.on("/vanishing", move |_| {
        let page = std::mem::take(&mut *vanishing.lock());
        answer(text, page + "rest 1\n")
    });
}

/// Lets a job with `fields` scrape for a while.
async fn seen(fields: &str) -> Seen {
    let config = format!(
        "global: {{scrape_interval: 2s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: a\n  {}\n",
        fields.replace('\n', "\n  ")
    );
    let bundle = Bundle {
        main: config.clone(),
        ..Bundle::default()
    };
    let read = Config::from_bundle(&bundle, &Outside::default());
    let job = read
        .unwrap_or_else(|error| panic!("{fields}: {error}"))
        .jobs
        .remove(0);
    let groups = |addresses: &[&str]| {
        let target = |address: &&str| [("__address__", *address)].into_iter().collect();
        [TargetGroup {
            source: "g".to_owned(),
            targets: addresses.iter().map(target).collect(),
            labels: Labels::empty(),
        }]
    };
    let resolved = targets(&job, &groups(&[EXPORTER, "dropped:1", "dropped:2"]));
    let target = targets(&job, &groups(&[EXPORTER])).active.remove(0);
    let url = target.url();
    let world = World::running(&config, vec![target]).await;
    let headers = Arc::new(Mutex::default());
    serve(&world, Arc::clone(&headers));
    let error = world.error_after(7).await;
    let any = Matcher::new(MatchOp::NotEqual, JOB_LABEL, "").unwrap();
    let groups = world.select(&[any]).await;
    let lines = groups.iter().flat_map(|group| &group.series).map(|series| {
        let last = series.values.len() - 1;
        let value = match (
            series.histograms.get(last),
            series.values.to_numbers()[last],
        ) {
            (Some(histogram), _) => histogram.to_string(),
            (None, value) if is_stale_nan(value) => "stale".to_owned(),
            (None, value) => value.to_string(),
        };
        let time = series.times.get(last).map(|time| format!(" @{time}"));
        format!("{} {value}{}", series.labels, time.unwrap_or_default())
    });
    let headers = headers.lock().clone();
    Seen {
        lines: lines.collect(),
        error,
        headers,
        n_requests: world.exporter.n_requests(),
        url,
        resolved,
    }
}

/// The fields whose effect was seen.
#[derive(Default)]
struct Effects {
    shown: BTreeSet<&'static str>,
    /// What was seen without them, by the fields that were there.
    without: HashMap<String, Seen>,
}

impl Effects {
    /// `holds` with `value` in `field`, and does not without it; `base` are the fields that are there anyway.
    async fn see(
        &mut self,
        field: &'static str,
        base: &str,
        value: &str,
        holds: impl Fn(&Seen) -> bool,
    ) {
        if !self.without.contains_key(base) {
            self.without.insert(base.to_owned(), seen(base).await);
        }
        let without = &self.without[base];
        assert!(!holds(without), "without {field}: {without:#?}");
        let with = seen(&format!("{base}\n{field}: {value}")).await;
        assert!(holds(&with), "with {field}: {value}: {with:#?}");
        self.shown.insert(field);
    }
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("pleiades-fields-{}-{name}", std::process::id()))
}

#[tokio::test(start_paused = true)]
async fn every_documented_field_has_its_effect() {
    let mut effects = Effects::default();
    let effects = &mut effects;
    where_and_when(effects).await;
    how_pages_are_read(effects).await;
    limits(effects).await;
    histograms(effects).await;
    requests(effects).await;
    let mut shown = effects.shown.clone();
    shown.extend(ELSEWHERE.map(|(field, _)| field));
    // The job's name is the label that all series were found by.
    shown.insert("job_name");
    let documented: BTreeSet<&str> = DOCUMENTED.split_whitespace().collect();
    assert_eq!(shown, documented);
}

async fn where_and_when(effects: &mut Effects) {
    effects
        .see("scrape_interval", "", "1s", |seen| seen.n_requests > 5)
        .await;
    let timeout = |seen: &Seen| seen.header("x-prometheus-scrape-timeout-seconds") == "0.5";
    effects.see("scrape_timeout", "", "500ms", timeout).await;
    effects
        .see("metrics_path", "", "/other", |seen| seen.has("\"other\""))
        .await;
    effects
        .see("scheme", "", "https", |seen| seen.error.contains("tls"))
        .await;
    let asks = |seen: &Seen| seen.url.ends_with("/metrics?x=y");
    effects.see("params", "", "{x: [y]}", asks).await;
    let rule = "[{target_label: zone, replacement: b}]";
    let relabelled = |seen: &Seen| seen.has("zone=\"b\"");
    effects.see("relabel_configs", "", rule, relabelled).await;
    let rule = "[{target_label: zone, replacement: b}]";
    effects
        .see("metric_relabel_configs", "", rule, relabelled)
        .await;
}

async fn how_pages_are_read(effects: &mut Effects) {
    let text = |seen: &Seen| seen.header("accept") == "text/plain;version=0.0.4;q=0.6,*/*;q=0.5";
    effects
        .see("scrape_protocols", "", "[PrometheusText0.0.4]", text)
        .await;
    let blank = |seen: &Seen| seen.has("\"blank\"");
    let field = "fallback_scrape_protocol";
    effects
        .see(field, "metrics_path: /blank", "PrometheusText0.0.4", blank)
        .await;
    effects
        .see("honor_labels", "", "true", |seen| seen.has(" job=\"mine\""))
        .await;
    let untimed = |seen: &Seen| !seen.has("@");
    effects.see("honor_timestamps", "", "false", untimed).await;
    let stale = |seen: &Seen| seen.has("stale");
    let field = "track_timestamps_staleness";
    effects
        .see(field, "metrics_path: /vanishing", "true", stale)
        .await;
    let plain = |seen: &Seen| seen.header("accept-encoding") == "identity";
    effects.see("enable_compression", "", "false", plain).await;
    let refused = |seen: &Seen| seen.error.starts_with("invalid metric name");
    let field = "metric_name_validation_scheme";
    effects
        .see(field, "metrics_path: /utf8", "legacy", refused)
        .await;
    let dots = |seen: &Seen| seen.header("accept").contains("escaping=dots");
    effects
        .see("metric_name_escaping_scheme", "", "dots", dots)
        .await;
    let extra = |seen: &Seen| seen.has("scrape_timeout_seconds");
    effects.see("extra_scrape_metrics", "", "true", extra).await;
}

async fn limits(effects: &mut Effects) {
    for (field, value, error) in [
        ("body_size_limit", "10B", "body size limit exceeded"),
        ("sample_limit", "1", "sample limit exceeded"),
        ("label_limit", "1", "label_limit exceeded"),
        (
            "label_name_length_limit",
            "2",
            "label_name_length_limit exceeded",
        ),
        (
            "label_value_length_limit",
            "2",
            "label_value_length_limit exceeded",
        ),
    ] {
        effects
            .see(field, "", value, |seen| seen.error.starts_with(error))
            .await;
    }
    let refused = |seen: &Seen| {
        let own = seen.resolved.active[0].settings.own.as_ref();
        own.is_some_and(|own| own.refusal.starts_with("target_limit exceeded"))
    };
    effects.see("target_limit", "", "2", refused).await;
    let dropping =
        "relabel_configs: [{source_labels: [__address__], regex: 'dropped:.', action: drop}]";
    let one = |seen: &Seen| seen.resolved.dropped.len() == 1 && seen.resolved.n_dropped == 2;
    effects
        .see("keep_dropped_targets", dropping, "1", one)
        .await;
}

async fn histograms(effects: &mut Effects) {
    let messages = "metrics_path: /messages";
    let native = "metrics_path: /messages\nscrape_native_histograms: true";
    let is_native = |seen: &Seen| seen.has("\"h\"") && seen.has("{count:2");
    effects
        .see("scrape_native_histograms", messages, "true", is_native)
        .await;
    let classic = |seen: &Seen| seen.has("h_count");
    effects
        .see("always_scrape_classic_histograms", native, "true", classic)
        .await;
    let too_many = |seen: &Seen| seen.error == "histogram bucket limit exceeded";
    effects
        .see("native_histogram_bucket_limit", native, "1", too_many)
        .await;
    let coarser = |seen: &Seen| seen.has("(1,4]:1");
    effects
        .see("native_histogram_min_bucket_factor", native, "4", coarser)
        .await;
    let converted = |seen: &Seen| seen.has("[-Inf,1]:2");
    let field = "convert_classic_histograms_to_nhcb";
    effects
        .see(field, "metrics_path: /classic", "true", converted)
        .await;
}

async fn requests(effects: &mut Effects) {
    let (user, secret, log) = (temporary("user"), temporary("secret"), temporary("log"));
    fs::write(&user, "me").unwrap();
    fs::write(&secret, "secret\n").unwrap();
    let basic = |seen: &Seen| seen.header("authorization") == "Basic bWU6c2VjcmV0";
    let files = format!(
        "{{username_file: {}, password_file: {}}}",
        user.display(),
        secret.display()
    );
    for value in ["{username: me, password: secret}", &files] {
        effects.see("basic_auth", "", value, basic).await;
    }
    let typed = |seen: &Seen| seen.header("authorization") == "Token x";
    effects
        .see("authorization", "", "{type: Token, credentials: x}", typed)
        .await;
    let bearer = |seen: &Seen| seen.header("authorization") == "Bearer secret";
    let file = format!("{{credentials_file: {}}}", secret.display());
    effects.see("authorization", "", &file, bearer).await;
    let token = |seen: &Seen| seen.header("authorization") == "Bearer t";
    let oauth2 =
        format!("{{client_id: c, client_secret: s, token_url: 'http://{EXPORTER}/token'}}");
    effects.see("oauth2", "", &oauth2, token).await;
    let found = |seen: &Seen| seen.error == "server returned HTTP status 302 Found";
    effects
        .see(
            "follow_redirects",
            "metrics_path: /redirect",
            "false",
            found,
        )
        .await;
    let behind = |seen: &Seen| seen.error.contains("proxy.inside");
    let proxy = "'http://proxy.inside:1'";
    effects.see("proxy_url", "", proxy, behind).await;
    let direct = |seen: &Seen| seen.error.is_empty();
    let proxied = format!("proxy_url: {proxy}");
    effects
        .see("no_proxy", &proxied, "exporter.inside", direct)
        .await;
    let mine = |seen: &Seen| seen.header("x-team") == "one";
    effects
        .see("http_headers", "", "{x-team: {values: [one]}}", mine)
        .await;
    let logged = |_: &Seen| fs::read_to_string(&log).is_ok_and(|text| text.contains("404"));
    let path = format!("'{}'", log.display());
    let field = "scrape_failure_log_file";
    effects
        .see(field, "metrics_path: /missing", &path, logged)
        .await;
    for path in [user, secret, log] {
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_field_that_is_not_known_is_refused_by_its_name() {
    let bundle = Bundle {
        main: "scrape_configs: [{job_name: a, scrape_everything: true}]".to_owned(),
        ..Bundle::default()
    };
    let error = Config::from_bundle(&bundle, &Outside::default()).unwrap_err();
    let error = runtime::Chain(&error).to_string();
    assert!(error.contains("scrape_everything"), "{error}");
}
