//! A whole server on a disk that becomes full and gets room again, in a small file system of the test's own.
use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::Duration,
};

use http::Method;
use rustix::process::Signal;
use tokio::process::Command;

use crate::support::{Api, BINARY, Pages, Process, clean, equal, free_address, now, turn, until};

const SOON: Duration = Duration::from_secs(30);
const N_TARGETS: usize = 10;
/// So many scrapes fail in some seconds, in which the ingester also syncs and maintains what it cannot.
const N_FAILURES: u64 = 60;
/// What RocksDB has reserved for its log is full after some time.
const SOON_FULL: Duration = Duration::from_secs(90);
const MOUNT: &str = "mount -t tmpfs -o size=96m tmpfs \"$1\"";

/// `sh` with the script in a mount namespace of its own, in which `folder` is `$1`.
fn with_small_disk(folder: &Path, script: &str) -> Command {
    let mut unshare = clean(Command::new("unshare"));
    unshare.args(["-rm", "sh", "-c", script, "sh"]).arg(folder);
    unshare
}

/// Writes zeros to `file` until there is no room for one more.
fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::print_stderr,
    reason = "who runs the tests should know that this one did not"
)]
async fn a_server_whose_disk_is_full_answers_and_goes_on_when_there_is_room() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let (disk, config) = (dir.path().join("disk"), dir.path().join("prometheus.yml"));
    fs::create_dir(&disk).unwrap();
    let tried = with_small_disk(&disk, MOUNT).status().await;
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("not run: this machine lets nobody mount a small disk");
        return;
    }
    let pages = Pages::start().await;
    fs::write(&config, pages.config_of_wide(N_TARGETS, "500ms")).unwrap();
    let address = free_address();
    let shell = with_small_disk(&disk, &format!("{MOUNT} && shift && exec \"$@\""));
    let args = [
        BINARY,
        "all",
        &format!("--config.file={}", config.display()),
        &format!("--storage.tsdb.path={}", disk.join("data").display()),
        &format!("--web.listen-address={address}"),
        "--log.level=warn",
    ];
    let process = Process::within(shell, &args);
    let api = Api::new(&address);
    let are_up = async |n: usize| equal(api.value("sum(up{job=\"pages\"})").await?, n as f64);
    until("all targets are up", SOON, async || are_up(N_TARGETS).await).await;

    let of_process = format!("/proc/{}/root{}", process.pid(), disk.display());
    let filler = Path::new(&of_process).join("filler");
    let before = now();
    fill(&filler);
    until("rows are refused", SOON_FULL, async || {
        let (_, metrics) = api.send(Method::GET, "/metrics").await?;
        let mut lines = metrics.lines();
        let found = lines.find_map(|l| l.strip_prefix("pleiades_ingester_append_failures_total "));
        match found.and_then(|n| n.parse::<u64>().ok()) {
            Some(n) if n >= N_FAILURES => Ok(()),
            n => Err(format!("{n:?}")),
        }
    })
    .await;
    assert_eq!(api.send(Method::GET, "/-/healthy").await.unwrap().0, 200);
    let known = api.query("sum(up{job=\"pages\"})", Some(before)).await;
    assert_eq!(known.unwrap()[0].samples[0].1, N_TARGETS.to_string());

    fs::remove_file(&filler).unwrap();
    let roomy = now();
    until("rows are stored again", SOON, async || {
        let newest = api.value("min(timestamp(up{job=\"pages\"}))").await?;
        match newest > roomy {
            true => Ok(()),
            false => Err(format!("{newest} is before {roomy}")),
        }
    })
    .await;
    // What the discoverer stores is stored again, too.
    fs::write(&config, pages.config_of_wide(N_TARGETS + 1, "500ms")).unwrap();
    process.signal(Signal::HUP);
    until("a new configuration is taken", SOON, async || {
        are_up(N_TARGETS + 1).await
    })
    .await;
    process.signal(Signal::TERM);
    assert!(process.ended(SOON).await);
}
