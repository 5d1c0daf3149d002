//! Goldens of deltas.
use std::num::NonZeroU16;

use config::Resolved;
use expect_test::{Expect, expect};
use hashring::{Health, Member, Problem, place};
use model::{Labels, Millis, ReplicationFactor, TargetSettings};

use super::*;

fn targets(complete: bool, instances: &[(&str, &str)]) -> Targets {
    let active = instances.iter().map(|(instance, address)| Target {
        labels: Labels::from_pairs([("job", "j"), ("instance", instance)]),
        discovered: Labels::empty(),
        job: "j".to_owned(),
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
    Targets::new(1, complete, vec![("j".to_owned(), Arc::new(resolved))])
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
            format!(
                "full {}, upserts {upserts:?}, removes {removes:?}",
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
