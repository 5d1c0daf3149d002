//! Pleiades beside Prometheus: both scrape one fleet, whose pages carry their times, and answer the same, bit for bit.
//!
//! The Prometheus that Debian has is 2.42, Pleiades speaks as 3.x does. They part where a range begins at a sample
//! (3.x leaves it out), so queries lie between samples, and in sums of fractions (3.x compensates), so sums are of
//! whole numbers here.
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use loadtest::{
    compare::{self, Client, Query},
    fleet::{Addresses, Churn, Fleet, Server, Shape},
};
use model::{Millis, Timestamp};

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

/// A server that ends with the test.
struct Scraper {
    child: Child,
    url: String,
    client: Client,
}

impl Drop for Scraper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Scraper {
    /// Starts `program`, which takes Prometheus' flags, on a folder of its own.
    fn start(mut program: Command, folder: &Path, targets: &Path) -> Self {
        std::fs::create_dir(folder).unwrap();
        let config = folder.join("prometheus.yml");
        let text = format!(
            "scrape_configs:\n- job_name: fleet\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  \
             file_sd_configs:\n  - files: [{}]\n",
            targets.display()
        );
        std::fs::write(&config, text).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let url = format!("127.0.0.1:{}", port.unwrap().port());
        let child = program
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={url}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://{url}");
        let client = Client::new(url.parse().unwrap());
        Self { child, url, client }
    }

    /// Waits until `expr` gives `n` series.
    async fn gives(&self, expr: &str, n: usize) {
        let begun = Instant::now();
        loop {
            let query = Query {
                text: expr.to_owned(),
                end: now().as_seconds(),
                range: None,
            };
            let answer = self.client.ask(&query).await.unwrap_or_default();
            if answer["data"]["result"]
                .as_array()
                .is_some_and(|series| series.len() == n)
            {
                return;
            }
            let waited = begun.elapsed();
            assert!(
                waited < Duration::from_secs(30),
                "{}: {expr} gives {answer}",
                self.url
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(since.as_millis() as i64)
}

/// The `pleiades` that cargo built beside this test.
fn pleiades() -> Command {
    let test = std::env::current_exe().unwrap();
    let folder: Option<PathBuf> = test.ancestors().nth(2).map(Path::to_owned);
    let program = folder.unwrap().join("pleiades");
    assert!(
        program.exists(),
        "{} is not built: `cargo build -p pleiades` first, or `cargo test --workspace`",
        program.display()
    );
    Command::new(program)
}

fn has_prometheus() -> bool {
    let mut version = Command::new("prometheus");
    version
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn pleiades_answers_as_prometheus_does() {
    if !has_prometheus() {
        use std::io::Write as _;
        let _ = writeln!(
            std::io::stderr(),
            "skipped: there is no prometheus to compare with"
        );
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
    let mut all = pleiades();
    all.arg("all");
    let ours = Scraper::start(all, &folder.path().join("ours"), &targets);
    let theirs = Command::new("prometheus");
    let theirs = Scraper::start(theirs, &folder.path().join("theirs"), &targets);
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
