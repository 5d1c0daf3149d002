//! Data directories offline: history from a file, what is in it, and snapshots that are data directories themselves.
use std::{fs, path::Path, process::Output, time::Duration};

use http::Method;
use rustix::process::Signal;

use crate::support::{Api, Process, equal, free_address, now, pleiades, turn, until};

const SOON: Duration = Duration::from_secs(20);
const DAY: i64 = 86_400;

/// What `pleiades tsdb` printed, and whether it ended well.
async fn tsdb(args: &[&str]) -> (bool, String) {
    let args: Vec<&str> = ["tsdb"].iter().chain(args).copied().collect();
    let Output {
        status,
        stdout,
        stderr,
    } = pleiades(&args).await;
    let text = [stdout, stderr].concat();
    (
        status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// `all` over `data`, and its API.
async fn all(dir: &Path, data: &Path) -> (Process, Api) {
    let config = dir.join("prometheus.yml");
    fs::write(&config, "").unwrap();
    let address = free_address();
    let process = Process::start(&[
        "all",
        &format!("--config.file={}", config.display()),
        &format!("--storage.tsdb.path={}", data.display()),
        &format!("--web.listen-address={address}"),
        "--web.enable-admin-api",
        "--log.level=warn",
    ]);
    let api = Api::new(&address);
    until("it is ready", SOON, async || {
        equal(api.send(Method::GET, "/-/ready").await?.0, 200)
    })
    .await;
    (process, api)
}

#[tokio::test(flavor = "multi_thread")]
async fn history_from_a_file_is_listed_dumped_queried_and_restored_from_a_snapshot() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (dir.path().join("data"), dir.path().join("history.om"));
    // Two hundred samples a series three days ago, and one sample yesterday.
    let base = (now() as i64 / DAY - 3) * DAY;
    let mut text = "# TYPE a counter\n".to_owned();
    for series in 0..10 {
        for i in 0..200 {
            text.push_str(&format!(
                "a_total{{n=\"{series}\"}} {i} {}\n",
                base + 15 * i
            ));
        }
    }
    let yesterday = base + 2 * DAY + 7;
    text.push_str(&format!("# TYPE b gauge\nb 0.5 {yesterday}\n# EOF\n"));
    fs::write(&file, &text).unwrap();
    let store = data.join("ingester");
    let (store, file) = (store.display().to_string(), file.display().to_string());
    let import = ["create-blocks-from", "openmetrics", &file, &store];
    let (imported, listed) = tsdb(&import).await;
    assert!(imported, "{listed}");
    let cells: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(cells.len(), 3, "{listed}");
    let old = [base * 1000, (base + 15 * 199) * 1000].map(|millis| millis.to_string());
    assert_eq!(
        cells[1][1..5],
        [&*old[0], &old[1], "49m45s", "2000"],
        "{listed}"
    );
    assert_eq!(
        (cells[1][6], cells[2][4], cells[2][6]),
        ("10", "1", "1"),
        "{listed}"
    );

    let whole = data.display().to_string();
    // Sizes change as logs become tables.
    let (_, again) = tsdb(&["list", &whole]).await;
    for (line, known) in again.lines().zip(&cells) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(cells[..7], known[..7], "{again}");
    }
    let (_, dumped) = tsdb(&["dump", &whole]).await;
    assert_eq!(dumped.lines().count(), 2001);
    let line = format!(
        "{{__name__=\"a_total\", n=\"3\"}} 17 {}",
        (base + 15 * 17) * 1000
    );
    assert!(dumped.lines().any(|dumped| dumped == line), "{line}");
    let (_, dumped) = tsdb(&["dump", "--match=b", "--match={__name__=\"b\"}", &whole]).await;
    assert_eq!(
        dumped,
        format!("{{__name__=\"b\"}} 0.5 {}\n", yesterday * 1000)
    );
    let (compacted, told) = tsdb(&["compact", &whole]).await;
    assert!(compacted && told.ends_with(" blocks merged\n"), "{told}");
    let (_, dumped) = tsdb(&["dump", &whole]).await;
    assert_eq!(dumped.lines().count(), 2001);
    let (verified, told) = tsdb(&["verify", "--data-dir", &whole]).await;
    assert!(verified, "{told}");
    let (_, analysed) = tsdb(&["analyze", &whole, cells[1][0]]).await;
    for line in [
        "Total Series: 10",
        "Label names: 2",
        "10 __name__=a_total",
        "10 a_total",
    ] {
        assert!(
            analysed.lines().any(|told| told == line),
            "{line}: {analysed}"
        );
    }
    let (ended_well, told) =
        tsdb(&["list", &dir.path().join("nothing").display().to_string()]).await;
    assert!(!ended_well && told.contains("there is no store"), "{told}");

    let (process, api) = all(dir.path(), &data).await;
    let (ended_well, told) = tsdb(&["list", &whole]).await;
    assert!(
        !ended_well && told.contains("another process has it open"),
        "{told}"
    );
    let check = async |api: &Api| {
        let at = Some((base + 15 * 199) as f64);
        for (query, wanted) in [
            ("sum(a_total)", "1990"),
            ("sum(count_over_time(a_total[1h]))", "2000"),
        ] {
            let answer = api.query(query, at).await?;
            let value = answer.first().map(|series| series.samples[0].1.as_str());
            equal(value, Some(wanted))?;
        }
        Ok(())
    };
    until("history is answered", SOON, async || check(&api).await).await;
    let (status, body) = api
        .send(Method::POST, "/api/v1/admin/tsdb/snapshot")
        .await
        .unwrap();
    assert_eq!(status, 200, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    let name = answer["data"]["name"].as_str().unwrap();
    process.signal(Signal::TERM);
    assert!(process.ended(SOON).await);

    let snapshot = data.join("snapshots").join(name);
    let (process, api) = all(dir.path(), &snapshot).await;
    until("the snapshot answers", SOON, async || check(&api).await).await;
    process.signal(Signal::TERM);
    assert!(process.ended(SOON).await);
}
