//! How targets are asked: what a request carries, over what, and in which form the page comes.
#[allow(dead_code, reason = "each test uses a part of the world")]
mod world;

use std::{sync::Arc, time::Duration};

use axum::{http::HeaderMap, response::Response};
use model::{Matcher, Millis, OwnSettings};
use runtime::{Components, InProcess, Offload, SystemClock};
use world::{CONFIG, World, seconds, target};

#[tokio::test(start_paused = true)]
async fn requests_carry_what_the_job_says() {
    let config = r#"
scrape_configs:
- job_name: a
  basic_auth: {username: me, password: secret}
  http_headers: {x-team: {values: [one, two]}}
  honor_labels: true
  metric_relabel_configs:
  - {source_labels: [__name__], regex: drop_.*, action: drop}
"#;
    let mut asked = target("a", "/metrics");
    asked.settings.params = vec![("module".to_owned(), vec!["x y".to_owned()])];
    let world = World::running(config, vec![asked]).await;
    world.exporter.on("/metrics", |headers| {
        let of = |name: &str| {
            let values: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|v| v.to_str().unwrap())
                .collect();
            values.join(",")
        };
        assert_eq!(of("authorization"), "Basic bWU6c2VjcmV0");
        assert_eq!(of("x-team"), "one,two");
        assert_eq!(of("x-prometheus-scrape-timeout-seconds"), "5");
        assert_eq!(of("accept-encoding"), "gzip");
        assert!(of("accept").starts_with("application/openmetrics-text;version=1.0.0"));
        assert!(of("user-agent").starts_with("Pleiades/"));
        let answer = Response::builder().header("content-type", "text/plain; version=0.0.4");
        answer
            .body("m{job=\"mine\"} 1\ndrop_me 1\n".into())
            .unwrap()
    });
    assert_eq!(world.error_after(15).await, "");
    let groups = world.select(&[Matcher::equal("job", "mine")]).await;
    assert_eq!(groups[0].series[0].labels.metric_name(), "m");
    assert!(world.values("drop_me").await.is_empty());
    assert_eq!(
        world.values("scrape_samples_post_metric_relabeling").await,
        [1.0]
    );
}

#[tokio::test(start_paused = true)]
async fn tls_is_spoken_as_the_job_says() {
    let signed = rcgen::generate_simple_self_signed(["exporter.inside".to_owned()]).unwrap();
    let (cert, key) = (signed.cert.pem(), signed.signing_key.serialize_pem());
    let indented = cert.replace('\n', "\n      ");
    let config = format!(
        "
scrape_configs:
- job_name: trusting
  tls_config:
    ca: |
      {indented}
- job_name: careless
  enable_http2: false
  tls_config: {{insecure_skip_verify: true, server_name: another.name}}
- job_name: wary
"
    );
    let over_tls = |job: &str| {
        let mut target = target(job, "/metrics");
        target.settings.scheme = "https".to_owned();
        target.settings.address = "exporter.inside:443".to_owned();
        target
    };
    let targets = ["trusting", "careless", "wary"].map(over_tls);
    let world = World::running(&config, targets.to_vec()).await;
    world.serve_tls("exporter.inside:443", &cert, &key).await;
    world.exporter.page("/metrics", "m 1\n");
    seconds(15).await;
    for status in world.targets().await {
        let job = status.target.unwrap().job;
        let error = status.last_error;
        match job.as_str() {
            "wary" => assert!(
                error.ends_with("x509: certificate signed by unknown authority"),
                "{error}"
            ),
            _ => assert_eq!(error, "", "{job}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn compressed_pages_are_read() {
    // The exporter's server compresses what may be compressed.
    let config = "scrape_configs: [{job_name: a, body_size_limit: 100KB}]";
    let world = World::running(config, vec![target("a", "/metrics")]).await;
    let page: String = (0..2000).map(|i| format!("m{{i=\"{i}\"}} {i}\n")).collect();
    world.exporter.page("/metrics", page);
    assert_eq!(world.error_after(15).await, "");
    assert_eq!(world.values("scrape_samples_scraped").await[0], 2000.0);
    let page: String = (0..20_000)
        .map(|i| format!("m{{i=\"{i}\"}} {i}\n"))
        .collect();
    world.exporter.page("/metrics", page);
    assert_eq!(world.error_after(10).await, "body size limit exceeded");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_once_and_sent() {
    let config = "
scrape_configs:
- job_name: a
  oauth2:
    client_id: me
    client_secret: secret
    scopes: [read, more]
    token_url: http://exporter.inside:9100/token
";
    let world = World::running(config, vec![target("a", "/metrics")]).await;
    world.exporter.on("/token", |headers| {
        assert_eq!(headers["authorization"], "Basic bWU6c2VjcmV0");
        let token = r#"{"access_token": "abc", "token_type": "bearer", "expires_in": 3600}"#;
        Response::new(token.into())
    });
    world.exporter.on("/metrics", |headers| {
        assert_eq!(headers["authorization"], "Bearer abc");
        let answer = Response::builder().header("content-type", "text/plain");
        answer.body("m 1\n".into()).unwrap()
    });
    assert_eq!(world.error_after(35).await, "");
    let n_scrapes = world.values("up").await.len() as u64;
    assert_eq!(world.exporter.n_requests(), n_scrapes + 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_with_the_secret_in_the_form_where_the_header_is_refused() {
    let config = "
scrape_configs:
- job_name: a
  oauth2:
    client_id: me
    client_secret: secret
    token_url: http://exporter.inside:9100/token
";
    let world = World::running(config, vec![target("a", "/metrics")]).await;
    world.exporter.on("/token", |headers| {
        if headers.contains_key("authorization") {
            let refused = Response::builder().status(401);
            return refused.body("not so".into()).unwrap();
        }
        Response::new(r#"{"access_token": "abc"}"#.into())
    });
    world.exporter.on("/metrics", |headers| {
        assert_eq!(headers["authorization"], "Bearer abc");
        let answer = Response::builder().header("content-type", "text/plain");
        answer.body("m 1\n".into()).unwrap()
    });
    assert_eq!(world.error_after(35).await, "");
    let n_scrapes = world.values("up").await.len() as u64;
    assert_eq!(world.exporter.n_requests(), n_scrapes + 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_with_a_signed_one() {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/../fetch/testdata/rsa.pem");
    let config = format!(
        "
scrape_configs:
- job_name: a
  oauth2:
    client_id: me
    grant_type: urn:ietf:params:oauth:grant-type:jwt-bearer
    client_certificate_key_file: {key}
    claims: {{tenant: 7}}
    token_url: http://exporter.inside:9100/token
"
    );
    let world = World::running(&config, vec![target("a", "/metrics")]).await;
    world.exporter.on("/token", |headers| {
        assert!(!headers.contains_key("authorization"));
        Response::new(r#"{"access_token": "abc", "expires_in": 3600}"#.into())
    });
    world.exporter.on("/metrics", |headers| {
        assert_eq!(headers["authorization"], "Bearer abc");
        let answer = Response::builder().header("content-type", "text/plain");
        answer.body("m 1\n".into()).unwrap()
    });
    assert_eq!(world.error_after(35).await, "");
}

#[tokio::test(start_paused = true)]
async fn targets_are_reached_through_a_proxy() {
    let config = "scrape_configs: [{job_name: a, proxy_url: 'http://exporter.inside:9100'}]";
    let mut behind = target("a", "/metrics");
    behind.settings.address = "behind.inside:8080".to_owned();
    let world = World::running(config, vec![behind]).await;
    world.exporter.on("/metrics", |headers| {
        assert_eq!(headers["host"], "behind.inside:8080");
        let answer = Response::builder().header("content-type", "text/plain");
        answer.body("m 1\n".into()).unwrap()
    });
    assert_eq!(world.error_after(15).await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scrapes_go_over_tcp_and_threads_too() {
    let network = Arc::new(InProcess::default());
    let components = Components::new(Arc::new(SystemClock), network, Offload::Threads);
    let (mut world, address) = World::over(components, "127.0.0.1:0").await;
    let mut quick = target("a", "/metrics");
    quick.settings.address = address;
    quick.settings.interval = Millis::new(50);
    quick.settings.timeout = Millis::new(50);
    world.exporter.page("/metrics", "m 1\n");
    world.discoverer.set_config(CONFIG);
    world.discoverer.assign(vec![quick]);
    world.start_discoverer().await;
    world.start_ingester();
    let scraped = async {
        while world.exporter.n_requests() < 5 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), scraped)
        .await
        .unwrap();
    assert!(world.values("m").await.len() >= 3);
    world.stop_ingester().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_are_reached_by_their_unix_sockets() {
    let path = std::env::temp_dir().join(format!("pleiades-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let socket = tokio::net::UnixListener::bind(&path).unwrap();
    let app = axum::Router::new().fallback(async |headers: HeaderMap| {
        assert_eq!(headers["host"], "nobody.inside:1");
        ([("content-type", "text/plain")], "m 7\n")
    });
    let server = tokio::spawn(async move { axum::serve(socket, app).await.unwrap() });
    let network = Arc::new(InProcess::default());
    let components = Components::new(Arc::new(SystemClock), network, Offload::Threads);
    let (mut world, _) = World::over(components, "127.0.0.1:0").await;
    let mut reached = target("a", "/metrics");
    reached.settings.address = "nobody.inside:1".to_owned();
    reached.settings.interval = Millis::new(50);
    reached.settings.timeout = Millis::new(50);
    let by = |path: String| {
        let own = OwnSettings {
            unix_socket: path.into(),
            ..OwnSettings::default()
        };
        own.boxed()
    };
    let path_of = |end: &str| format!("{}{end}", path.display());
    reached.settings.own = by(path_of(""));
    let mut missing = target("a", "/missing");
    missing.settings = reached.settings.clone();
    missing.settings.metrics_path = "/missing".to_owned();
    missing.settings.own = by(path_of(".not"));
    world.discoverer.set_config(CONFIG);
    world.discoverer.assign(vec![reached, missing]);
    world.start_discoverer().await;
    world.start_ingester();
    let seen = async {
        loop {
            let targets = world.targets().await;
            let errors: Vec<_> = targets.iter().map(|t| t.last_error.as_str()).collect();
            let refused = errors.iter().find(|error| !error.is_empty());
            if let Some(refused) = refused
                && world.values("m").await.len() > 2
            {
                return (*refused).to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(30), seen).await;
    assert!(
        refused
            .as_ref()
            .is_ok_and(|error| error.ends_with(".sock.not: connect: no such file or directory")),
        "{refused:?}"
    );
    world.stop_ingester().await;
    server.abort();
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_target_that_may_not_be_scraped_is_down_for_that_reason() {
    let mut refused = target("a", "/metrics");
    let why = "target_limit exceeded (number of targets: 2, limit: 1)";
    let own = OwnSettings {
        refusal: why.into(),
        ..OwnSettings::default()
    };
    refused.settings.own = own.boxed();
    let world = World::running(CONFIG, vec![refused]).await;
    world.exporter.page("/metrics", "m 1\n");
    assert_eq!(world.error_after(15).await, why);
    assert_eq!(world.exporter.n_requests(), 0);
    assert_eq!(world.values("up").await, [0.0]);
}
