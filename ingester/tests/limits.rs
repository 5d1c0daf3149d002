//! Limits: what is new is refused and counted, what is known goes on, and room that comes is used.
#[allow(dead_code, reason = "each test uses a part of the world")]
mod world;

use ingester::Limits;
use model::Matcher;
use proto::v1;
use world::{World, seconds, target};

const CONFIG: &str = "scrape_configs: [{job_name: a}, {job_name: b}]";

fn page(pods: std::ops::Range<u32>) -> String {
    pods.map(|pod| format!("m{{pod=\"{pod}\"}} 1\n")).collect()
}

/// The pods that have a sample in the newest row of their target.
async fn pods(world: &World) -> Vec<u32> {
    let groups = world.select(&[Matcher::equal("__name__", "m")]).await;
    let mut pods = Vec::new();
    for group in groups {
        let newest = group.rows.len() as u32 - 1;
        let present = group
            .series
            .iter()
            .filter(|s| s.rows.last() == Some(newest));
        pods.extend(present.map(|s| s.labels.get("pod").unwrap().parse::<u32>().unwrap()));
    }
    pods.sort_unstable();
    pods
}

async fn refused(world: &World, reason: &str) -> u64 {
    let page = world.page("/metrics").await;
    let name = format!("pleiades_ingester_refused_series_total{{reason=\"{reason}\"}} ");
    let mut lines = page.lines().filter_map(|line| line.strip_prefix(&name));
    lines.next().map_or(0, |n| n.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn new_series_are_refused_while_too_many_are_active() {
    // Five of these are what the scrape tells of its target.
    let limits = Limits {
        max_active_series: 5 + 4,
        ..Limits::default()
    };
    let world = World::limited(limits, CONFIG, vec![target("a", "/metrics")]).await;
    world.exporter.page("/metrics", page(0..3));
    seconds(25).await;
    assert_eq!(pods(&world).await, [0, 1, 2]);
    assert_eq!(world.error_after(0).await, "");
    world.exporter.page("/metrics", page(0..9));
    let error = world.error_after(10).await;
    let text =
        "5 new series were refused: 9 series are active, the limit of --limits.max-active-series";
    assert_eq!(error, text);
    assert_eq!(pods(&world).await, [0, 1, 2, 3]);
    assert_eq!(refused(&world, "max_active_series").await, 5);
    let health = world.targets().await[0].health();
    assert_eq!(health, v1::target_status::Health::Up);
    assert_eq!(world.values("up").await.last(), Some(&1.0));
    // Room comes, and is used by what waited, without a change on its page.
    world.exporter.page("/metrics", page(2..9));
    seconds(40).await;
    assert_eq!(pods(&world).await.len(), 4);
    assert_eq!(pods(&world).await[..2], [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_grows_too_much_leaves_the_others_alone() {
    let limits = Limits {
        max_active_series_per_job: 5 + 3,
        max_new_series_per_minute: 1000,
        ..Limits::default()
    };
    let targets = vec![target("a", "/a"), target("b", "/b")];
    let world = World::limited(limits, CONFIG, targets).await;
    world.exporter.page("/a", page(0..2));
    world.exporter.page("/b", page(100..102));
    seconds(25).await;
    world.exporter.page("/a", page(0..50));
    world.exporter.page("/b", page(100..103));
    seconds(30).await;
    assert_eq!(pods(&world).await, [0, 1, 2, 100, 101, 102]);
    assert!(refused(&world, "max_active_series_per_job").await >= 47);
}

#[tokio::test(start_paused = true)]
async fn pushed_series_are_refused_with_the_reason() {
    let limits = Limits {
        max_length_label_value: 5,
        ..Limits::default()
    };
    let world = World::limited(limits, CONFIG, vec![]).await;
    seconds(1).await;
    let series = |value: &str| v1::PushedSeries {
        labels: Some((&model::Labels::from_pairs([("__name__", "p"), ("x", value)])).into()),
        times_millis: vec![world.now().as_millis()],
        values: vec![1.0],
        beside: None,
        exemplars: vec![],
    };
    let request = v1::WriteRequest {
        series: vec![series("short"), series("too long")],
        ..v1::WriteRequest::default()
    };
    let answer = world.client().write(request).await.unwrap().into_inner();
    assert_eq!(answer.n_refused, 1);
    assert_eq!(
        answer.reason,
        r#"{__name__="p", x="too long"} is refused: a label value has more than 5 bytes, the limit of --limits.max-length-label-value"#
    );
    assert_eq!(world.values("p").await, [1.0]);
    assert_eq!(refused(&world, "max_length_label_value").await, 1);
}
