//! What the discoverers agree on: members, the map of shards with its epochs, the configuration, the factor.
//!
//! Pure: [`State::apply`] takes one [`Command`] of the Raft log and gives what came of it, the same on every
//! discoverer. It never holds targets, and no lease: those are the leader's own.
mod codec;
mod command;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use hashring::ShardMap;
use model::{Millis, NodeId, ReplicationFactor, Timestamp};

pub use codec::CodecError;
pub use command::{Command, Outcome};

/// How many maps are kept: ingesters answer queries that were planned under older ones.
pub const KEPT_MAPS: usize = 16;
/// After this time without a lease a home is given up and its history copied.
pub const GIVE_UP: Millis = Millis::from_seconds(3600);

/// What the discoverers agree on. Cheap to clone: what is large is shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Grows with every change.
    pub version: u64,
    /// The last number that was given to a member; numbers are never used twice.
    pub last_node: u32,
    /// Replicas of each shard, once it was set.
    pub replication: Option<ReplicationFactor>,
    /// Every member by number.
    pub members: BTreeMap<NodeId, Member>,
    /// The last maps, oldest first; the last one holds now.
    pub maps: VecDeque<EpochMap>,
    /// The configuration, once it was read.
    pub config: Option<Arc<ConfigBundle>>,
}

/// One process of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name it was started with, unique within its role.
    pub id: String,
    /// What it does.
    pub role: Role,
    /// `host:port` of its HTTP listener.
    pub http: String,
    /// `host:port` of its gRPC listener.
    pub grpc: String,
    /// Topology zone, or empty.
    pub zone: String,
    /// Whether it is well.
    pub state: MemberState,
    /// When that state began.
    pub since: Timestamp,
}

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Discovers and places.
    Discoverer,
    /// Scrapes and stores.
    Ingester,
    /// Answers queries.
    Querier,
    /// Evaluates rules.
    Ruler,
}

/// Whether a member is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberState {
    /// It holds a lease.
    Active,
    /// Its lease has run out.
    Unhealthy,
    /// It was told to go: its shards move to others.
    Leaving,
}

/// A map of shards and since when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochMap {
    /// Its number; the first is 1.
    pub epoch: u64,
    /// When it began to hold.
    pub from: Timestamp,
    /// The map.
    pub map: Arc<ShardMap>,
}

/// The main configuration file and every file that it names, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigBundle {
    /// Grows with every change.
    pub version: u64,
    /// The path of the main file, which relative paths start from.
    pub path: String,
    /// Its text.
    pub main: String,
    /// The texts of rule files and scrape configuration files by path.
    pub files: BTreeMap<String, String>,
    /// What the leader generated from objects of a cluster, by name.
    pub generated: BTreeMap<String, String>,
}

impl ConfigBundle {
    /// True if the user's texts are the same, whatever the versions and what was generated.
    pub fn same_text(&self, other: &Self) -> bool {
        (&self.path, &self.main, &self.files) == (&other.path, &other.main, &other.files)
    }
}

impl State {
    /// The number of the map that holds now; 0 before the first.
    pub fn epoch(&self) -> u64 {
        self.maps.back().map_or(0, |m| m.epoch)
    }

    /// The map that holds now; empty before the first.
    pub fn map(&self) -> Arc<ShardMap> {
        self.maps.back().map(|m| m.map.clone()).unwrap_or_default()
    }

    /// The number of the member of `role` named `id`.
    pub fn node(&self, role: Role, id: &str) -> Option<NodeId> {
        self.members
            .iter()
            .find(|(_, m)| m.role == role && m.id == id)
            .map(|(node, _)| *node)
    }

    /// What placement has to solve at `now`; none before the factor was set.
    ///
    /// An ingester that has been unhealthy for [`GIVE_UP`] counts as gone.
    pub fn problem(&self, now: Timestamp) -> Option<hashring::Problem> {
        let health = |member: &Member| match member.state {
            MemberState::Active => hashring::Health::Active,
            MemberState::Unhealthy if now < member.since + GIVE_UP => hashring::Health::Unhealthy,
            MemberState::Unhealthy | MemberState::Leaving => hashring::Health::Leaving,
        };
        let ingesters = self
            .members
            .iter()
            .filter(|(_, m)| m.role == Role::Ingester);
        Some(hashring::Problem::new(
            self.replication?,
            ingesters.map(|(node, member)| hashring::Member {
                node: *node,
                weight: std::num::NonZeroU16::MIN,
                zone: member.zone.clone(),
                health: health(member),
            }),
        ))
    }

    /// Applies one command of the log and gives what came of it.
    pub fn apply(&mut self, command: Command) -> Outcome {
        let outcome = self.changed_by(command);
        if outcome == Outcome::Changed {
            self.version += 1;
        }
        outcome
    }

    fn changed_by(&mut self, command: Command) -> Outcome {
        match command {
            Command::Join(member) => self.join(member),
            Command::SetMemberState { node, state, at } => match self.members.get_mut(&node) {
                None => Outcome::Refused(format!("there is no member {}", node.0)),
                Some(member) if member.state == state => Outcome::Unchanged,
                Some(member) => {
                    (member.state, member.since) = (state, at);
                    Outcome::Changed
                }
            },
            Command::RemoveMember(node) => match self.members.remove(&node) {
                None => Outcome::Unchanged,
                Some(_) => Outcome::Changed,
            },
            Command::SetMap { based_on, at, map } => self.set_map(based_on, at, map),
            Command::SetReplication(factor) => {
                let before = self.replication.replace(factor);
                Outcome::changed_if(before != Some(factor))
            }
            Command::SetConfig(bundle) => self.set_config(bundle),
            Command::SetGenerated(files) => self.set_generated(files),
        }
    }

    fn join(&mut self, mut joining: Member) -> Outcome {
        let node = self.node(joining.role, &joining.id).unwrap_or_else(|| {
            self.last_node += 1;
            NodeId(self.last_node)
        });
        let known = self.members.get(&node);
        if let Some(known) = known.filter(|known| known.state == joining.state) {
            joining.since = known.since;
        }
        if known != Some(&joining) {
            self.members.insert(node, joining);
            self.version += 1;
        }
        Outcome::Joined(node)
    }

    fn set_map(&mut self, based_on: u64, at: Timestamp, map: Arc<ShardMap>) -> Outcome {
        if based_on != self.epoch() {
            let epoch = self.epoch();
            return Outcome::Refused(format!(
                "the map was made from epoch {based_on}, now is {epoch}"
            ));
        }
        if map == self.map() {
            return Outcome::Unchanged;
        }
        self.maps.push_back(EpochMap {
            epoch: based_on + 1,
            from: at,
            map,
        });
        while self.maps.len() > KEPT_MAPS {
            self.maps.pop_front();
        }
        Outcome::Changed
    }

    fn set_config(&mut self, bundle: ConfigBundle) -> Outcome {
        let (version, generated) = match &self.config {
            Some(held) if held.same_text(&bundle) => return Outcome::Unchanged,
            Some(held) => (held.version + 1, held.generated.clone()),
            None => (1, BTreeMap::new()),
        };
        self.config = Some(Arc::new(ConfigBundle {
            version,
            generated,
            ..bundle
        }));
        Outcome::Changed
    }

    fn set_generated(&mut self, files: BTreeMap<String, String>) -> Outcome {
        match &mut self.config {
            None => Outcome::Refused("there is no configuration to add to".to_owned()),
            Some(held) if held.generated == files => Outcome::Unchanged,
            Some(held) => {
                let held = Arc::make_mut(held);
                (held.version, held.generated) = (held.version + 1, files);
                Outcome::Changed
            }
        }
    }
}

#[cfg(test)]
mod tests;
