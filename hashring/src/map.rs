//! The map of shards: who holds which shard, at which rank.
use model::{NodeId, Shard};

/// For each shard its ranked homes, and stand-ins for homes that are unhealthy.
///
/// Ranks from 0 up to [`ShardMap::n_replicas`] are homes; stand-ins come behind them, in the order of the homes
/// that they stand in for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardMap {
    /// Those that could hold shards when the map was made, by number.
    pub(crate) members: Vec<NodeId>,
    pub(crate) n_replicas: usize,
    /// `n_replicas` indexes into `members` for each shard.
    pub(crate) homes: Vec<u16>,
    /// Indexes into `members`, sorted by shard, then in the order of the homes.
    pub(crate) stand_ins: Vec<(Shard, u16)>,
}

/// A change of one rank of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Move {
    /// The shard.
    pub shard: Shard,
    /// The rank among the homes.
    pub rank: u8,
    /// Who held it, if anyone did.
    pub from: Option<NodeId>,
    /// Who holds it now, if anyone does.
    pub to: Option<NodeId>,
}

impl ShardMap {
    /// The map without members, which holds no shard.
    pub fn empty() -> Self {
        Self {
            members: Vec::new(),
            n_replicas: 0,
            homes: Vec::new(),
            stand_ins: Vec::new(),
        }
    }

    /// Those that could hold shards when the map was made, by number.
    pub fn members(&self) -> &[NodeId] {
        &self.members
    }

    /// How many homes each shard has.
    pub fn n_replicas(&self) -> usize {
        self.n_replicas
    }

    /// The homes of `shard`, rank 0 first.
    pub fn homes(&self, shard: Shard) -> impl ExactSizeIterator<Item = NodeId> + Clone {
        let first = shard.index() * self.n_replicas;
        self.homes[first..first + self.n_replicas]
            .iter()
            .map(|&idx| self.members[usize::from(idx)])
    }

    /// Those that take new rows for homes of `shard` that are unhealthy.
    pub fn stand_ins(&self, shard: Shard) -> impl Iterator<Item = NodeId> + Clone {
        let first = self.stand_ins.partition_point(|(s, _)| *s < shard);
        self.stand_ins[first..]
            .iter()
            .take_while(move |(s, _)| *s == shard)
            .map(|(_, idx)| self.members[usize::from(*idx)])
    }

    /// All that take new rows of `shard`, by rank: the homes, then the stand-ins.
    pub fn replicas(&self, shard: Shard) -> impl Iterator<Item = NodeId> + Clone {
        self.homes(shard).chain(self.stand_ins(shard))
    }

    /// The rank of `node` among the replicas of `shard`.
    pub fn rank(&self, shard: Shard, node: NodeId) -> Option<u8> {
        self.replicas(shard)
            .position(|n| n == node)
            .map(|rank| rank as u8)
    }

    /// The shards that `node` takes rows of, with its rank.
    pub fn shards_of(&self, node: NodeId) -> impl Iterator<Item = (Shard, u8)> {
        Shard::all().filter_map(move |shard| Some((shard, self.rank(shard, node)?)))
    }

    /// The ranks of homes that changed since `before`, by shard and rank.
    pub fn moves_since(&self, before: &Self) -> Vec<Move> {
        let mut moves = Vec::new();
        for shard in Shard::all() {
            let (mut from, mut to) = (before.homes(shard), self.homes(shard));
            for rank in 0..before.n_replicas.max(self.n_replicas) {
                let (from, to) = (from.next(), to.next());
                if from != to {
                    let rank = rank as u8;
                    moves.push(Move {
                        shard,
                        rank,
                        from,
                        to,
                    });
                }
            }
        }
        moves
    }

    /// For each member how many shards have their home there, at any rank.
    pub fn n_shards(&self) -> Vec<(NodeId, usize)> {
        let mut counts = vec![0; self.members.len()];
        for idx in &self.homes {
            counts[usize::from(*idx)] += 1;
        }
        self.members.iter().copied().zip(counts).collect()
    }
}

impl Default for ShardMap {
    fn default() -> Self {
        Self::empty()
    }
}
