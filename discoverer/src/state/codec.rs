//! State and commands to and from their messages.
use std::sync::Arc;

use hashring::ShardMap;
use model::{NodeId, ReplicationFactor, Timestamp};
use prost::Message as _;
use proto::v1;

use super::{Command, ConfigBundle, EpochMap, Member, MemberState, Role, State};

/// Bytes of the log or of a snapshot that stand for nothing.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// They are no message.
    #[error("decode the message")]
    Message(#[from] prost::DecodeError),
    /// A map in them is none.
    #[error(transparent)]
    Map(#[from] hashring::DecodeError),
    /// A field is missing, or has a value that a later release gave meaning.
    #[error("bad {0}")]
    Field(&'static str),
}

impl Command {
    /// The command as bytes of the log.
    pub fn encode(&self) -> Vec<u8> {
        use v1::command::Command as Wire;
        let command = match self {
            Self::Join(member) => Wire::Join(member.message(NodeId(0))),
            Self::SetMemberState { node, state, at } => Wire::SetMemberState(v1::SetMemberState {
                node: node.0,
                state: state.message().into(),
                at_millis: at.as_millis(),
            }),
            Self::RemoveMember(node) => Wire::RemoveMember(v1::RemoveMember { node: node.0 }),
            Self::SetMap { based_on, at, map } => Wire::SetMap(v1::SetMap {
                based_on: *based_on,
                at_millis: at.as_millis(),
                map: map.encode(),
            }),
            Self::SetReplication(factor) => Wire::SetReplication(v1::SetReplication {
                factor: factor.get() as u32,
            }),
            Self::SetConfig(bundle) => Wire::SetConfig(bundle.message()),
            Self::SetGenerated(files) => Wire::SetGenerated(v1::SetGenerated {
                files: files.clone().into_iter().collect(),
            }),
        };
        let command = Some(command);
        v1::Command { command }.encode_to_vec()
    }

    /// Reads a command from bytes of the log.
    ///
    /// # Errors
    /// [`CodecError`] if a later release wrote it, or nobody.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        use v1::command::Command as Wire;
        let message = v1::Command::decode(bytes)?;
        Ok(match message.command.ok_or(CodecError::Field("command"))? {
            Wire::Join(member) => Self::Join(Member::read(member)?),
            Wire::SetMemberState(set) => Self::SetMemberState {
                node: NodeId(set.node),
                state: MemberState::read(set.state())?,
                at: Timestamp::from_millis(set.at_millis),
            },
            Wire::RemoveMember(remove) => Self::RemoveMember(NodeId(remove.node)),
            Wire::SetMap(set) => Self::SetMap {
                based_on: set.based_on,
                at: Timestamp::from_millis(set.at_millis),
                map: Arc::new(ShardMap::decode(&set.map)?),
            },
            Wire::SetReplication(set) => Self::SetReplication(
                factor(set.factor).ok_or(CodecError::Field("replication factor"))?,
            ),
            Wire::SetConfig(bundle) => Self::SetConfig(ConfigBundle::read(bundle)),
            Wire::SetGenerated(set) => Self::SetGenerated(set.files.into_iter().collect()),
        })
    }
}

impl State {
    /// The state as bytes of a snapshot.
    pub fn encode(&self) -> Vec<u8> {
        let message = v1::StateSnapshot {
            version: self.version,
            last_node: self.last_node,
            replication_factor: self.replication.map_or(0, |r| r.get() as u32),
            members: self.member_messages(),
            maps: self.maps.iter().map(EpochMap::message).collect(),
            config: self.config.as_ref().map(|c| c.message()),
        };
        message.encode_to_vec()
    }

    /// Reads a state from bytes of a snapshot.
    ///
    /// # Errors
    /// [`CodecError`] if they are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let message = v1::StateSnapshot::decode(bytes)?;
        let member = |m: v1::Member| Ok((NodeId(m.node), Member::read(m)?));
        let members: Result<_, CodecError> = message.members.into_iter().map(member).collect();
        let maps: Result<_, CodecError> = message.maps.into_iter().map(EpochMap::read).collect();
        Ok(Self {
            version: message.version,
            last_node: message.last_node,
            replication: factor(message.replication_factor),
            members: members?,
            maps: maps?,
            config: message.config.map(|c| Arc::new(ConfigBundle::read(c))),
        })
    }

    /// The members as watchers are told of them.
    pub fn member_messages(&self) -> Vec<v1::Member> {
        self.members.iter().map(|(n, m)| m.message(*n)).collect()
    }
}

impl Member {
    fn message(&self, node: NodeId) -> v1::Member {
        v1::Member {
            node: node.0,
            id: self.id.clone(),
            role: self.role.message().into(),
            http: self.http.clone(),
            grpc: self.grpc.clone(),
            zone: self.zone.clone(),
            state: self.state.message().into(),
            since_millis: self.since.as_millis(),
        }
    }

    fn read(message: v1::Member) -> Result<Self, CodecError> {
        Ok(Self {
            role: Role::read(message.role()).ok_or(CodecError::Field("role"))?,
            state: MemberState::read(message.state())?,
            since: Timestamp::from_millis(message.since_millis),
            id: message.id,
            http: message.http,
            grpc: message.grpc,
            zone: message.zone,
        })
    }
}

impl EpochMap {
    /// The map as watchers are sent it.
    pub fn message(&self) -> v1::EpochMap {
        v1::EpochMap {
            epoch: self.epoch,
            from_millis: self.from.as_millis(),
            map: self.map.encode(),
        }
    }

    fn read(message: v1::EpochMap) -> Result<Self, CodecError> {
        Ok(Self {
            epoch: message.epoch,
            from: Timestamp::from_millis(message.from_millis),
            map: Arc::new(ShardMap::decode(&message.map)?),
        })
    }
}

impl ConfigBundle {
    /// The configuration as watchers are sent it.
    pub fn message(&self) -> v1::ConfigBundle {
        v1::ConfigBundle {
            version: self.version,
            path: self.path.clone(),
            main: self.main.clone(),
            files: self.files.clone().into_iter().collect(),
            generated: self.generated.clone().into_iter().collect(),
        }
    }

    fn read(message: v1::ConfigBundle) -> Self {
        Self {
            version: message.version,
            path: message.path,
            main: message.main,
            files: message.files.into_iter().collect(),
            generated: message.generated.into_iter().collect(),
        }
    }
}

impl Role {
    /// The role that a message names, if it names one.
    pub fn read(message: v1::Role) -> Option<Self> {
        match message {
            v1::Role::Unspecified => None,
            v1::Role::Discoverer => Some(Self::Discoverer),
            v1::Role::Ingester => Some(Self::Ingester),
            v1::Role::Querier => Some(Self::Querier),
            v1::Role::Ruler => Some(Self::Ruler),
        }
    }

    fn message(self) -> v1::Role {
        match self {
            Self::Discoverer => v1::Role::Discoverer,
            Self::Ingester => v1::Role::Ingester,
            Self::Querier => v1::Role::Querier,
            Self::Ruler => v1::Role::Ruler,
        }
    }
}

impl MemberState {
    fn read(message: v1::MemberState) -> Result<Self, CodecError> {
        match message {
            v1::MemberState::Unspecified => Err(CodecError::Field("member state")),
            v1::MemberState::Active => Ok(Self::Active),
            v1::MemberState::Unhealthy => Ok(Self::Unhealthy),
            v1::MemberState::Leaving => Ok(Self::Leaving),
        }
    }

    fn message(self) -> v1::MemberState {
        match self {
            Self::Active => v1::MemberState::Active,
            Self::Unhealthy => v1::MemberState::Unhealthy,
            Self::Leaving => v1::MemberState::Leaving,
        }
    }
}

fn factor(factor: u32) -> Option<ReplicationFactor> {
    ReplicationFactor::new(u8::try_from(factor).ok()?)
}
