//! Openraft's types, fixed once.
use std::{fmt, io::Cursor};

use model::NodeId;
use serde::{Deserialize, Serialize};

use crate::state::Outcome;

openraft::declare_raft_types!(
    /// The types of this group.
    pub(crate) Types:
        D = Logged,
        R = Reply,
        NodeId = u64,
        Node = Peer,
);

/// A discoverer as the group knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The name it was started with.
    pub id: String,
    /// `host:port` of its gRPC listener.
    pub grpc: String,
}

impl Peer {
    /// The number of a discoverer within the group, from its name alone: a list that grows renumbers nobody.
    pub(crate) fn number(id: &str) -> u64 {
        xxhash_rust::xxh3::xxh3_64(id.as_bytes())
    }
}

/// An encoded [`Command`](crate::state::Command).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Logged(pub(crate) Vec<u8>);

impl fmt::Debug for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What came of an entry; entries of the group's own give nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Nothing,
    Joined(u32),
    Changed,
    Unchanged,
    Refused(String),
}

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Joined(node) => Self::Joined(node.0),
            Outcome::Changed => Self::Changed,
            Outcome::Unchanged => Self::Unchanged,
            Outcome::Refused(reason) => Self::Refused(reason),
        }
    }
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Nothing | Reply::Unchanged => Self::Unchanged,
            Reply::Joined(node) => Self::Joined(NodeId(node)),
            Reply::Changed => Self::Changed,
            Reply::Refused(reason) => Self::Refused(reason),
        }
    }
}
