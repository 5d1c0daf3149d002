//! A cluster grows under load.
use std::{fs, time::Duration};

use crate::support::{Cluster, Pages, equal, now, turn, until};

const TARGETS: usize = 1000;
/// Seconds between scrapes.
const INTERVAL: f64 = 5.0;
const SOON: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn from_three_ingesters_to_five_two_fifths_move_and_no_slot_is_lost() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let pages = Pages::start().await;
    fs::write(
        dir.path().join("prometheus.yml"),
        pages.config(TARGETS, "5s"),
    )
    .unwrap();
    let cluster = Cluster::up(dir.path(), &[]).await;
    let api = cluster.api();
    let fresh = async |time: f64| {
        let expr = format!("count(timestamp(up{{job=\"pages\"}}) >= {time})");
        equal(api.value(&expr).await?, TARGETS as f64)
    };
    let begun = now();
    until("every target is scraped", SOON, async || fresh(begun).await).await;
    let before = cluster.ring(&["--shards"]).await.unwrap();

    let said = cluster.local(&["scale", "--ingesters", "5"]).await.unwrap();
    assert_eq!(said, "5 ingesters, settled");
    let after = cluster.ring(&["--shards"]).await.unwrap();
    assert!(after.epoch > before.epoch);
    assert_eq!(after.ingesters(), ["active"; 5]);
    assert_eq!(cluster.n_copies().await.unwrap(), 2 * TARGETS as u64);

    assert_eq!(before.shards.len(), 65_536);
    assert_eq!(after.shards.len(), 65_536);
    for shard in &after.shards {
        assert!(shard.len() == 2 && shard[0] != shard[1], "{shard:?}");
    }
    let pairs = before
        .shards
        .iter()
        .flatten()
        .zip(after.shards.iter().flatten());
    let moved = pairs.filter(|(before, after)| before != after).count();
    let moved = moved as f64 / (2.0 * 65_536.0);
    assert!(
        (0.35..=0.45).contains(&moved),
        "{moved} of all replicas moved"
    );

    let settled = now();
    until("scrapes go on", SOON, async || fresh(settled).await).await;
    let span = ((settled - begun) * 1000.0) as u64;
    let series = api
        .query(&format!("up{{job=\"pages\"}}[{span}ms]"), Some(settled))
        .await
        .unwrap();
    assert_eq!(series.len(), TARGETS);
    let lost: Vec<_> = series
        .iter()
        .filter(|one| one.n_holes(INTERVAL) > 0)
        .collect();
    assert!(
        lost.is_empty(),
        "{} targets lost slots, as {:?}",
        lost.len(),
        lost[0]
    );

    let refused = cluster
        .local(&["scale", "--ingesters", "4"])
        .await
        .unwrap_err();
    assert!(
        refused.contains("scaling ingesters down is refused"),
        "{refused}"
    );
    assert_eq!(cluster.ring(&[]).await.unwrap().ingesters(), ["active"; 5]);
}
