//! All in one process: bad pages, bad configurations, bad queries, rules and alerts, and restarts.
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Api, Pages, Process, equal, free_address, now, pleiades, turn, until};

const SOON: Duration = Duration::from_secs(20);

/// `pleiades all` on a directory.
struct Server {
    process: Process,
    api: Api,
    config: PathBuf,
}

impl Server {
    async fn start(dir: &Path, config: &str) -> Self {
        let path = dir.join("prometheus.yml");
        fs::write(&path, config).unwrap();
        let address = free_address();
        let args = [
            "all",
            &format!("--config.file={}", path.display()),
            &format!("--storage.tsdb.path={}", dir.join("data").display()),
            &format!("--web.listen-address={address}"),
            "--web.enable-lifecycle",
            "--log.level=warn",
        ];
        let server = Self {
            process: Process::start(&args),
            api: Api::new(&address),
            config: path,
        };
        until("the server is ready", SOON, async || {
            let (status, _) = server.api.send(Method::GET, "/-/ready").await?;
            equal(status, 200)
        })
        .await;
        server
    }

    fn write_config(&self, text: &str) {
        fs::write(&self.config, text).unwrap();
    }

    async fn reload(&self) -> (u16, String) {
        self.api.send(Method::POST, "/-/reload").await.unwrap()
    }

    /// The active targets of `job`.
    async fn targets(&self, job: &str) -> Result<Vec<Value>, String> {
        let data = self
            .api
            .data(&format!("/api/v1/targets?scrapePool={job}"))
            .await?;
        Ok(data["activeTargets"]
            .as_array()
            .cloned()
            .unwrap_or_default())
    }

    /// The health and the error of the only target of `job`, once it was scraped.
    async fn health(&self, job: &str) -> Result<(String, String), String> {
        let targets = self.targets(job).await?;
        let text = |key: &str| targets[0][key].as_str().unwrap_or_default().to_owned();
        equal(targets.len(), 1)?;
        match text("health").as_str() {
            "unknown" => Err(format!("{job} was not scraped")),
            _ => Ok((text("health"), text("lastError"))),
        }
    }

    async fn ends(self) {
        self.process.signal(Signal::TERM);
        assert!(self.process.ended(SOON).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_page_harms_its_own_target_alone_and_says_why() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let pages = Pages::start().await;
    let nobody = free_address();
    let mut config = pages.config(1, "1s");
    let bad = [
        ("garbage", "/garbage", pages.address()),
        ("endless", "/endless", pages.address()),
        ("never", "/never", pages.address()),
        ("loop", "/loop", pages.address()),
        ("missing", "/nothing-here", pages.address()),
        ("nobody", "/metrics", nobody.clone()),
    ];
    for (job, path, address) in &bad {
        config.push_str(&format!(
            "- job_name: {job}\n  metrics_path: {path}\n  body_size_limit: 1MB\n  \
             static_configs: [{{targets: [{address:?}]}}]\n"
        ));
    }
    let server = Server::start(dir.path(), &config).await;
    let page = |path: &str| format!("http://{}{path}", pages.address());
    let expected = [
        (
            "garbage",
            "strconv.ParseFloat: parsing \"is\": invalid syntax while parsing: \"this is\""
                .to_owned(),
        ),
        ("endless", "body size limit exceeded".to_owned()),
        (
            "never",
            format!("Get {:?}: context deadline exceeded", page("/never")),
        ),
        (
            "loop",
            "Get \"/loop\": stopped after 10 redirects".to_owned(),
        ),
        (
            "missing",
            "server returned HTTP status 404 Not Found".to_owned(),
        ),
        (
            "nobody",
            format!(
                "Get \"http://{nobody}/metrics\": dial tcp {nobody}: connect: connection refused"
            ),
        ),
    ];
    for (job, wanted) in expected {
        let (health, error) = until("every target was scraped", SOON, async || {
            server.health(job).await
        })
        .await;
        assert_eq!(health, "down", "{job}");
        assert_eq!(error, wanted, "{job}");
    }
    let later = now() + 3.0;
    until("the good target goes on", SOON, async || {
        let fresh = format!("count(timestamp(pages_total) >= {later})");
        equal(server.api.value(&fresh).await?, 1.0)
    })
    .await;
    let holes = server
        .api
        .query("up{job=\"pages\"}[5s]", Some(later))
        .await
        .unwrap();
    assert_eq!(holes[0].n_holes(1.0), 0, "{holes:?}");
    until("the bad ones are counted as down", SOON, async || {
        equal(server.api.value("count(up == 0)").await?, bad.len() as f64)
    })
    .await;
    server.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typo_is_told_with_its_place_and_changes_nothing() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let pages = Pages::start().await;
    let good = pages.config(1, "1s");
    let typo = good.replace("scrape_timeout", "scrape_timeuot");
    let server = Server::start(dir.path(), &good).await;
    until("the target is scraped", SOON, async || {
        equal(
            server.health("pages").await?,
            ("up".to_owned(), String::new()),
        )
    })
    .await;

    server.write_config(&typo);
    let file = server.config.display().to_string();
    let checked = pleiades(&["check", "config", &file]).await;
    assert_eq!(checked.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&checked.stderr).into_owned();
    let says = [file.as_str(), "line 3", "field scrape_timeuot not found"];
    assert!(
        says.iter().all(|part| complaint.contains(part)),
        "{complaint}"
    );

    let shown = async || server.api.data("/api/v1/status/config").await.unwrap();
    let before = shown().await;
    let (status, why) = server.reload().await;
    assert_eq!(status, 500, "{why}");
    assert!(why.starts_with("failed to reload config: "), "{why}");
    assert!(says.iter().all(|part| why.contains(part)), "{why}");
    assert_eq!(shown().await, before);
    assert_eq!(server.targets("pages").await.unwrap().len(), 1);

    server.write_config(&pages.config(3, "1s"));
    assert_eq!(server.reload().await, (200, String::new()));
    until("the change takes effect", SOON, async || {
        equal(server.api.value("count(up == 1)").await?, 3.0)
    })
    .await;
    server.write_config(&pages.config(5, "1s"));
    server.process.signal(Signal::HUP);
    until("the next change takes effect", SOON, async || {
        equal(server.api.value("count(up == 1)").await?, 5.0)
    })
    .await;
    server.ends().await;
}

#[tokio::test]
async fn an_unknown_flag_is_refused_by_name() {
    let refused = pleiades(&["all", "--storage.tsdb.wal-segment-seize=1MB"]).await;
    assert_eq!(refused.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        complaint.contains("--storage.tsdb.wal-segment-seize"),
        "{complaint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_what_was_stored() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let pages = Pages::start().await;
    let config = pages.config(3, "1s");
    let server = Server::start(dir.path(), &config).await;

    let (status, answer) = server.api.get("/api/v1/query?query=sum(up").await.unwrap();
    assert_eq!(status, 400);
    let why = "invalid parameter \"query\": 1:7: parse error: unclosed left parenthesis";
    assert_eq!(
        answer,
        json!({"status": "error", "errorType": "bad_data", "error": why})
    );

    let fresh = format!("count(timestamp(pages_total) >= {})", now() + 3.0);
    until("there is something to keep", SOON, async || {
        equal(server.api.value(&fresh).await?, 3.0)
    })
    .await;
    let end = now() - 1.0;
    let expr = "{__name__=~\"up|level|pages_total\"}[30s]";
    let kept = server.api.query(expr, Some(end)).await.unwrap();
    assert_eq!(kept.len(), 12);
    server.ends().await;

    let server = Server::start(dir.path(), &config).await;
    let found = until("it answers", SOON, async || {
        server.api.query(expr, Some(end)).await
    })
    .await;
    let sorted = |mut series: Vec<crate::support::Series>| {
        series.sort_by_key(|one| one.labels.to_string());
        series
    };
    assert_eq!(sorted(found), sorted(kept));
    server.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_record_and_alerts_reach_an_alertmanager() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let pages = Pages::start().await;
    let rules = "groups:\n- name: of pages\n  interval: 1s\n  rules:\n  \
                 - {record: 'job:level:sum', expr: 'sum by (job) (level{of=\"number\"})'}\n  \
                 - {alert: HighLevel, expr: 'level{of=\"number\"} > 1', for: 2s, labels: {severity: page}, \
                 annotations: {summary: 'level of {{ $labels.number }} is {{ $value }}'}}\n";
    fs::write(dir.path().join("pages.rules"), rules).unwrap();
    let config = format!(
        "{}alerting:\n  alertmanagers:\n  - file_sd_configs: [{{files: [managers.json]}}]\nrule_files: [pages.rules]\n",
        pages.config(3, "1s"),
    );
    let managers = json!([{"targets": [pages.address()]}]).to_string();
    fs::write(dir.path().join("managers.json"), managers).unwrap();
    let server = Server::start(dir.path(), &config).await;
    until("the rule records", SOON, async || {
        equal(server.api.value("job:level:sum{job=\"pages\"}").await?, 3.0)
    })
    .await;
    until("the alert is pending first", SOON, async || {
        let expr =
            "count(last_over_time(ALERTS{alertname=\"HighLevel\",alertstate=\"pending\"}[1m]))";
        equal(server.api.value(expr).await?, 1.0)
    })
    .await;
    let alert = until("the alert fires", SOON, async || {
        let data = server.api.data("/api/v1/alerts").await?;
        equal(&data["alerts"][0]["state"], &json!("firing"))?;
        Ok(data["alerts"][0].clone())
    })
    .await;
    let labels = json!({
        "alertname": "HighLevel", "instance": pages.address(), "job": "pages", "number": "2",
        "of": "number", "severity": "page",
    });
    assert_eq!(alert["labels"], labels);
    assert_eq!(alert["annotations"], json!({"summary": "level of 2 is 2"}));
    assert_eq!(alert["value"], "2e+00");

    let data = server.api.data("/api/v1/rules").await.unwrap();
    let group = &data["groups"][0];
    assert_eq!(group["name"], "of pages");
    let told = |key: &str| {
        group["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r[key].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(told("name"), ["job:level:sum", "HighLevel"]);
    assert_eq!(told("type"), ["recording", "alerting"]);
    assert_eq!(told("health"), ["ok", "ok"]);
    assert_eq!(group["rules"][1]["state"], "firing");

    let sent = until("the Alertmanager hears of it", SOON, async || {
        let alerts = pages.alerts();
        alerts
            .first()
            .cloned()
            .ok_or_else(|| "no alert was sent".to_owned())
    })
    .await;
    assert_eq!(sent["labels"], labels);
    let managers = server.api.data("/api/v1/alertmanagers").await.unwrap();
    let url = format!("http://{}/api/v2/alerts", pages.address());
    assert_eq!(managers["activeAlertmanagers"], json!([{"url": url}]));
    assert_eq!(sent["annotations"], alert["annotations"]);
    // It starts when it fires, `for` after it became active; times as text are in order.
    let time = |alert: &Value, key: &str| alert[key].as_str().unwrap_or_default().to_owned();
    assert!(
        time(&sent, "startsAt") > time(&alert, "activeAt"),
        "{sent} {alert}"
    );
    server.ends().await;
}
