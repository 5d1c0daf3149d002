//! The units of identity and placement: a group's key and the shard that it falls into.
use std::{fmt, num::NonZeroU8};

use crate::{Labels, Millis, Timestamp};

/// How many shards there are, fixed for ever: the top 16 bits of a key.
pub const N_SHARDS: usize = 1 << 16;

/// The stable identity of a group: all series of one scrape target, or one pushed series.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey(pub u64);

impl GroupKey {
    /// The group of one pushed series, from its labels.
    pub fn of_pushed(labels: &Labels) -> Self {
        Self(labels.stable_hash())
    }

    /// The shard that the group falls into.
    pub const fn shard(self) -> Shard {
        Shard((self.0 >> 48) as u16)
    }

    /// The first slot at or after `at` on the grid `k*interval + (key mod interval)`.
    ///
    /// `interval` is above zero.
    pub fn slot_at_or_after(self, at: Timestamp, interval: Millis) -> Timestamp {
        let interval = interval.as_millis();
        let phase = (self.0 % interval as u64) as i64;
        let since = (at.as_millis() - phase).rem_euclid(interval);
        let wait = if since == 0 { 0 } else { interval - since };
        Timestamp::from_millis(at.as_millis() + wait)
    }
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for GroupKey {
    /// Sixteen hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The unit of placement, of coverage and of hand-off: one of [`N_SHARDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u16);

impl Shard {
    /// All shards in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u16::MAX).map(Self)
    }

    /// The shard as an index into a table of [`N_SHARDS`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How many ranked replicas each shard has, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicationFactor(pub NonZeroU8);

impl ReplicationFactor {
    /// A factor of `copies`, or none if that is zero.
    pub const fn new(copies: u8) -> Option<Self> {
        match NonZeroU8::new(copies) {
            Some(copies) => Some(Self(copies)),
            None => None,
        }
    }

    /// The number of copies.
    pub const fn get(self) -> usize {
        self.0.get() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_lie_on_the_grid_of_the_key() {
        let (key, interval) = (GroupKey(7), Millis::new(10));
        let slot = |at| {
            key.slot_at_or_after(Timestamp::from_millis(at), interval)
                .as_millis()
        };
        assert_eq!([slot(0), slot(7), slot(8), slot(-4)], [7, 7, 17, -3]);
    }

    #[test]
    fn the_shard_is_the_top_of_the_key() {
        assert_eq!(GroupKey(0xabcd_0000_0000_0001).shard(), Shard(0xabcd));
    }
}
