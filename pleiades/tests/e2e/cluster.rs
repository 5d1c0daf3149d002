//! Members of a cluster die, freeze and come back; who asks notices nothing.
use std::{
    fs,
    time::{Duration, Instant},
};

use http::Method;

use crate::support::{Cluster, Pages, equal, now, turn, until};

const TARGETS: usize = 20;
/// Seconds between scrapes.
const INTERVAL: f64 = 1.0;
/// After its lease of 10 s a member that is silent is known to be lost; the rest is for slow machines.
const LEASE: Duration = Duration::from_secs(15);
const SOON: Duration = Duration::from_secs(20);
/// How long a cluster may be without a leader after the last one died.
const FAIL_OVER: Duration = Duration::from_secs(2);

/// A cluster and the targets that it scrapes.
struct Scene {
    cluster: Cluster,
    pages: Pages,
}

impl Scene {
    /// One answer now tells of every target, without a warning.
    async fn is_complete(&self) -> Result<(), String> {
        let up = self
            .cluster
            .api()
            .value("count(up{job=\"pages\"} == 1)")
            .await?;
        equal(up, TARGETS as f64)
    }

    /// Every target was scraped at or after `time`.
    async fn is_fresh(&self, time: f64) -> Result<(), String> {
        let expr = format!("count(timestamp(up{{job=\"pages\"}}) >= {time})");
        equal(self.cluster.api().value(&expr).await?, TARGETS as f64)
    }

    /// Between `start` and `end` every target has a sample at each slot of its grid.
    async fn has_no_holes(&self, start: f64, end: f64) {
        let expr = format!("up{{job=\"pages\"}}[{}ms]", ((end - start) * 1000.0) as u64);
        let series = self.cluster.api().query(&expr, Some(end)).await;
        let series = series.expect("an answer is complete");
        assert_eq!(series.len(), TARGETS);
        for one in series {
            assert_eq!(one.n_holes(INTERVAL), 0, "{one:?}");
            let (first, last) = (one.samples[0].0, one.samples[one.samples.len() - 1].0);
            let has_ends = first <= start + 2.0 * INTERVAL && last >= end - 2.0 * INTERVAL;
            assert!(has_ends, "from {start} to {end}: {one:?}");
        }
    }

    async fn has_copies(&self, states: &[&str]) -> Result<(), String> {
        equal(self.cluster.ring(&[]).await?.ingesters(), states.to_vec())?;
        equal(self.cluster.n_copies().await?, 2 * TARGETS as u64)
    }

    async fn start(&self, id: &str) {
        self.cluster.local(&["start", id]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go_and_nothing_is_missed() {
    let _turn = turn().await;
    let dir = tempfile::tempdir().unwrap();
    let pages = Pages::start().await;
    fs::write(
        dir.path().join("prometheus.yml"),
        pages.config(TARGETS, "1s"),
    )
    .unwrap();
    let cluster = Cluster::up(dir.path(), &[]).await;
    let scene = Scene { cluster, pages };

    everyone_is_up(&scene).await;
    let begun = now();
    an_ingester_dies_and_comes_back(&scene, begun).await;
    the_leader_dies(&scene).await;
    nobody_leads(&scene).await;
    an_ingester_freezes(&scene).await;
}

async fn everyone_is_up(scene: &Scene) {
    let members = scene.cluster.members();
    let count = |role: &str| members.iter().filter(|member| member.role == role).count();
    assert_eq!(
        ["discoverer", "ingester", "querier", "ruler"].map(count),
        [3, 3, 1, 1]
    );
    for member in &members {
        assert!(member.lives() && member.state == "running", "{member:?}");
        let ready = crate::support::Api::new(&member.http)
            .send(Method::GET, "/-/ready")
            .await;
        assert_eq!(ready.unwrap().0, 200, "{member:?}");
    }
    until("every target is up", SOON, async || {
        scene.is_complete().await
    })
    .await;
    until("two ingesters hold each target", SOON, async || {
        scene.has_copies(&["active"; 3]).await
    })
    .await;
}

/// Queries stay complete while one ingester is gone, the others hold two copies of everything after its lease, and
/// with it comes back what only it and the next that dies have held.
async fn an_ingester_dies_and_comes_back(scene: &Scene, begun: f64) {
    until("there is something to lose", SOON, async || {
        scene.is_fresh(begun + 4.0).await
    })
    .await;
    let before = now() - 1.0;
    scene.cluster.local(&["kill", "ingester-1"]).await.unwrap();
    assert_eq!(scene.cluster.member("ingester-1").state, "down");
    let killed = Instant::now();
    until("the others hold two copies of all", LEASE, async || {
        scene
            .is_complete()
            .await
            .expect("an answer is complete while one ingester is gone");
        scene.has_copies(&["active", "unhealthy", "active"]).await
    })
    .await;
    // Sooner would be a verdict before the lease is over.
    assert!(
        killed.elapsed() > Duration::from_secs(5),
        "{:?}",
        killed.elapsed()
    );
    scene.start("ingester-1").await;
    until("all three are back", SOON, async || {
        scene.has_copies(&["active"; 3]).await
    })
    .await;
    scene.cluster.local(&["kill", "ingester-2"]).await.unwrap();
    // Of a third of the targets ingester-1 alone has what was before its death.
    scene.has_no_holes(begun, before).await;
    scene.start("ingester-2").await;
    until("all three are back again", SOON, async || {
        scene.has_copies(&["active"; 3]).await
    })
    .await;
}

async fn the_leader_dies(scene: &Scene) {
    let leader = scene.cluster.ring(&[]).await.unwrap().leader;
    let survivors = scene.cluster.electorate(&leader).await;
    let before = now();
    scene.cluster.strike(&leader);
    let killed = Instant::now();
    let elected = tokio::time::timeout(SOON, survivors.elected()).await;
    let took = killed.elapsed();
    assert!(
        elected.is_ok() && took < FAIL_OVER,
        "{elected:?} leads after {took:?}"
    );
    until("the dead one is known to be down", SOON, async || {
        equal(scene.cluster.member(&leader).state.as_str(), "down")
    })
    .await;
    scene.start(&leader).await;
    let after = now();
    until("scrapes go on", SOON, async || {
        scene.is_fresh(after + 2.0).await
    })
    .await;
    scene.has_no_holes(before - 2.0, after).await;
}

/// Without any discoverer scrapes and queries go on, also on an ingester that comes up meanwhile.
async fn nobody_leads(scene: &Scene) {
    let discoverers = ["discoverer-0", "discoverer-1", "discoverer-2"];
    let before = now();
    for id in discoverers {
        scene.cluster.local(&["kill", id]).await.unwrap();
    }
    let killed = now();
    until("scrapes go on", SOON, async || {
        scene.is_fresh(killed + 3.0).await
    })
    .await;
    scene.has_no_holes(before - 1.0, now() - 1.0).await;

    for id in ["ingester-0", "ingester-1", "ingester-2"] {
        scene.cluster.local(&["kill", id]).await.unwrap();
    }
    let scrapes: Vec<u64> = (0..TARGETS)
        .map(|number| scene.pages.scrapes(number))
        .collect();
    for id in ["ingester-0", "ingester-1", "ingester-2"] {
        scene.start(id).await;
    }
    until(
        "ingesters scrape what they had been told to",
        SOON,
        async || {
            let missed: Vec<usize> = (0..TARGETS)
                .filter(|number| scene.pages.scrapes(*number) < scrapes[*number] + 2)
                .collect();
            equal(missed, Vec::new())
        },
    )
    .await;
    let back = now();
    until("their samples are found", SOON, async || {
        scene.is_fresh(back).await
    })
    .await;

    for id in discoverers {
        scene.start(id).await;
    }
    let states = ["active"; 3];
    until("no target is lost", LEASE, async || {
        scene.has_copies(&states).await
    })
    .await;
    let led = now();
    until("scrapes go on", SOON, async || {
        scene.is_fresh(led + 2.0).await
    })
    .await;
    scene.has_no_holes(back, led).await;
}

async fn an_ingester_freezes(scene: &Scene) {
    scene.cluster.local(&["pause", "ingester-2"]).await.unwrap();
    assert_eq!(scene.cluster.member("ingester-2").state, "paused");
    for _ in 0..5 {
        let asked = Instant::now();
        scene
            .is_complete()
            .await
            .expect("an answer is complete while an ingester is frozen");
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "{:?}",
            asked.elapsed()
        );
    }
    scene
        .cluster
        .local(&["resume", "ingester-2"])
        .await
        .unwrap();
    let resumed = now();
    until("it takes part again", SOON, async || {
        scene.has_copies(&["active"; 3]).await
    })
    .await;
    until("scrapes go on", SOON, async || {
        scene.is_fresh(resumed + 1.0).await
    })
    .await;
}
