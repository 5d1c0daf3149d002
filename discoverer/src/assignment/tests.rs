//! Goldens of deltas.
use std::num::NonZeroU16;

use config::Resolved;
use expect_test::{Expect, expect};
use hashring::{Health, Member, Problem, place};
use model::{Labels, Millis, ReplicationFactor, TargetSettings};

use super::*;

fn targets(complete: bool, instances: &[(&str, &str)]) -> Targets {
    targets_of(&[("j", complete, instances)])
}

/// A job, whether it is settled, and its instances with their addresses.
type Job<'a> = (&'a str, bool, &'a [(&'a str, &'a str)]);

fn targets_of(jobs: &[Job<'_>]) -> Targets {
    let unsettled = jobs.iter().filter(|(_, settled, _)| !settled);
    let unsettled = unsettled.map(|(job, ..)| (*job).to_owned()).collect();
    let resolved = jobs.iter().map(|(job, _, instances)| {
        let active = instances.iter().map(|(instance, address)| Target {
            labels: Labels::from_pairs([("job", *job), ("instance", instance)]),
            discovered: Labels::empty(),
            job: (*job).to_owned(),
            settings: TargetSettings {
                scheme: "http".to_owned(),
                address: (*address).to_owned(),
                metrics_path: "/metrics".to_owned(),
                params: Vec::new(),
                interval: Millis::from_seconds(15),
                timeout: Millis::from_seconds(10),
                own: None,
            },
        });
        let resolved = Resolved {
            active: active.collect(),
            ..Resolved::default()
        };
        ((*job).to_owned(), Arc::new(resolved))
    });
    Targets::new(1, unsettled, resolved.collect())
}

fn map(n_nodes: u32) -> ShardMap {
    let members = (1..=n_nodes).map(|node| Member {
        node: NodeId(node),
        weight: NonZeroU16::MIN,
        zone: String::new(),
        health: Health::Active,
    });
    let problem = Problem::new(ReplicationFactor::new(1).unwrap(), members);
    place(&problem, &ShardMap::empty())
}

/// What node 1 is told; addresses and reasons are shown.
#[track_caller]
fn check(assigned: &mut Assigned, targets: &Targets, map: &ShardMap, expected: Expect) {
    let text = match assigned.delta(targets, map) {
        None => "nothing".to_owned(),
        Some(delta) => {
            let mut upserts: Vec<&str> = delta
                .upserts
                .iter()
                .map(|(_, target, _)| &*target.settings.address)
                .collect();
            upserts.sort_unstable();
            let removes: Vec<Reason> = delta.removes.iter().map(|(_, reason)| *reason).collect();
            let whole = match delta.whole_jobs.as_slice() {
                [] => String::new(),
                jobs => format!("whole {jobs:?} of {:?}, ", delta.all_jobs),
            };
            format!(
                "full {}, {whole}upserts {upserts:?}, removes {removes:?}",
                delta.full
            )
        }
    };
    expected.assert_eq(&text);
}

#[test]
fn the_full_set_comes_first_then_what_changes() {
    let (one, mut assigned) = (map(1), Assigned::new(NodeId(1)));
    let both = targets(true, &[("a", "a:1"), ("b", "b:1")]);
    check(
        &mut assigned,
        &both,
        &one,
        expect![[r#"full true, upserts ["a:1", "b:1"], removes []"#]],
    );
    check(&mut assigned, &both, &one, expect!["nothing"]);
    let changed = targets(true, &[("a", "a:2"), ("c", "c:1")]);
    check(
        &mut assigned,
        &changed,
        &one,
        expect![[r#"full false, upserts ["a:2", "c:1"], removes [Removed]"#]],
    );
    check(
        &mut assigned,
        &targets(true, &[]),
        &one,
        expect!["full false, upserts [], removes [Removed, Removed]"],
    );
}

#[test]
fn an_ingester_without_targets_is_told_so() {
    let mut assigned = Assigned::new(NodeId(1));
    check(
        &mut assigned,
        &targets(true, &[]),
        &map(1),
        expect!["full true, upserts [], removes []"],
    );
}

#[test]
fn nothing_is_removed_before_all_providers_have_told_their_first() {
    let (one, mut assigned) = (map(1), Assigned::new(NodeId(1)));
    check(
        &mut assigned,
        &targets(false, &[]),
        &one,
        expect!["nothing"],
    );
    check(
        &mut assigned,
        &targets(false, &[("a", "a:1")]),
        &one,
        expect![[r#"full false, upserts ["a:1"], removes []"#]],
    );
    check(
        &mut assigned,
        &targets(false, &[("b", "b:1")]),
        &one,
        expect![[r#"full false, upserts ["b:1"], removes []"#]],
    );
    check(
        &mut assigned,
        &targets(true, &[("b", "b:1")]),
        &one,
        expect![[r#"full true, upserts ["b:1"], removes [Removed]"#]],
    );
}

#[test]
fn a_target_that_others_scrape_now_has_moved() {
    let names: Vec<String> = (0..8).map(|i| format!("t{i}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|n| (&**n, &**n)).collect();
    let all = targets(true, &all);
    let mut assigned = Assigned::new(NodeId(1));
    check(
        &mut assigned,
        &all,
        &map(1),
        expect![[
            r#"full true, upserts ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"], removes []"#
        ]],
    );
    check(
        &mut assigned,
        &all,
        &map(2),
        expect!["full false, upserts [], removes [Moved, Moved, Moved, Moved, Moved]"],
    );
    check(
        &mut assigned,
        &all,
        &map(1),
        expect![[r#"full false, upserts ["t0", "t1", "t3", "t4", "t5"], removes []"#]],
    );
}

#[test]
fn a_job_does_not_wait_for_the_providers_of_others() {
    let (one, mut assigned) = (map(1), Assigned::new(NodeId(1)));
    let mut told = |a: (bool, &[(&str, &str)]), b: (bool, &[(&str, &str)]), expected: Expect| {
        let targets = targets_of(&[("a", a.0, a.1), ("b", b.0, b.1)]);
        check(&mut assigned, &targets, &one, expected);
    };
    let some = &[("a", "a:1"), ("c", "c:1")][..];
    told(
        (true, some),
        (false, &[("b", "b:1")]),
        expect![[
            r#"full false, whole ["a"] of ["a", "b"], upserts ["a:1", "b:1", "c:1"], removes []"#
        ]],
    );
    // What is gone from a settled job is gone; of another one nothing is.
    told(
        (true, &some[..1]),
        (false, &[]),
        expect!["full false, upserts [], removes [Removed]"],
    );
    told(
        (true, &some[..1]),
        (true, &[]),
        expect![[r#"full true, upserts ["a:1"], removes [Removed]"#]],
    );
    // A provider that is new to a job keeps what the job has.
    told((false, &[]), (true, &[]), expect!["nothing"]);
    told(
        (true, &[]),
        (true, &[]),
        expect!["full false, upserts [], removes [Removed]"],
    );
}
