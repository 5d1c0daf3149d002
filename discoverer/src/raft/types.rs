//! Openraft's types, fixed once.
use std::{fmt, io::Cursor};

use model::NodeId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

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
///
/// It is written and read as one run of bytes. As the list of numbers that serde takes a `Vec<u8>` for it would be the
/// same bytes, but visited one by one: a map of shards has half a million, and each try to reach a peer that is down
/// reads what that peer lacks.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Logged(pub(crate) Vec<u8>);

impl Serialize for Logged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Logged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Logged;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the bytes of a command")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Logged, E> {
                Ok(Logged(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::codec::{decode, encode};

    #[test]
    fn a_command_is_written_as_the_list_of_its_bytes() {
        let bytes: Vec<u8> = (0..=255).chain(0..=99).collect();
        let written = encode(&Logged(bytes.clone())).unwrap();
        assert_eq!(written, encode(&bytes).unwrap());
        assert!(decode::<Logged>(&written).unwrap() == Logged(bytes));
        assert!(decode::<Logged>(&written[..written.len() - 1]).is_err());
    }
}
