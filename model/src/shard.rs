//! The units of identity and placement: a group's key and the shard that it falls into.
use std::{fmt, num::NonZeroU8};

use xxhash_rust::xxh3::xxh3_64;

use crate::{INSTANCE_LABEL, JOB_LABEL, Labels, METRIC_NAME, Millis, Timestamp};

/// How many shards there are, fixed for ever: the top 16 bits of a key.
pub const N_SHARDS: usize = 1 << 16;

/// The bit, next below the shard's, that the keys of pushed groups have and no other.
const PUSHED: u64 = 1 << 47;

/// The stable identity of a group: all series of one scrape target, or pushed series that come together.
///
/// ```text
/// | shard 16 | pushed 1 | hash 47 |
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey(pub u64);

impl GroupKey {
    /// The group of a scrape target, from the hash of what identifies it.
    pub const fn of_target(hash: u64) -> Self {
        Self(hash & !PUSHED)
    }

    /// The group of a pushed series: those that come at one instant should share one.
    ///
    /// What a rule gives comes at once, whatever it is about, so names with a colon, which are kept for rules, and
    /// alerts' series go by name (and alert). Any other series comes with the rest of its page and goes by `job` and
    /// `instance`; one that has neither goes by name.
    pub fn of_pushed(labels: &Labels) -> Self {
        let (mut name, mut alert, mut job, mut instance) = ("", "", "", "");
        for (label, value) in labels.iter() {
            match label {
                METRIC_NAME => name = value,
                "alertname" => alert = value,
                JOB_LABEL => job = value,
                INSTANCE_LABEL => instance = value,
                _ => {}
            }
        }
        let is_alert = name == "ALERTS" || name == "ALERTS_FOR_STATE";
        let by_name = is_alert || name.contains(':') || (job.is_empty() && instance.is_empty());
        let (kind, first, second) = match (by_name, is_alert) {
            (false, _) => (0, job, instance),
            (true, false) => (1, name, ""),
            (true, true) => (2, name, alert),
        };
        let mut identity = Vec::with_capacity(first.len() + second.len() + 2);
        identity.push(kind);
        identity.extend_from_slice(first.as_bytes());
        identity.push(0xff);
        identity.extend_from_slice(second.as_bytes());
        Self(xxh3_64(&identity) | PUSHED)
    }

    /// True for a group of pushed series: its rows are partial, and absence from one means nothing.
    pub const fn is_pushed(self) -> bool {
        self.0 & PUSHED != 0
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
    fn pushed_series_that_come_together_share_a_group() {
        let of = |pairs: &[(&str, &str)]| GroupKey::of_pushed(&Labels::from_pairs(pairs.to_vec()));
        let key = of(&[("__name__", "up"), ("job", "a"), ("instance", "h:1")]);
        assert_eq!(key.to_string(), "509eacad00d2dbf5");
        assert_eq!(
            key,
            of(&[
                ("__name__", "x"),
                ("job", "a"),
                ("instance", "h:1"),
                ("le", "1")
            ])
        );
        let by_rule = of(&[("__name__", "job:up:sum"), ("job", "a")]);
        assert_eq!(by_rule.to_string(), "2f4dd7fdaf89ca68");
        assert_eq!(
            by_rule,
            of(&[
                ("__name__", "job:up:sum"),
                ("job", "b"),
                ("instance", "h:1")
            ])
        );
        let by_alert = of(&[("__name__", "ALERTS"), ("alertname", "Down"), ("job", "a")]);
        assert_eq!(by_alert.to_string(), "ea288b00e328392e");
        let nameless = of(&[("a", "1")]);
        let others = [
            key,
            by_rule,
            by_alert,
            nameless,
            of(&[("__name__", "up"), ("job", "a")]),
            of(&[("__name__", "up")]),
            of(&[("__name__", "ALERTS"), ("alertname", "Up")]),
        ];
        for (i, a) in others.iter().enumerate() {
            assert!(a.is_pushed() && !GroupKey::of_target(a.0).is_pushed());
            assert!(others[i + 1..].iter().all(|b| a != b));
        }
        assert_eq!(GroupKey::of_target(key.0).shard(), key.shard());
    }

    #[test]
    fn the_shard_is_the_top_of_the_key() {
        assert_eq!(GroupKey(0xabcd_0000_0000_0001).shard(), Shard(0xabcd));
    }
}
