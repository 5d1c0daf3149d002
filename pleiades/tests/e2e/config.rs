//! Configurations that are refused: at a first start they end it, later they change nothing.
use std::{fs, path::Path, time::Duration};

use http::Method;
use rustix::process::Signal;

use crate::support::{Api, Pages, Process, equal, free_address, pleiades, turn, until};

const SOON: Duration = Duration::from_secs(20);
const TYPO: &str = "global:\n  scrape_interval: 1s\nscrape_confgs: []\n";
const TYPO_TOLD: &str =
    "yaml: unmarshal errors:\n  line 3: field scrape_confgs not found in type config.plain";

/// The flags of `pleiades all` on `dir`, whose configuration is `config`.
fn all(dir: &Path, config: &Path, address: &str) -> Vec<String> {
    vec![
        "all".to_owned(),
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", dir.join("data").display()),
        format!("--web.listen-address={address}"),
        "--web.enable-lifecycle".to_owned(),
        "--log.level=error".to_owned(),
    ]
}

fn borrowed(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_ends_with_what_is_wrong() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prometheus.yml");
    let start = async || {
        let args = all(dir.path(), &path, &free_address());
        let ended = pleiades(&borrowed(&args)).await;
        assert_eq!(ended.status.code(), Some(1));
        String::from_utf8_lossy(&ended.stderr).into_owned()
    };
    let shown = path.display();
    let complaint = start().await;
    let missing = format!(
        "pleiades: Error loading config (--config.file={shown}): open {shown}: No such file"
    );
    assert!(complaint.starts_with(&missing), "{complaint}");

    fs::write(&path, TYPO).unwrap();
    let complaint = start().await;
    let told = format!(
        "pleiades: Error loading config (--config.file={shown}): parsing YAML file {shown}: {TYPO_TOLD}\n"
    );
    assert_eq!(complaint, told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_start_goes_on_with_what_was_committed() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prometheus.yml");
    let pages = Pages::start().await;
    fs::write(&path, pages.config(2, "1s")).unwrap();
    let address = free_address();
    let args = all(dir.path(), &path, &address);
    let api = Api::new(&address);
    let scraped = async || equal(api.value("count(up{job=\"pages\"} == 1)").await?, 2.0);
    let server = Process::start(&borrowed(&args));
    until("the targets are scraped", SOON, scraped).await;
    server.signal(Signal::TERM);
    assert!(server.ended(SOON).await);

    fs::write(&path, TYPO).unwrap();
    let n_scrapes = pages.scrapes(0);
    let server = Process::start(&borrowed(&args));
    until("the targets are scraped again", SOON, async || {
        equal(pages.scrapes(0) > n_scrapes, true)
    })
    .await;
    let (status, why) = until("the API answers", SOON, async || {
        api.send(Method::POST, "/-/reload").await
    })
    .await;
    assert_eq!(status, 500);
    let told = format!(
        "failed to reload config: parsing YAML file {}: {TYPO_TOLD}",
        path.display()
    );
    assert_eq!(why.trim_end(), told);
    server.signal(Signal::TERM);
    assert!(server.ended(SOON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_cluster_reports_the_member_that_fails() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prometheus.yml");
    fs::write(&path, TYPO).unwrap();
    let args = [
        "local".to_owned(),
        "up".to_owned(),
        format!("--config.file={}", path.display()),
        format!("--data-dir={}", dir.path().join("data").display()),
        format!("--web.listen-address={}", free_address()),
    ];
    let ended = tokio::time::timeout(Duration::from_secs(60), pleiades(&borrowed(&args))).await;
    let ended = ended.expect("it ends by itself");
    assert_eq!(ended.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
    for part in ["pleiades: discoverer-", "ended by itself", TYPO_TOLD] {
        assert_eq!(complaint.matches(part).count(), 1, "{part}: {complaint}");
    }
    let roster = fs::read_to_string(dir.path().join("data/cluster.json")).unwrap();
    assert_eq!(roster.matches(r#""state": "down""#).count(), 8, "{roster}");
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_that_is_not_supported_is_refused_unless_it_may_be_skipped() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prometheus.yml");
    let pages = Pages::start().await;
    let config = pages.config(1, "1s") + "  nomad_sd_configs: [{server: 'a:1'}]\n";
    fs::write(&path, &config).unwrap();
    let line = config.lines().count();
    let told = format!("line {line}: nomad_sd_configs of scrape job \"pages\" is not supported");
    let address = free_address();
    let mut args = all(dir.path(), &path, &address);
    let ended = pleiades(&borrowed(&args)).await;
    assert_eq!(ended.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(complaint.contains(&told), "{complaint}");
    assert!(
        complaint.contains("--config.skip-unsupported-sd"),
        "{complaint}"
    );

    let checked = pleiades(&["check", "config", &path.display().to_string()]).await;
    assert_eq!(checked.status.code(), Some(0));
    let warning = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(warning.contains(&format!("WARNING: {told}")), "{warning}");

    args.push("--config.skip-unsupported-sd".to_owned());
    let server = Process::start(&borrowed(&args));
    let api = Api::new(&address);
    until(
        "the other mechanism's target is scraped",
        SOON,
        async || equal(api.value("count(up{job=\"pages\"} == 1)").await?, 1.0),
    )
    .await;
    server.signal(Signal::TERM);
    assert!(server.ended(SOON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_may_use_what_is_switched_on() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prometheus.yml");
    let pages = Pages::start().await;
    fs::write(&path, pages.config(3, "1s") + "rule_files: [a.rules]\n").unwrap();
    let rule = "{record: 'level:sorted', expr: 'limitk(2, level{of=\"number\"})'}";
    let rules = format!("groups: [{{name: a, interval: 1s, rules: [{rule}]}}]");
    fs::write(dir.path().join("a.rules"), rules).unwrap();
    let address = free_address();
    let mut args = all(dir.path(), &path, &address);
    let ended = pleiades(&borrowed(&args)).await;
    assert_eq!(ended.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
    let told = "limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions";
    assert!(complaint.contains(told), "{complaint}");

    let flag = "--enable-feature=promql-experimental-functions";
    let shown = path.display().to_string();
    let checked = async |more: &[&str]| {
        let args = [&["check", "config", &shown], more].concat();
        pleiades(&args).await.status.code()
    };
    assert_eq!(checked(&[]).await, Some(1));
    assert_eq!(checked(&[flag]).await, Some(0));

    args.push(flag.to_owned());
    let server = Process::start(&borrowed(&args));
    let api = Api::new(&address);
    until("the rule records", SOON, async || {
        equal(api.value("count(level:sorted)").await?, 2.0)
    })
    .await;
    server.signal(Signal::TERM);
    assert!(server.ended(SOON).await);
}
