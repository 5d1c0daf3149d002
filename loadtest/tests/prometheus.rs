//! A fleet under two real Prometheus servers: they store what the page function says, bit for bit the same.
//!
//! Without a `prometheus` on the path there is nothing to hold the fleet against; its own tests still judge it.
#[allow(dead_code, reason = "each test uses a part of it")]
mod side;

use std::{process::Command, sync::Arc};

use loadtest::{
    compare::{BUILT_IN, Query, differences},
    fleet::{Addresses, Churn, Fleet, Server, Shape},
};
use model::{Labels, Millis, Timestamp};
use serde_json::Value;
use side::{PROMETHEUS, Scraper, are_installed, now};

const TARGETS: usize = 3;
const SERIES: usize = 300;
/// Several times the scrape interval, so that no scraper misses a time.
const GRID: Millis = Millis::from_seconds(2);

/// Waits until every target's series have a sample at or after `at`; a page is stored whole or not at all.
async fn has_scraped(server: &Scraper, at: Timestamp) {
    let fresh = "count by (instance) (timestamp(app_http_requests_total) >= ".to_owned();
    let fresh = format!("{fresh}{})", at.as_seconds());
    server.gives(&fresh, TARGETS).await;
}

fn fleet() -> Fleet {
    Fleet::new(Shape {
        seed: 7,
        targets: TARGETS,
        series: SERIES,
        churn: Churn {
            fraction: 0.0,
            every: Millis::from_seconds(3600),
        },
        explicit_grid: Some(GRID),
    })
}

/// What target `target` shows at `at`, as the API tells it: the labels without job and instance, to the value.
fn expected(fleet: &Fleet, target: usize, at: Timestamp) -> Vec<(Labels, f64)> {
    let mut page = Vec::new();
    fleet.write_page(target, at, &mut page);
    let parser = exposition::Parser::new(&page, exposition::Format::Text);
    let mut series: Vec<(Labels, f64)> = parser
        .filter_map(|entry| match entry.unwrap() {
            exposition::Entry::Series(series) => {
                // This Prometheus leaves `le` as it is written.
                let kind = model::MetricType::Unknown;
                let series = exposition::Series { kind, ..series };
                Some((series.labels().unwrap(), series.value))
            }
            _ => None,
        })
        .collect();
    series.sort_by(|a, b| a.0.cmp(&b.0));
    series
}

fn told(series: &[Value]) -> Vec<(Labels, f64)> {
    let pairs = |metric: &Value| {
        let pairs = metric.as_object().unwrap().iter();
        let pairs = pairs.filter(|(name, _)| !["job", "instance"].contains(&name.as_str()));
        Labels::from_pairs(pairs.map(|(name, value)| (name, value.as_str().unwrap())))
    };
    let value = |value: &Value| value.as_str().unwrap().parse().unwrap();
    let mut series: Vec<(Labels, f64)> = series
        .iter()
        .map(|series| (pairs(&series["metric"]), value(&series["value"][1])))
        .collect();
    series.sort_by(|a, b| a.0.cmp(&b.0));
    series
}

#[tokio::test(flavor = "multi_thread")]
async fn two_scrapers_store_the_same_and_what_the_page_says() {
    if !are_installed(&[PROMETHEUS]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let targets = folder.path().join("targets.json");
    let any_port = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(Arc::new(fleet()), any_port, Addresses::PathPerTarget, true)
        .await
        .unwrap();
    std::fs::write(&targets, server.targets_json()).unwrap();
    let job = format!(
        "- job_name: fleet\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  file_sd_configs:\n  \
         - files: [{}]\n",
        targets.display()
    );
    let start = |name: &str| {
        let folder = folder.path().join(name);
        Scraper::start(Command::new(PROMETHEUS), &folder, &job)
    };
    let (left, right) = (start("left"), start("right"));
    tokio::join!(left.gives("up", TARGETS), right.gives("up", TARGETS));
    // Both shall begin at the same time of the grid: just after it they have time to.
    let first = fleet().values_at(now() + GRID);
    tokio::time::sleep((first - now()).to_std()).await;
    tokio::spawn(server.run());
    let last = first + GRID + GRID;
    tokio::join!(has_scraped(&left, last), has_scraped(&right, last));

    for target in 0..TARGETS {
        let text = format!("{{__name__=~\"app_.+\",instance=\"target-{target}\"}}");
        let stored = told(&left.series(&text, last.as_seconds()).await);
        assert_eq!(stored, expected(&fleet(), target, last));
    }
    // `up` is the one that each server makes itself, at its own times.
    let queries = folder.path().join("queries");
    std::fs::write(&queries, BUILT_IN.replace("\nup\n", "\n")).unwrap();
    let compare = loadtest::compare::Args {
        left: left.url.parse().unwrap(),
        right: right.url.parse().unwrap(),
        queries: Some(queries),
        time: last.as_seconds(),
        range: GRID + GRID,
        step: Millis::from_seconds(1),
        without_labels: Vec::new(),
        show: 5,
    };
    assert!(loadtest::compare::run(compare.clone()).await.unwrap());
    // At another time than its own samples the same server would tell other values: the judge must see that.
    let query = |end: Timestamp| Query {
        text: "sum(app_http_entries)".to_owned(),
        end: end.as_seconds(),
        range: None,
    };
    let early = left.client.ask(&query(first)).await.unwrap();
    let late = right.client.ask(&query(last)).await.unwrap();
    let differences = differences(&query(last), &early, &late, &[]);
    assert_eq!(differences.len(), 2, "{early} {late}");
}
