//! What commands do to the state, as goldens, and that it survives its encoding.
use expect_test::{Expect, expect};

use super::*;

fn joining(role: Role, id: &str, grpc: &str) -> Command {
    Command::Join(Member {
        id: id.to_owned(),
        role,
        http: "h:1".to_owned(),
        grpc: grpc.to_owned(),
        zone: String::new(),
        state: MemberState::Active,
        since: Timestamp::from_millis(7),
    })
}

fn set_map(based_on: u64, n_nodes: u32) -> Command {
    let members = (1..=n_nodes).map(|node| hashring::Member {
        node: NodeId(node),
        weight: std::num::NonZeroU16::MIN,
        zone: String::new(),
        health: hashring::Health::Active,
    });
    let problem = hashring::Problem::new(ReplicationFactor::new(2).unwrap(), members);
    Command::SetMap {
        based_on,
        at: Timestamp::from_millis(based_on as i64 * 1000),
        map: Arc::new(hashring::place(&problem, &ShardMap::empty())),
    }
}

fn config(main: &str) -> Command {
    Command::SetConfig(ConfigBundle {
        main: main.to_owned(),
        ..ConfigBundle::default()
    })
}

/// Applies the commands, as the log would give them; one line each with what came of it.
#[track_caller]
fn check(commands: &[Command], expected: Expect) -> State {
    let (mut state, mut lines) = (State::default(), String::new());
    for command in commands {
        let logged = Command::decode(&command.encode()).unwrap();
        assert_eq!(logged, *command);
        let outcome = state.apply(logged);
        lines += &format!("v{} e{} {outcome:?}\n", state.version, state.epoch());
    }
    expected.assert_eq(&lines);
    assert_eq!(State::decode(&state.encode()).unwrap(), state);
    state
}

#[test]
fn a_name_has_one_number_for_ever() {
    let state = check(
        &[
            joining(Role::Ingester, "a", "x:1"),
            joining(Role::Ingester, "b", "x:2"),
            joining(Role::Querier, "a", "x:3"),
            joining(Role::Ingester, "a", "x:1"),
            joining(Role::Ingester, "a", "y:1"),
            Command::RemoveMember(NodeId(2)),
            Command::RemoveMember(NodeId(2)),
            joining(Role::Ingester, "b", "x:2"),
        ],
        expect![[r#"
            v1 e0 Joined(NodeId(1))
            v2 e0 Joined(NodeId(2))
            v3 e0 Joined(NodeId(3))
            v3 e0 Joined(NodeId(1))
            v4 e0 Joined(NodeId(1))
            v5 e0 Changed
            v5 e0 Unchanged
            v6 e0 Joined(NodeId(4))
        "#]],
    );
    assert_eq!(state.members[&NodeId(1)].grpc, "y:1");
}

#[test]
fn a_member_that_joins_again_is_well_again() {
    let set = |state| Command::SetMemberState {
        node: NodeId(1),
        state,
        at: Timestamp::from_millis(9),
    };
    let mut state = check(
        &[
            joining(Role::Ingester, "a", "x:1"),
            set(MemberState::Unhealthy),
            set(MemberState::Unhealthy),
            Command::SetMemberState {
                node: NodeId(5),
                state: MemberState::Leaving,
                at: Timestamp::from_millis(9),
            },
        ],
        expect![[r#"
            v1 e0 Joined(NodeId(1))
            v2 e0 Changed
            v2 e0 Unchanged
            v2 e0 Refused("there is no member 5")
        "#]],
    );
    assert_eq!(state.members[&NodeId(1)].since, Timestamp::from_millis(9));
    state.apply(joining(Role::Ingester, "a", "x:1"));
    assert_eq!(state.members[&NodeId(1)].state, MemberState::Active);
}

#[test]
fn only_a_map_makes_an_epoch_and_only_from_the_newest() {
    check(
        &[
            set_map(0, 1),
            set_map(1, 1),
            set_map(0, 2),
            set_map(1, 2),
            config("a"),
            Command::SetReplication(ReplicationFactor::new(2).unwrap()),
        ],
        expect![[r#"
            v1 e1 Changed
            v1 e1 Unchanged
            v1 e1 Refused("the map was made from epoch 0, now is 1")
            v2 e2 Changed
            v3 e2 Changed
            v4 e2 Changed
        "#]],
    );
}

#[test]
fn sixteen_maps_are_kept() {
    let mut state = State::default();
    for epoch in 0..20 {
        state.apply(set_map(epoch, 1 + (epoch % 2) as u32));
    }
    let epochs: Vec<u64> = state.maps.iter().map(|m| m.epoch).collect();
    assert_eq!(epochs, (5..=20).collect::<Vec<_>>());
}

#[test]
fn a_configuration_has_a_new_version_if_its_text_is_new() {
    let state = check(
        &[config("a"), config("a"), config("b"), config("a")],
        expect![[r#"
            v1 e0 Changed
            v1 e0 Unchanged
            v2 e0 Changed
            v3 e0 Changed
        "#]],
    );
    assert_eq!(state.config.unwrap().version, 3);
}

#[test]
fn what_is_generated_and_what_the_user_wrote_do_not_touch_each_other() {
    let generated = |text: &str| {
        let files = [("scrape_configs.yaml".to_owned(), text.to_owned())];
        Command::SetGenerated(files.into())
    };
    let state = check(
        &[
            generated("g"),
            config("a"),
            generated("g"),
            generated("g"),
            config("a"),
            config("b"),
            generated("h"),
            Command::SetGenerated(BTreeMap::new()),
            generated("i"),
        ],
        expect![[r#"
            v0 e0 Refused("there is no configuration to add to")
            v1 e0 Changed
            v2 e0 Changed
            v2 e0 Unchanged
            v2 e0 Unchanged
            v3 e0 Changed
            v4 e0 Changed
            v5 e0 Changed
            v6 e0 Changed
        "#]],
    );
    let config = state.config.unwrap();
    assert_eq!((config.version, config.main.as_str()), (6, "b"));
    assert_eq!(config.generated["scrape_configs.yaml"], "i");
}

#[test]
fn what_was_written_before_there_was_a_generated_part_is_read() {
    // A command and a snapshot with field numbers 1 to 4 of the bundle alone.
    let bundle = b"\x08\x03\x12\x01p\x1a\x01m\x22\x06\x0a\x01f\x12\x01t";
    let length = u8::try_from(bundle.len()).unwrap();
    let nested = [&[0x32, length][..], bundle].concat();
    let expected = ConfigBundle {
        version: 3,
        path: "p".to_owned(),
        main: "m".to_owned(),
        files: [("f".to_owned(), "t".to_owned())].into(),
        generated: BTreeMap::new(),
    };
    let command = Command::decode(&nested).unwrap();
    assert_eq!(command, Command::SetConfig(expected.clone()));
    let state = State::decode(&nested).unwrap();
    assert_eq!(state.config.as_deref(), Some(&expected));
    // And what holds nothing generated is written as it was before.
    assert_eq!(Command::SetConfig(expected).encode(), nested);
}

#[test]
fn an_ingester_counts_as_gone_after_an_hour_without_a_lease() {
    let mut state = State::default();
    state.apply(Command::SetReplication(ReplicationFactor::new(1).unwrap()));
    state.apply(joining(Role::Ingester, "a", "x:1"));
    state.apply(joining(Role::Querier, "q", "x:2"));
    state.apply(Command::SetMemberState {
        node: NodeId(1),
        state: MemberState::Unhealthy,
        at: Timestamp::from_millis(0),
    });
    let n_members = |at| {
        let problem = state.problem(Timestamp::from_millis(at)).unwrap();
        problem.members().len()
    };
    assert_eq!(
        [n_members(0), n_members(3_599_999), n_members(3_600_000)],
        [1, 1, 0]
    );
}

#[test]
fn bytes_of_a_later_release_are_refused() {
    assert!(Command::decode(&[]).is_err());
    assert!(Command::decode(&[0xff, 1, 2]).is_err());
}
