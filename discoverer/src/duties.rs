//! What the leader has to write, from the state, the leases and the time: pure, asked again and again.
use std::{sync::Arc, time::Duration};

use hashring::{Problem, place};
use model::{Millis, ReplicationFactor, Timestamp};

use crate::{
    lease::{Leases, Verdict},
    state::{Command, Member, MemberState, Role, State},
};

/// A member that keeps nothing is forgotten after this time without a lease.
const FORGET_STATELESS: Millis = Millis::from_seconds(600);
/// An ingester without a home is forgotten after this time without a lease.
const FORGET_INGESTER: Millis = Millis::from_seconds(24 * 3600);

/// The commands that bring the members' states in line with their leases at `now`.
pub fn states_due(state: &State, leases: &Leases, at: Timestamp, now: Duration) -> Vec<Command> {
    let map = state.map();
    let due = state.members.iter().filter_map(|(&node, member)| {
        let set = |state| Command::SetMemberState { node, state, at };
        match (member.state, leases.verdict(node, now)) {
            (MemberState::Active, Verdict::Lost) => Some(set(MemberState::Unhealthy)),
            (MemberState::Unhealthy, Verdict::Alive) => Some(set(MemberState::Active)),
            (MemberState::Unhealthy | MemberState::Leaving, Verdict::Lost) => {
                let patience = patience(member);
                let homeless = !map.members().contains(&node);
                (homeless && member.since + patience <= at).then_some(Command::RemoveMember(node))
            }
            _ => None,
        }
    });
    due.collect()
}

fn patience(member: &Member) -> Millis {
    match member.role {
        Role::Ingester => FORGET_INGESTER,
        Role::Discoverer | Role::Querier | Role::Ruler => FORGET_STATELESS,
    }
}

/// How long the first map waits for as many ingesters as there are copies: rows that one alone took in the first
/// moments of a cluster would have no second copy.
const FIRST_MAP_WAIT: Duration = Duration::from_secs(10);

/// What there is to place at `at`; none while a member is unknown, or if nobody could hold a shard.
///
/// An ingester that was not heard of since the leadership began holds the placement up until its lease is judged.
pub fn placeable(state: &State, leases: &Leases, at: Timestamp, now: Duration) -> Option<Problem> {
    let unknown = state.members.iter().any(|(node, member)| {
        member.role == Role::Ingester
            && member.state == MemberState::Active
            && leases.verdict(*node, now) == Verdict::Unknown
    });
    let problem = state.problem(at)?;
    let copies = state.replication.map_or(1, ReplicationFactor::get);
    let early = state.epoch() == 0 && problem.members().len() < copies && now < FIRST_MAP_WAIT;
    (!unknown && !early && !problem.members().is_empty()).then_some(problem)
}

/// The command for the map that `problem` asks for, if that is another than the state's.
pub fn map_due(state: &State, problem: &Problem, at: Timestamp) -> Option<Command> {
    let before = state.map();
    let map = place(problem, &before);
    (map != *before).then(|| Command::SetMap {
        based_on: state.epoch(),
        at,
        map: Arc::new(map),
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use model::NodeId;

    use super::*;
    use crate::lease::Load;

    /// An ingester and a querier, both active since 0, and a map with the ingester.
    fn state() -> State {
        let mut state = State::default();
        for (role, id) in [(Role::Ingester, "i"), (Role::Querier, "q")] {
            state.apply(Command::Join(Member {
                id: id.to_owned(),
                role,
                http: String::new(),
                grpc: String::new(),
                zone: String::new(),
                state: MemberState::Active,
                since: Timestamp::from_millis(0),
            }));
        }
        let factor = ReplicationFactor::new(2).unwrap();
        state.apply(Command::SetReplication(factor));
        let at = Timestamp::from_millis(0);
        let problem = state.problem(at).unwrap();
        let command = map_due(&state, &problem, at).unwrap();
        state.apply(command);
        state
    }

    #[track_caller]
    fn check(state: &State, leases: &Leases, at_seconds: i64, now: u64, expected: Expect) {
        let at = Timestamp::from_millis(at_seconds * 1000);
        let due = states_due(state, leases, at, Duration::from_secs(now));
        expected.assert_eq(&format!("{due:?}"));
    }

    #[test]
    fn a_new_leader_waits_for_a_round_of_heartbeats() {
        let (state, mut leases) = (state(), Leases::default());
        let (at, second) = (Timestamp::from_millis(0), Duration::from_secs(1));
        check(&state, &leases, 100, 9, expect!["[]"]);
        assert!(placeable(&state, &leases, at, second).is_none());
        leases.renew(NodeId(1), second, Load::default());
        assert!(placeable(&state, &leases, at, second).is_some());
    }

    #[test]
    fn who_lost_the_lease_is_unhealthy_and_who_has_it_again_is_well() {
        let (mut state, mut leases) = (state(), Leases::default());
        leases.renew(NodeId(1), Duration::from_secs(5), Load::default());
        check(
            &state,
            &leases,
            100,
            12,
            expect![
                "[SetMemberState { node: NodeId(2), state: Unhealthy, at: Timestamp(100000) }]"
            ],
        );
        check(
            &state,
            &leases,
            100,
            15,
            expect![
                "[SetMemberState { node: NodeId(1), state: Unhealthy, at: Timestamp(100000) }, SetMemberState { node: NodeId(2), state: Unhealthy, at: Timestamp(100000) }]"
            ],
        );
        for command in states_due(
            &state,
            &leases,
            Timestamp::from_millis(1),
            Duration::from_secs(15),
        ) {
            state.apply(command);
        }
        leases.renew(NodeId(1), Duration::from_secs(20), Load::default());
        check(
            &state,
            &leases,
            101,
            21,
            expect!["[SetMemberState { node: NodeId(1), state: Active, at: Timestamp(101000) }]"],
        );
        // The querier keeps nothing; nobody needs to remember it.
        check(
            &state,
            &leases,
            601,
            521,
            expect!["[RemoveMember(NodeId(2))]"],
        );
    }

    #[test]
    fn a_map_is_due_when_the_members_ask_for_another() {
        let mut state = state();
        let at = Timestamp::from_millis(5);
        let problem = state.problem(at).unwrap();
        assert_eq!(map_due(&state, &problem, at), None);
        let mut second = state.members[&NodeId(1)].clone();
        second.id = "j".to_owned();
        state.apply(Command::Join(second));
        let problem = state.problem(at).unwrap();
        let due = map_due(&state, &problem, at).unwrap();
        state.apply(due);
        assert_eq!(state.epoch(), 2);
        assert_eq!(state.map().n_replicas(), 2);
        assert_eq!(map_due(&state, &problem, at), None);
    }
}
