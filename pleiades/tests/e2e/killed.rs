//! kill -9, again and again under load: nothing that was answered before is lost, nothing is invented, and what is
//! stored holds together.
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use rustix::process::Signal;

use crate::support::{
    Api, Pages, Process, equal, free_address, known_value, now, pleiades, turn, until,
};

const SOON: Duration = Duration::from_secs(30);
const TARGETS: usize = 4;
/// How often the process is killed, unless the environment says so.
const KILLS: u64 = 3;

/// The samples of every series, by its labels and the sample's time in milliseconds.
type Samples = BTreeMap<(String, i64), f64>;

/// All that is stored, each sample of which is what the target had at that time.
async fn samples(api: &Api) -> Result<Samples, String> {
    let mut samples = Samples::new();
    for series in api.query("known[1h]", Some(now() + 1.0)).await? {
        let number = |label: &str| series.labels[label].as_str().and_then(|n| n.parse().ok());
        let (target, place) = (number("number").unwrap(), number("place").unwrap());
        for (at, value) in series.samples {
            let millis = (at * 1000.0).round() as i64;
            let value: f64 = value.parse().unwrap();
            assert_eq!(
                value,
                known_value(target, place, millis),
                "{} at {at}",
                series.labels
            );
            samples.insert((series.labels.to_string(), millis), value);
        }
    }
    Ok(samples)
}

async fn start(dir: &Path, config: &Path) -> (Process, Api) {
    let address = free_address();
    let process = Process::start(&[
        "all",
        &format!("--config.file={}", config.display()),
        &format!("--storage.tsdb.path={}", dir.join("data").display()),
        &format!("--web.listen-address={address}"),
        "--log.level=warn",
    ]);
    let api = Api::new(&address);
    until("the server is ready", SOON, async || {
        let (status, _) = api.send(http::Method::GET, "/-/ready").await?;
        equal(status, 200)
    })
    .await;
    (process, api)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_at_any_instant_loses_and_invents_nothing() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let pages = Pages::start().await;
    let config = dir.path().join("prometheus.yml");
    fs::write(&config, pages.config_of_known(TARGETS, "200ms")).unwrap();
    let kills = std::env::var("KILLS").ok().and_then(|n| n.parse().ok());
    let mut before = Samples::new();
    for kill in 0..kills.unwrap_or(KILLS) {
        let (process, api) = start(dir.path(), &config).await;
        let answered = until("all is back, and more", SOON, async || {
            let found = samples(&api).await?;
            let lost = before
                .keys()
                .filter(|sample| !found.contains_key(*sample))
                .count();
            equal(lost, 0)?;
            match found.len() > before.len() + 100 {
                true => Ok(found),
                false => Err(format!("{} samples", found.len())),
            }
        })
        .await;
        // An instant that no round shares with another: within an append, a sync, a cut.
        let wait = (now() * 1e6) as u64 % 1_700 + kill * 37 % 300;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        before = samples(&api).await.unwrap();
        assert!(answered.keys().all(|sample| before.contains_key(sample)));
        process.signal(Signal::KILL);
        assert!(!process.ended(SOON).await);
        let data = format!("--data-dir={}", dir.path().join("data/ingester").display());
        let verified = pleiades(&["tsdb", "verify", &data]).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            verified.status.success(),
            "after kill {kill}: {}{}",
            text(&verified.stdout),
            text(&verified.stderr)
        );
    }
    let (_process, api) = start(dir.path(), &config).await;
    until("all is back", SOON, async || {
        let found = samples(&api).await?;
        equal(
            before
                .keys()
                .filter(|sample| !found.contains_key(*sample))
                .count(),
            0,
        )
    })
    .await;
}
