//! A real Prometheus sends what it scrapes; both then answer alike, also after a crash.
//!
//! Without a `prometheus` on the path there is nobody to send; the querier's own tests still judge the receiver.
use std::{fs, path::Path, process::Stdio, time::Duration};

use http::Method;
use rustix::process::Signal;
use tokio::process::{Child, Command};

use crate::support::{Api, Pages, Process, equal, free_address, turn, until};

const SOON: Duration = Duration::from_secs(20);

/// A Prometheus with `config` that answers at `address`; none if it is not installed.
fn prometheus(dir: &Path, config: &str, address: &str) -> Option<Child> {
    fs::create_dir(dir).unwrap();
    let path = dir.join("prometheus.yml");
    fs::write(&path, config).unwrap();
    Command::new("prometheus")
        .arg(format!("--config.file={}", path.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            dir.join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .arg("--enable-feature=native-histograms")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()
}

/// A receiver over `dir` that scrapes nothing.
async fn receiver(dir: &Path, address: &str) -> Process {
    let config = dir.join("pleiades.yml");
    let rules = "groups:\n- name: g\n  interval: 1s\n  rules:\n  - record: native:sum\n    expr: sum(native)\n";
    fs::write(dir.join("rules.yml"), rules).unwrap();
    fs::write(&config, "rule_files: [rules.yml]\n").unwrap();
    let process = Process::start(&[
        "all",
        &format!("--config.file={}", config.display()),
        &format!("--storage.tsdb.path={}", dir.join("received").display()),
        &format!("--web.listen-address={address}"),
        "--web.enable-remote-write-receiver",
        "--log.level=warn",
    ]);
    let api = Api::new(address);
    until("the receiver is ready", SOON, async || {
        equal(api.send(Method::GET, "/-/ready").await?.0, 200)
    })
    .await;
    process
}

#[tokio::test(flavor = "multi_thread")]
async fn what_prometheus_sends_is_answered_as_prometheus_answers_it() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let pages = Pages::start().await;
    let (here, there) = (free_address(), free_address());
    let process = receiver(dir.path(), &here).await;
    let config = format!(
        "{}- job_name: native\n  metrics_path: /native\n  static_configs:\n  - targets: [\"{}\"]\n\
         remote_write:\n- url: http://{here}/api/v1/write\n  send_native_histograms: true\n  \
         queue_config: {{batch_send_deadline: 100ms}}\n",
        pages.config(3, "500ms"),
        pages.address()
    );
    let Some(_sender) = prometheus(&dir.path().join("sender"), &config, &there) else {
        return;
    };
    let (received, sent) = (Api::new(&here), Api::new(&there));
    // Three targets with ten scrapes each.
    let newest = "min(timestamp(up{job=\"pages\"})) and on () \
                  (count(count_over_time(up{job=\"pages\"}[1m]) >= 10) == 3)";
    let newest = until("scrapes have arrived", SOON, async || {
        received.value(newest).await
    })
    .await;
    // What is sent comes in order: nothing arrives any more for what lies before.
    let time = newest - 2.0;
    let queries = [
        "{job=\"pages\"}[1m]",
        "sum_over_time(pages_total[1m])",
        "timestamp(up{job=\"pages\"})",
        "sum by (of) (level)",
        "count({__name__!~\"|native:sum\"})",
        "native",
        "native[1m]",
        "histogram_sum(native)",
    ];
    let compare = async || {
        for query in queries {
            let wanted = sent.query(query, Some(time)).await?;
            let have = received.query(query, Some(time)).await?;
            assert!(!wanted.is_empty(), "{query}");
            equal(have, wanted).map_err(|why| format!("{query}: {why}"))?;
        }
        Ok::<_, String>(())
    };
    compare().await.unwrap();
    until("a histogram is recorded", SOON, async || {
        let count = received.value("histogram_count(native:sum)").await?;
        // Four times the number of pages, and three.
        equal(count % 4.0, 3.0)
    })
    .await;

    process.signal(Signal::KILL);
    process.ended(SOON).await;
    let process = receiver(dir.path(), &here).await;
    until("nothing is lost", SOON, compare).await;
    process.signal(Signal::TERM);
    assert!(process.ended(SOON).await);
}
