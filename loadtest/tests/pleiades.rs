//! Pleiades beside Prometheus: both scrape one fleet, whose pages carry their times, and answer the same, bit for bit.
//!
//! The Prometheus that Debian has is 2.42, Pleiades speaks as 3.x does. They part where a range begins at a sample
//! (3.x leaves it out), so queries lie between samples, and in sums of fractions (3.x compensates), so sums are of
//! whole numbers here.
#[allow(dead_code, reason = "each test uses a part of it")]
mod side;

use std::{process::Command, sync::Arc};

use loadtest::{
    compare,
    fleet::{Addresses, Churn, Fleet, Server, Shape},
};
use model::Millis;
use side::{PROMETHEUS, Scraper, are_installed, now, pleiades};

const TARGETS: usize = 3;
/// Several times the scrape interval, so that no scraper misses a time.
const GRID: Millis = Millis::from_seconds(2);

const QUERIES: &str = r#"
count by (job) ({__name__=~"app_.+"})
app_http_requests_total
rate(app_http_requests_total[9s])
irate(app_http_requests_total[9s])
increase(app_http_request_duration_seconds_count[9s])
sum by (handler) (app_http_requests_total{code="200"})
sum without (shard) (app_http_entries)
min by (state) (app_http_entries)
max_over_time(app_grpc_load_ratio[7s])
count_over_time(app_queue_temperature_celsius[7s])
delta(app_grpc_load_ratio[5s] offset 2s)
topk(3, app_http_entries)
quantile by (state) (0.75, app_http_entries)
app_http_entries > bool 100 and app_http_entries < 5000
label_replace(app_db_limit, "node", "$1", "zone", "eu-central-(.*)")
absent(app_nothing_at_all)
count_values("value", app_db_limit)
sort_desc(sum by (instance) (app_http_entries))
resets(app_cache_busy_seconds_total[9s])
histogram_quantile(0.9, app_http_request_duration_seconds_bucket)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn pleiades_answers_as_prometheus_does() {
    if !are_installed(&[PROMETHEUS]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let targets = folder.path().join("targets.json");
    let fleet = Arc::new(Fleet::new(Shape {
        seed: 11,
        targets: TARGETS,
        series: 300,
        churn: Churn {
            fraction: 0.0,
            every: Millis::from_seconds(3600),
        },
        explicit_grid: Some(GRID),
    }));
    let any_port = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(Arc::clone(&fleet), any_port, Addresses::PathPerTarget, true);
    let server = server.await.unwrap();
    std::fs::write(&targets, server.targets_json()).unwrap();
    let job = format!(
        "- job_name: fleet\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  file_sd_configs:\n  \
         - files: [{}]\n",
        targets.display()
    );
    let ours = Scraper::start(pleiades(), &folder.path().join("ours"), &job);
    let theirs = Command::new(PROMETHEUS);
    let theirs = Scraper::start(theirs, &folder.path().join("theirs"), &job);
    tokio::join!(ours.gives("up", TARGETS), theirs.gives("up", TARGETS));

    // Both shall begin at the same time of the grid: just after it they have time to.
    let first = fleet.values_at(now() + GRID);
    tokio::time::sleep((first - now()).to_std()).await;
    tokio::spawn(server.run());
    let last = first + Millis::from_seconds(10);
    let scraped = format!(
        "count by (instance) (timestamp(app_http_requests_total) >= {})",
        last.as_seconds()
    );
    tokio::join!(
        ours.gives(&scraped, TARGETS),
        theirs.gives(&scraped, TARGETS)
    );

    let queries = folder.path().join("queries");
    std::fs::write(&queries, QUERIES).unwrap();
    let compared = compare::run(compare::Args {
        left: ours.url.parse().unwrap(),
        right: theirs.url.parse().unwrap(),
        queries: Some(queries),
        // Between two times of the grid, as is every other step.
        time: (last - Millis::new(700)).as_seconds(),
        range: Millis::from_seconds(8),
        step: GRID,
        without_labels: Vec::new(),
        show: 5,
    });
    assert!(compared.await.unwrap());
}
