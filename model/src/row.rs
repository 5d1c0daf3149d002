//! Rows: what one scrape of one target gave, and the slices of them that travel to a querier.
use std::sync::Arc;

use column::Values;

use crate::{GroupKey, Histogram, Labels, Presence, Sparse, Timestamp};

/// A member's number, given once by the Raft group and never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// How the scrape of a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The target was removed: the row is empty, and every series of the group ends here.
    End,
    /// No usable page: the row holds the synthetic series alone, with `up` 0.
    Failed,
    /// A page was read, or samples were pushed.
    Success,
}

/// Who made a row and how well: decides which replica's row is kept for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// How it ended.
    pub outcome: Outcome,
    /// The epoch of the map of shards under which it was made.
    pub epoch: u64,
    /// The maker's rank among the shard's replicas, 0 first.
    pub rank: u8,
    /// The maker.
    pub node: NodeId,
}

impl Stamp {
    /// True if a row stamped `self` replaces one of the same slot stamped `other`:
    /// success before failure, then the higher epoch, the lower rank, the lower node.
    pub fn wins_over(&self, other: &Self) -> bool {
        let order = |s: &Self| {
            (
                s.outcome,
                s.epoch,
                std::cmp::Reverse(s.rank),
                std::cmp::Reverse(s.node),
            )
        };
        order(self) > order(other)
    }
}

/// A row without its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowHead {
    /// The nominal time on the target's grid: with the group, the row's identity.
    pub slot: Timestamp,
    /// The time its samples carry.
    pub at: Timestamp,
    /// Who made it.
    pub stamp: Stamp,
}

/// A part of one group as one holder has it: some rows, and those of its series that were asked for.
///
/// Rows of a scraped group are whole: absence from one says that the page lacked the series. Rows of a pushed group
/// ([`GroupKey::is_pushed`]) are partial, and those without any of the series are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSlice {
    /// The group.
    pub group: GroupKey,
    /// Ascending by slot, each slot once.
    pub rows: Vec<RowHead>,
    /// Each label set once, in any order; a series that none of `rows` has may be left out.
    pub series: Vec<SeriesSlice>,
}

/// One series' column in a [`GroupSlice`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesSlice {
    /// Its name.
    pub labels: Labels,
    /// Which of the slice's rows have it.
    pub rows: Presence,
    /// One value for each of `rows`: a number, or the sum of a histogram.
    pub values: Values,
    /// One time for each of `rows` if the page gave explicit timestamps, otherwise empty: the rows' own times hold.
    pub times: Vec<Timestamp>,
    /// The histograms among `values`, by index into them; the sum of each is its value.
    pub histograms: Sparse<Arc<Histogram>>,
    /// Since when counters and histograms count, where that is known, by index into `values`.
    pub starts: Sparse<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_wins_then_the_epoch_then_the_rank_then_the_node() {
        let stamp = |outcome, epoch, rank, node| Stamp {
            outcome,
            epoch,
            rank,
            node: NodeId(node),
        };
        let best_first = [
            stamp(Outcome::Success, 2, 0, 1),
            stamp(Outcome::Success, 2, 0, 2),
            stamp(Outcome::Success, 2, 1, 1),
            stamp(Outcome::Success, 1, 0, 1),
            stamp(Outcome::Failed, 9, 0, 1),
            stamp(Outcome::End, 9, 0, 1),
        ];
        for (i, better) in best_first.iter().enumerate() {
            assert!(!better.wins_over(better));
            for worse in &best_first[i + 1..] {
                assert!(better.wins_over(worse) && !worse.wins_over(better));
            }
        }
    }
}
