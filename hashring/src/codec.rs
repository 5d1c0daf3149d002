//! A map of shards as bytes, for the wire and for snapshots.
//!
//! ```text
//! ┌─────────┬────────────┬───────────┬───────────┬──────────────┬─────────────┬────────────────┐
//! │ 1: u8   │ n_replicas │ n_members │ n_stand_  │ members      │ homes       │ stand-ins      │
//! │ version │ u8         │ u16       │ ins u32   │ n × u32      │ 65,536 × n_ │ n × (shard u16,│
//! │         │            │           │           │              │ replicas    │ index)         │
//! └─────────┴────────────┴───────────┴───────────┴──────────────┴─────────────┴────────────────┘
//! ```
//! Numbers are little endian. Homes and stand-ins are indexes into members: one byte each up to 256 members,
//! otherwise two.
use model::{N_SHARDS, NodeId, Shard};

use crate::ShardMap;

const VERSION: u8 = 1;

/// The bytes are no map: they end, or break, at `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("decode the map of shards: {what} at byte {offset}")]
pub struct DecodeError {
    /// Offset into the bytes.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl ShardMap {
    /// The map as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut dst = vec![VERSION, self.n_replicas as u8];
        dst.extend((self.members.len() as u16).to_le_bytes());
        dst.extend((self.stand_ins.len() as u32).to_le_bytes());
        for member in &self.members {
            dst.extend(member.0.to_le_bytes());
        }
        let wide = self.members.len() > 256;
        let index = |dst: &mut Vec<u8>, idx: u16| match wide {
            true => dst.extend(idx.to_le_bytes()),
            false => dst.push(idx as u8),
        };
        for &idx in &self.homes {
            index(&mut dst, idx);
        }
        for &(shard, idx) in &self.stand_ins {
            dst.extend(shard.0.to_le_bytes());
            index(&mut dst, idx);
        }
        dst
    }

    /// Reads a map from its bytes.
    ///
    /// # Errors
    /// [`DecodeError`] if they are not what [`ShardMap::encode`] writes.
    pub fn decode(src: &[u8]) -> Result<Self, DecodeError> {
        let mut src = Source { src, offset: 0 };
        if src.take::<1>()? != [VERSION] {
            return Err(src.broken("unknown version"));
        }
        let [n_replicas] = src.take()?;
        let n_replicas = usize::from(n_replicas);
        let n_members = usize::from(u16::from_le_bytes(src.take()?));
        let n_stand_ins = u32::from_le_bytes(src.take()?) as usize;
        if n_replicas > n_members {
            return Err(src.broken("more replicas than members"));
        }
        if n_stand_ins > n_replicas * N_SHARDS {
            return Err(src.broken("more stand-ins than replicas"));
        }
        let mut members = Vec::with_capacity(n_members);
        for _ in 0..n_members {
            members.push(NodeId(u32::from_le_bytes(src.take()?)));
        }
        if !members.is_sorted_by(|a, b| a < b) {
            return Err(src.broken("unsorted members"));
        }
        let mut homes = Vec::with_capacity(n_replicas * N_SHARDS);
        for _ in 0..n_replicas * N_SHARDS {
            homes.push(src.index(n_members)?);
        }
        let mut stand_ins = Vec::with_capacity(n_stand_ins);
        for _ in 0..n_stand_ins {
            let shard = Shard(u16::from_le_bytes(src.take()?));
            stand_ins.push((shard, src.index(n_members)?));
        }
        if !stand_ins.is_sorted_by_key(|(shard, _)| *shard) {
            return Err(src.broken("unsorted stand-ins"));
        }
        if src.offset != src.src.len() {
            return Err(src.broken("more bytes than the map has"));
        }
        Ok(Self {
            members,
            n_replicas,
            homes,
            stand_ins,
        })
    }
}

struct Source<'s> {
    src: &'s [u8],
    offset: usize,
}

impl Source<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.src[self.offset..]
            .first_chunk()
            .ok_or(self.broken("end of the bytes"))?;
        self.offset += N;
        Ok(*bytes)
    }

    fn index(&mut self, n_members: usize) -> Result<u16, DecodeError> {
        let idx = match n_members > 256 {
            true => u16::from_le_bytes(self.take()?),
            false => u16::from(self.take::<1>()?[0]),
        };
        if usize::from(idx) >= n_members {
            return Err(self.broken("index above the members"));
        }
        Ok(idx)
    }

    fn broken(&self, what: &'static str) -> DecodeError {
        DecodeError {
            offset: self.offset,
            what,
        }
    }
}
