//! The power fails.
use std::{fs, time::Duration};

use crate::support::{Cluster, Pages, equal, has_ended, now, turn, until};

const TARGETS: usize = 20;
const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_synced_is_there_after_every_process_was_killed() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let pages = Pages::start().await;
    fs::write(
        dir.path().join("prometheus.yml"),
        pages.config(TARGETS, "1s"),
    )
    .unwrap();
    let cluster = Cluster::up(dir.path(), &[]).await;
    let expr = "{job=\"pages\",__name__=~\"up|pages_total|level\"}[10s]";
    let begun = now();
    let fresh = format!("count(timestamp(pages_total) >= {})", begun + 6.0);
    until("there is something to lose", SOON, async || {
        equal(cluster.api().value(&fresh).await?, TARGETS as f64)
    })
    .await;

    // The youngest samples may not be synced yet.
    let synced = now() - 2.5;
    let before = cluster.api().query(expr, Some(synced)).await.unwrap();
    assert_eq!(before.len(), 4 * TARGETS);
    assert!(
        before.iter().all(|series| series.samples.len() >= 2),
        "{before:?}"
    );
    let pids = cluster.pids();
    cluster.kill();
    until("every process is gone", SOON, async || {
        equal(pids.iter().filter(|pid| !has_ended(**pid)).count(), 0)
    })
    .await;
    drop(cluster);

    let cluster = Cluster::up(dir.path(), &[]).await;
    let sorted = |mut series: Vec<_>| {
        series.sort_by_key(|one: &crate::support::Series| one.labels.to_string());
        series
    };
    let after = until("the cluster answers in full", SOON, async || {
        cluster.api().query(expr, Some(synced)).await
    })
    .await;
    assert_eq!(sorted(after), sorted(before));
    let up = now();
    let fresh = format!("count(timestamp(pages_total) >= {up})");
    until("every target is scraped again", SOON, async || {
        equal(cluster.api().value(&fresh).await?, TARGETS as f64)
    })
    .await;
}
