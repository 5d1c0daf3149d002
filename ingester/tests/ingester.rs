//! An ingester from its door to its store: what it scrapes, stores, answers and remembers.
#[allow(dead_code, reason = "each test uses a part of the world")]
mod world;

use std::sync::atomic::Ordering;

use axum::response::Response;
use model::{Matcher, NodeId, Outcome, TimeRange};
use proto::v1::{self, unassignment::Reason};
use world::{CONFIG, World, all, seconds, target};

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
