//! What is kept beside scraped rows: pushed samples, metadata, exemplars, and for how long.
#[allow(dead_code, reason = "each test uses a part of the world")]
mod world;

use axum::response::Response;
use model::{Matcher, TimeRange};
use proto::v1;
use world::{CONFIG, World, all, seconds, target};

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
