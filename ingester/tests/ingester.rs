//! An ingester from its door to its store: what it scrapes, stores, answers and remembers.
mod world;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::response::Response;
use futures::TryStreamExt as _;
use model::{Matcher, Millis, NodeId, Outcome, TimeRange};
use proto::v1::{self, unassignment::Reason};
use runtime::{Components, InProcess, Offload, SystemClock};
use world::{World, target};

const CONFIG: &str = "scrape_configs: [{job_name: a}]";

async fn seconds(n: u64) {
    tokio::time::sleep(Duration::from_secs(n)).await;
}

/// The messages of a stream.
async fn all<M>(answer: tonic::Response<tonic::Streaming<M>>) -> Vec<M> {
    answer.into_inner().try_collect().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn labels_come_in_messages_of_bounded_size() {
    let (one, two) = (target("a", "/one"), target("a", "/two"));
    let world = World::running(CONFIG, vec![one, two]).await;
    let page = |numbers: std::ops::Range<u32>| -> String {
        let long = "x".repeat(300_000);
        let lines = numbers.map(|i| format!("m{{l=\"{i}{long}\"}} 1\n"));
        lines.collect()
    };
    world.exporter.page("/one", page(0..3));
    world.exporter.page("/two", page(3..6));
    seconds(15).await;
    let mut client = world.client();
    let within = v1::LabelsRequest {
        selectors: vec![(&[Matcher::equal("__name__", "m")][..]).into()],
        range: Some(TimeRange::ALL.into()),
        limit: 0,
    };
    let series = all(client.series(within.clone()).await.unwrap()).await;
    let n_series = series.iter().map(|batch| batch.series.len());
    assert_eq!(n_series.collect::<Vec<_>>(), [4, 2]);
    let values = v1::LabelValuesRequest {
        name: "l".to_owned(),
        within: Some(v1::LabelsRequest { limit: 5, ..within }),
    };
    let values = all(client.label_values(values).await.unwrap()).await;
    let firsts = values.iter().flat_map(|batch| &batch.values);
    let firsts: Vec<&str> = firsts.map(|value| &value[..1]).collect();
    assert_eq!((values.len(), firsts), (2, vec!["0", "1", "2", "3", "4"]));
}

#[tokio::test(start_paused = true)]
async fn rows_lie_on_the_grid_and_tell_who_made_them() {
    let world = World::running(CONFIG, vec![target("a", "/metrics")]).await;
    world.exporter.page("/metrics", "m{x=\"y\"} 1\n");
    seconds(41).await;
    let groups = world.select(&[Matcher::equal("__name__", "m")]).await;
    assert_eq!(groups.len(), 1);
    let (group, key) = (&groups[0], target("a", "/metrics").key());
    assert_eq!(group.group, key);
    assert!((3..=4).contains(&group.rows.len()), "{}", group.rows.len());
    for (row, next) in group.rows.iter().zip(&group.rows[1..]) {
        assert_eq!((next.slot - row.slot).as_millis(), 10_000);
    }
    for row in &group.rows {
        assert_eq!(row.at, row.slot);
        assert_eq!(
            row.slot.as_millis().rem_euclid(10_000) as u64,
            key.0 % 10_000
        );
        assert_eq!((row.stamp.outcome, row.stamp.epoch), (Outcome::Success, 3));
        assert_eq!((row.stamp.node, row.stamp.rank), (NodeId(7), 0));
    }
    assert_eq!(
        group.series[0].labels.to_string(),
        r#"{__name__="m", instance="exporter:9100", job="a", x="y"}"#
    );
    // Connections are kept: one request a row.
    assert_eq!(world.exporter.n_requests(), group.rows.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_series_that_vanishes_is_absent_and_a_failed_scrape_is_a_row_of_its_own() {
    let world = World::running(CONFIG, vec![target("a", "/metrics")]).await;
    world.exporter.page("/metrics", "m 1\nn 1\n");
    seconds(15).await;
    world.exporter.page("/metrics", "m 2\n");
    seconds(10).await;
    world.exporter.on("/metrics", |_| {
        Response::builder().status(503).body("".into()).unwrap()
    });
    assert_eq!(
        world.error_after(10).await,
        "server returned HTTP status 503 Service Unavailable"
    );
    assert_eq!(world.values("n").await, [1.0]);
    assert_eq!(world.values("m").await, [1.0, 2.0]);
    assert_eq!(world.values("up").await, [1.0, 1.0, 0.0]);
    assert_eq!(
        world.values("scrape_samples_scraped").await,
        [2.0, 1.0, 0.0]
    );
    let groups = world.select(&[Matcher::equal("__name__", "n")]).await;
    let outcomes: Vec<_> = groups[0].rows.iter().map(|row| row.stamp.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Success, Outcome::Success, Outcome::Failed]
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_removed_gets_an_end_and_one_that_moved_does_not() {
    let (removed, moved) = (target("a", "/removed"), target("a", "/moved"));
    let world = World::running(CONFIG, vec![removed.clone(), moved.clone()]).await;
    world.exporter.page("/removed", "r 1\n");
    world.exporter.page("/moved", "m 1\n");
    seconds(15).await;
    world.discoverer.unassign(&removed, Reason::Removed);
    world.discoverer.unassign(&moved, Reason::Moved);
    seconds(30).await;
    assert_eq!(world.targets().await.len(), 0);
    let rows = async |name| {
        let groups = world.select(&[Matcher::equal("__name__", name)]).await;
        let rows = groups[0].rows.iter().map(|row| row.stamp.outcome);
        rows.collect::<Vec<_>>()
    };
    let ended = rows("r").await;
    assert_eq!(ended.last(), Some(&Outcome::End));
    assert_eq!(ended.iter().filter(|o| **o == Outcome::End).count(), 1);
    assert!(rows("m").await.iter().all(|o| *o == Outcome::Success));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_tells_how_many_targets_are_scraped_by_then() {
    let (stays, moves) = (target("a", "/stays"), target("a", "/moves"));
    let world = World::running(CONFIG, vec![stays, moves.clone()]).await;
    let told = || world.discoverer.told_targets.load(Ordering::Relaxed);
    // A heartbeat comes every two seconds.
    seconds(3).await;
    assert_eq!(told(), 2);
    world.discoverer.unassign(&moves, Reason::Removed);
    seconds(3).await;
    assert_eq!(told(), 1);
    world.discoverer.assign(vec![moves.clone()]);
    seconds(3).await;
    assert_eq!(told(), 2);
    // One that another ingester has is scraped for one more interval of ten seconds, and counts as long.
    world.discoverer.unassign(&moves, Reason::Moved);
    seconds(3).await;
    assert_eq!(told(), 2);
    seconds(10).await;
    assert_eq!(told(), 1);
}

#[tokio::test(start_paused = true)]
async fn hostile_targets_fail_alone_and_with_the_reason() {
    let config = "scrape_configs: [{job_name: a, body_size_limit: 10KB, sample_limit: 5, enable_compression: false}]";
    let world = World::running(config, vec![target("a", "/metrics")]).await;
    let exporter = &world.exporter;
    let type_of_page = "text/plain; version=0.0.4";

    exporter.page("/metrics", "this is { no page\n");
    let error = world.error_after(10).await;
    assert!(error.contains("while parsing: \"this is\""), "{error}");

    exporter.on("/metrics", move |_| {
        let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>("m 1\n"));
        let answer = Response::builder().header("content-type", type_of_page);
        answer.body(axum::body::Body::from_stream(endless)).unwrap()
    });
    assert_eq!(world.error_after(10).await, "body size limit exceeded");

    exporter.never("/metrics");
    assert_eq!(
        world.error_after(20).await,
        "Get \"http://exporter.inside:9100/metrics\": context deadline exceeded"
    );

    exporter.on("/metrics", move |_| {
        let stuck = futures::stream::pending::<Result<&str, std::io::Error>>();
        let answer = Response::builder().header("content-type", type_of_page);
        answer.body(axum::body::Body::from_stream(stuck)).unwrap()
    });
    assert_eq!(world.error_after(20).await, "context deadline exceeded");

    exporter.page("/metrics", "a 1\nb 1\nc 1\nd 1\ne 1\nf 1\n");
    assert_eq!(world.error_after(20).await, "sample limit exceeded");

    exporter.on("/metrics", |_| Response::new("m 1\n".into()));
    let error = world.error_after(10).await;
    assert!(
        error.starts_with("non-compliant scrape target sending blank Content-Type"),
        "{error}"
    );

    exporter.on("/metrics", |_| {
        let answer = Response::builder()
            .status(302)
            .header("location", "/elsewhere");
        answer.body("".into()).unwrap()
    });
    exporter.page("/elsewhere", "m 1\n");
    assert_eq!(world.error_after(10).await, "");
    exporter.on("/elsewhere", |_| {
        let answer = Response::builder()
            .status(302)
            .header("location", "/metrics");
        answer.body("".into()).unwrap()
    });
    assert_eq!(
        world.error_after(10).await,
        "Get \"/metrics\": stopped after 10 redirects"
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_there_is_down() {
    let mut gone = target("a", "/metrics");
    gone.settings.address = "nobody.inside:1".to_owned();
    let world = World::running(CONFIG, vec![gone]).await;
    assert_eq!(
        world.error_after(15).await,
        "Get \"http://nobody.inside:1/metrics\": dial tcp nobody.inside:1: connect: connection refused"
    );
    assert_eq!(world.values("up").await, [0.0]);
}

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
async fn scraping_goes_on_after_a_restart_without_discoverers() {
    let mut world = World::new().await;
    world.exporter.page("/metrics", "m 1\n");
    world.discoverer.set_config(CONFIG);
    world.discoverer.assign(vec![target("a", "/metrics")]);
    world.start_discoverer().await;
    world.start_ingester();
    seconds(15).await;
    world.stop_ingester().await;
    world.stop_discoverer();
    seconds(60).await;
    world.start_ingester();
    seconds(15).await;
    let groups = world.select(&[Matcher::equal("__name__", "m")]).await;
    let rows = &groups[0].rows;
    assert!(rows.len() >= 2, "{rows:?}");
    let last = rows.last().unwrap();
    assert!((world.now() - last.at).as_millis() <= 15_000);
    // It is still who it was.
    assert_eq!((last.stamp.node, last.stamp.epoch), (NodeId(7), 3));
}

#[tokio::test(start_paused = true)]
async fn a_set_of_targets_of_an_old_epoch_is_refused_and_asked_for_again() {
    let mut world = World::new().await;
    world.exporter.page("/metrics", "m 1\n");
    world.discoverer.set_config(CONFIG);
    let kept = target("a", "/metrics");
    world.discoverer.assign(vec![kept.clone()]);
    world.start_discoverer().await;
    world.start_ingester();
    seconds(15).await;
    assert_eq!(world.discoverer.n_streams(), 1);
    world.stop_ingester().await;

    // Who leads now has forgotten the target, and an epoch.
    world.discoverer.unassign(&kept, Reason::Moved);
    world.discoverer.set_epoch(2);
    world.start_ingester();
    seconds(15).await;
    assert!(world.discoverer.n_streams() > 10);
    assert_eq!(world.targets().await.len(), 1);
    let page = world.page("/metrics").await;
    let counted = |line: &&str| line.starts_with("pleiades_ingester_stale_assignments_total ");
    let counted = page.lines().find(counted).unwrap();
    let n_refused: u64 = counted.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(n_refused > 10, "{counted}");

    world.discoverer.set_epoch(3);
    seconds(30).await;
    assert_eq!(world.targets().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_configuration_holds_from_the_next_scrape_on() {
    let world = World::running(
        CONFIG,
        vec![target("a", "/metrics"), target("b", "/metrics")],
    )
    .await;
    world.exporter.page("/metrics", "m 1\n");
    seconds(15).await;
    assert_eq!(world.select(&[Matcher::equal("job", "b")]).await, []);
    world.discoverer.set_config(
        "scrape_configs: [{job_name: a, sample_limit: 0, label_limit: 1}, {job_name: b}]",
    );
    seconds(15).await;
    let targets = world.targets().await;
    let error = |job| {
        let status = targets
            .iter()
            .find(|t| t.target.as_ref().unwrap().job == job);
        status.unwrap().last_error.clone()
    };
    assert_eq!(
        error("a"),
        "label_limit exceeded (metric: m, number of labels: 3, limit: 1)"
    );
    assert_eq!(error("b"), "");
}

#[tokio::test(start_paused = true)]
async fn the_configuration_says_how_much_is_kept_also_after_a_restart() {
    let mut world = World::running(CONFIG, vec![]).await;
    let limits = async |world: &World| {
        seconds(5).await;
        let page = world.page("/metrics").await;
        let limit = |unit: &str| {
            let name = format!("prometheus_tsdb_retention_limit_{unit} ");
            let told = page.lines().find_map(|line| line.strip_prefix(&name));
            told.unwrap().parse::<f64>().unwrap()
        };
        (limit("seconds"), limit("bytes"))
    };
    // The ingester's flags set no limits.
    assert_eq!(limits(&world).await, (0.0, 0.0));
    let config = format!("storage: {{tsdb: {{retention: {{time: 2d, size: 1KB}}}}}}\n{CONFIG}");
    world.discoverer.set_config(&config);
    assert_eq!(limits(&world).await, (172_800.0, 1024.0));
    world.stop_ingester().await;
    world.stop_discoverer();
    world.start_ingester();
    assert_eq!(limits(&world).await, (172_800.0, 1024.0));
}

#[tokio::test(start_paused = true)]
async fn pushed_samples_are_stored_once_and_bad_ones_refused() {
    let mut world = World::new().await;
    world.start_ingester();
    seconds(1).await;
    let series = |name: &str, times: Vec<i64>, values: Vec<f64>| v1::PushedSeries {
        labels: Some((&model::Labels::from_pairs([("__name__", name), ("l", "v")])).into()),
        times_millis: times.into_iter().map(|t| world::START + t).collect(),
        values,
        beside: None,
        exemplars: vec![],
    };
    let write = |series| v1::WriteRequest {
        series,
        ..v1::WriteRequest::default()
    };
    let mut client = world.client();
    let request = write(vec![
        series("a", vec![0, 10], vec![1.0, 2.0]),
        series("b", vec![5], vec![3.0]),
    ]);
    for _ in 0..2 {
        let answer = client.write(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer, v1::WriteResponse::default());
    }
    assert_eq!(world.values("a").await, [1.0, 2.0]);
    let late = write(vec![series("a", vec![-5], vec![9.0])]);
    let answer = client.write(late).await.unwrap().into_inner();
    assert_eq!(answer.n_refused, 1);
    assert!(answer.reason.contains("out of order"), "{}", answer.reason);
    let backfill = v1::WriteRequest {
        backfill: true,
        ..write(vec![series("a", vec![-5], vec![9.0])])
    };
    let answer = client.write(backfill).await.unwrap().into_inner();
    assert_eq!(answer, v1::WriteResponse::default());
    assert_eq!(world.values("a").await, [9.0, 1.0, 2.0]);
    let delete = v1::DeleteRequest {
        selectors: vec![(&[Matcher::equal("__name__", "a")][..]).into()],
        range: Some(TimeRange::at(model::Timestamp::from_millis(world::START)).into()),
    };
    client.delete(delete).await.unwrap();
    assert_eq!(world.values("a").await, [9.0, 2.0]);
    let clean = v1::CleanTombstonesRequest {};
    client.clean_tombstones(clean).await.unwrap();
    assert_eq!(world.values("a").await, [9.0, 2.0]);
    let uneven = write(vec![series("a", vec![20], vec![])]);
    let refused = client.write(uneven).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);

    let within = v1::LabelsRequest {
        selectors: vec![(&[Matcher::equal("__name__", "a")][..]).into()],
        range: Some(TimeRange::ALL.into()),
        limit: 0,
    };
    let names = client.label_names(within.clone()).await.unwrap();
    assert_eq!(all(names).await[0].values, ["__name__", "l"]);
    let values = v1::LabelValuesRequest {
        name: "__name__".to_owned(),
        within: Some(v1::LabelsRequest {
            selectors: vec![],
            ..within.clone()
        }),
    };
    let values = client.label_values(values).await.unwrap();
    assert_eq!(all(values).await[0].values, ["a", "b"]);
    let found = client.series(within).await.unwrap();
    assert_eq!(all(found).await[0].series.len(), 1);
    let stats = client
        .stats(v1::StatsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((stats.n_series, stats.n_appended_samples), (2, 4));
}

/// What the ingester tells of metrics: name, type, help.
async fn metadata(world: &World) -> Vec<(String, String, String)> {
    let asked = world.client().metadata(v1::MetadataRequest {}).await;
    let metrics = asked.unwrap().into_inner().metrics.into_iter();
    metrics.map(|m| (m.metric, m.r#type, m.help)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_configuration_says_how_late_a_pushed_sample_may_come() {
    let world = World::running(CONFIG, vec![]).await;
    let refused = async |at: i64| {
        seconds(5).await;
        let labels = model::Labels::from_pairs([("__name__", "a")]);
        let series = v1::PushedSeries {
            labels: Some((&labels).into()),
            times_millis: vec![world::START + at],
            values: vec![1.0],
            beside: None,
            exemplars: vec![],
        };
        let request = v1::WriteRequest {
            series: vec![series],
            ..v1::WriteRequest::default()
        };
        let answer = world.client().write(request).await.unwrap();
        answer.into_inner().n_refused
    };
    assert_eq!(refused(60_000).await, 0);
    assert_eq!(refused(0).await, 1);
    let window = "storage: {tsdb: {out_of_order_time_window: 2m}}";
    world.discoverer.set_config(&format!("{window}\n{CONFIG}"));
    assert_eq!(refused(0).await, 0);
    assert_eq!(refused(-120_000).await, 1);
    assert_eq!(world.values("a").await, [1.0, 1.0]);
}

#[tokio::test(start_paused = true)]
async fn metadata_is_what_pages_tell_and_what_is_pushed_also_after_a_restart() {
    let mut world = World::running(CONFIG, vec![target("a", "/metrics")]).await;
    world.exporter.page(
        "/metrics",
        "# HELP m What it means.\n# TYPE m counter\nm 1\n",
    );
    seconds(15).await;
    let told = |metric: &str, kind: &str, help: &str| {
        (metric.to_owned(), kind.to_owned(), help.to_owned())
    };
    let scraped = told("m", "counter", "What it means.");
    assert_eq!(metadata(&world).await, std::slice::from_ref(&scraped));
    let pushed = v1::WriteRequest {
        metadata: vec![v1::MetricMetadata {
            metric: "p".to_owned(),
            r#type: "gauge".to_owned(),
            help: "Pushed.".to_owned(),
            ..v1::MetricMetadata::default()
        }],
        ..v1::WriteRequest::default()
    };
    world.client().write(pushed).await.unwrap();

    world.stop_ingester().await;
    world.exporter.on("/metrics", |_| {
        Response::builder().status(503).body("".into()).unwrap()
    });
    world.start_ingester();
    seconds(15).await;
    let pushed = told("p", "gauge", "Pushed.");
    assert_eq!(metadata(&world).await, [scraped, pushed]);
}

/// The exemplars of every series, a line each.
async fn exemplars(world: &World) -> Vec<String> {
    let request = v1::ExemplarsRequest {
        selectors: vec![v1::Selector::default()],
        range: Some(TimeRange::ALL.into()),
    };
    let asked = world.client().exemplars(request).await.unwrap();
    let line = |series: &v1::SeriesExemplars| {
        let labels = model::Labels::from(series.labels.as_ref().unwrap());
        let one = |e: &v1::Exemplar| {
            let labels = model::Labels::from(e.labels.as_ref().unwrap());
            format!(" {labels} {}", e.value)
        };
        let all: String = series.exemplars.iter().map(one).collect();
        format!("{}{all}", labels.metric_name())
    };
    asked.into_inner().series.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn exemplars_of_pages_and_of_pushes_are_kept_over_a_restart() {
    let mut world = World::running(CONFIG, vec![target("a", "/metrics")]).await;
    let page = |id: &str, value: &str| {
        let page = format!("# TYPE m counter\nm_total 1 # {{id=\"{id}\"}} {value}\n# EOF\n");
        move |_: &http::HeaderMap| {
            Response::builder()
                .header("content-type", "application/openmetrics-text")
                .body(page.clone().into())
                .unwrap()
        }
    };
    world.exporter.on("/metrics", page("x", "0.5"));
    seconds(35).await;
    world.exporter.on("/metrics", page("y", "0.25"));
    seconds(10).await;
    let pushed = v1::PushedSeries {
        labels: Some((&model::Labels::from_pairs([("__name__", "p")])).into()),
        times_millis: vec![world::START],
        values: vec![1.0],
        beside: None,
        exemplars: vec![v1::Exemplar {
            labels: Some((&model::Labels::from_pairs([("id", "z")])).into()),
            value: 7.0,
            time_millis: world::START,
            is_timed: true,
        }],
    };
    let request = v1::WriteRequest {
        series: vec![pushed],
        ..v1::WriteRequest::default()
    };
    for _ in 0..2 {
        world.client().write(request.clone()).await.unwrap();
    }
    let expected = [r#"m_total {id="x"} 0.5 {id="y"} 0.25"#, r#"p {id="z"} 7"#];
    assert_eq!(exemplars(&world).await, expected);
    world.stop_ingester().await;
    world.start_ingester();
    seconds(15).await;
    assert_eq!(exemplars(&world).await, expected);
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
async fn pages_tell_of_health_figures_and_targets() {
    let world = World::running(CONFIG, vec![target("a", "/metrics")]).await;
    world.exporter.page("/metrics", "m 1\n");
    seconds(15).await;
    assert!(world.page("/-/ready").await.contains("Pleiades is Ready."));
    let metrics = world.page("/metrics").await;
    for line in [
        "pleiades_ingester_targets 1",
        "pleiades_ingester_scrape_duration_seconds_count",
        "pleiades_ingester_scraped_bytes_total",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let targets: serde_json::Value = serde_json::from_str(&world.page("/targets").await).unwrap();
    assert_eq!(targets[0]["health"], "up");
    assert_eq!(
        targets[0]["scrapeUrl"],
        "http://exporter.inside:9100/metrics"
    );
    let state: serde_json::Value = serde_json::from_str(&world.page("/status").await).unwrap();
    assert_eq!((&state["node"], &state["nTargets"]), (&7.into(), &1.into()));
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
