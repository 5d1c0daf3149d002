//! Prometheus' own scripts over a cluster of real processes: written to two ingesters of three, asked of all, merged.
use std::path::{Path, PathBuf};

use crate::support::{pleiades, turn};

/// A few of them, with histograms, staleness markers, start timestamps and joins; the others pass too, in minutes.
const SCRIPTS: [&str; 4] = [
    "collision.test",
    "info.test",
    "staleness.test",
    "start_timestamps.test",
];

/// The folder of the scripts, which lies beside the repository or beside one of its parents.
fn scripts() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = manifest
        .ancestors()
        .map(|dir| dir.join("shared/testdata/promqltest/public"))
        .find(|dir| dir.is_dir());
    found.expect("shared/testdata lies beside a parent of this crate")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_answers_as_memory_does() {
    let _turn = turn().await;
    let mut args = vec!["promqltest".to_owned(), "--source=cluster".to_owned()];
    let files = SCRIPTS.map(|name| scripts().join(name).display().to_string());
    args.extend(files);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = pleiades(&args).await;
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{errors}");
    assert_eq!(
        told.matches(" passed, 0 failed").count(),
        SCRIPTS.len(),
        "{told}"
    );
}
