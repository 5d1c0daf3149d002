//! What one watcher of the cluster's state has been sent: large parts are sent once.
use proto::v1;

use crate::state::State;

/// What one watcher has been sent.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    epoch: u64,
    config_version: u64,
}

impl Watcher {
    /// The message that brings the watcher to `state`.
    pub(crate) fn message(
        &mut self,
        state: &State,
        leader: String,
        loads: Vec<v1::MemberLoad>,
    ) -> v1::ClusterState {
        let maps = state.maps.iter().filter(|m| m.epoch > self.epoch);
        let config = state.config.as_ref();
        let config = config.filter(|config| config.version > self.config_version);
        let message = v1::ClusterState {
            version: state.version,
            epoch: state.epoch(),
            replication_factor: state.replication.map_or(0, |r| r.get() as u32),
            members: state.member_messages(),
            maps: maps.map(|m| m.message()).collect(),
            config: config.map(|config| config.message()),
            leader,
            loads,
        };
        self.epoch = state.epoch();
        self.config_version = config.map_or(self.config_version, |config| config.version);
        message
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;
    use crate::state::{Command, ConfigBundle};

    #[test]
    fn maps_and_configuration_are_sent_once() {
        let mut state = State::default();
        let map = |nodes: &[u32]| {
            let members = nodes.iter().map(|node| hashring::Member {
                node: model::NodeId(*node),
                weight: std::num::NonZeroU16::MIN,
                zone: String::new(),
                health: hashring::Health::Active,
            });
            let factor = model::ReplicationFactor::new(1).unwrap();
            let problem = hashring::Problem::new(factor, members);
            std::sync::Arc::new(hashring::place(&problem, &hashring::ShardMap::empty()))
        };
        let set_map = |based_on, nodes: &[u32]| Command::SetMap {
            based_on,
            at: Timestamp::from_millis(0),
            map: map(nodes),
        };
        state.apply(set_map(0, &[1]));
        state.apply(Command::SetConfig(ConfigBundle::default()));
        let mut watcher = Watcher::default();
        let first = watcher.message(&state, "d".to_owned(), Vec::new());
        assert_eq!((first.epoch, first.maps.len()), (1, 1));
        assert!(first.config.is_some());
        state.apply(set_map(1, &[1, 2]));
        let second = watcher.message(&state, "d".to_owned(), Vec::new());
        assert_eq!(second.maps.iter().map(|m| m.epoch).collect::<Vec<_>>(), [2]);
        assert!(second.config.is_none());
        let third = watcher.message(&state, String::new(), Vec::new());
        assert_eq!((third.version, third.maps.len()), (second.version, 0));
    }
}
