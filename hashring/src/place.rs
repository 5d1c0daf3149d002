//! Placement: the map of shards that follows from the members and from the map that held before.
//!
//! In order: what can stay stays; newcomers take their share from those who hold more than theirs, the pairs first
//! whose ring prefers the newcomer; what is vacant goes to the first candidate on its ring that has room; unhealthy
//! homes get stand-ins. A pair is a shard at a rank.
use model::{N_SHARDS, NodeId, Shard};

use crate::{Health, Problem, ShardMap, ring::Ring, share::shares};

/// The map for `problem`, as near to `previous` as it can be.
///
/// Placing again on the result gives the result. Each shard has [`Problem::n_replicas`] distinct homes, in different
/// zones where the zones suffice.
pub fn place(problem: &Problem, previous: &ShardMap) -> ShardMap {
    let mut placement = Placement::keeping(problem, previous);
    placement.welcome_newcomers();
    placement.fill_vacancies();
    placement.into_map()
}

/// The ring of a problem with what each member shall hold, and a map in the making.
pub(crate) struct Placement<'p> {
    problem: &'p Problem,
    pub(crate) ring: Ring,
    /// For each member, at each rank.
    pub(crate) shares: Vec<usize>,
    pub(crate) n_replicas: usize,
    /// At most so many replicas of a shard in one zone.
    most_in_zone: usize,
    /// Zones by number, for each member.
    zones: Vec<usize>,
    homes: Vec<Option<u16>>,
    /// Homes by rank, then member.
    counts: Vec<Vec<usize>>,
}

impl<'p> Placement<'p> {
    /// What of `previous` can stay.
    pub(crate) fn keeping(problem: &'p Problem, previous: &ShardMap) -> Self {
        let n_replicas = problem.n_replicas();
        let members = problem.members();
        let mut names: Vec<&str> = members.iter().map(|m| m.zone.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut this = Self {
            problem,
            ring: Ring::new(problem),
            shares: shares(problem),
            n_replicas,
            most_in_zone: n_replicas.div_ceil(names.len().max(1)),
            zones: members
                .iter()
                .map(|m| names.partition_point(|name| **name < *m.zone))
                .collect(),
            homes: vec![None; N_SHARDS * n_replicas],
            counts: vec![vec![0; members.len()]; n_replicas],
        };
        for shard in Shard::all() {
            let mut kept: Vec<Option<usize>> = previous
                .homes(shard)
                .map(|node| this.index_of(node))
                .collect();
            if kept.len() > n_replicas {
                kept.retain(Option::is_some);
            }
            for (rank, home) in kept.into_iter().take(n_replicas).enumerate() {
                if let Some(member) = home {
                    this.set(shard, rank, member);
                }
            }
        }
        this
    }

    /// Gives active members that hold nothing their share, at the cost of those who hold more than theirs.
    fn welcome_newcomers(&mut self) {
        let newcomers: Vec<bool> = (0..self.shares.len())
            .map(|member| self.is_active(member) && self.counts.iter().all(|c| c[member] == 0))
            .collect();
        for rank in 0..self.n_replicas {
            let mut wanted: usize = (self.shares.iter().zip(&newcomers))
                .filter_map(|(share, newcomer)| newcomer.then_some(share))
                .sum();
            // First the pairs that prefer a newcomer to their home; if these do not suffice, any.
            for preferring in [true, false] {
                for shard in Shard::all() {
                    if wanted == 0 {
                        break;
                    }
                    let Some(home) = self.home(shard, rank) else {
                        continue;
                    };
                    if self.counts[rank][home] <= self.shares[home] {
                        continue;
                    }
                    let taker = self
                        .ring
                        .candidates(shard, rank)
                        .take_while(|&c| !preferring || c != home)
                        .find(|&c| {
                            newcomers[c] && self.has_room(rank, c) && self.fits(shard, rank, c)
                        });
                    if let Some(taker) = taker {
                        self.set(shard, rank, taker);
                        wanted -= 1;
                    }
                }
            }
        }
    }

    /// Gives every vacant pair a home.
    fn fill_vacancies(&mut self) {
        for rank in 0..self.n_replicas {
            let mut filled: Vec<Shard> = Vec::new();
            let mut may_exchange = true;
            for shard in Shard::all() {
                if self.home(shard, rank).is_some() {
                    continue;
                }
                if let Some(member) = self.first_with_room(shard, rank) {
                    self.set(shard, rank, member);
                } else if !(may_exchange && self.exchange(shard, rank, &filled)) {
                    may_exchange = false;
                    if let Some(member) = self.least_filled(shard, rank) {
                        self.set(shard, rank, member);
                    }
                }
                filled.push(shard);
            }
        }
    }

    /// The first candidate that may hold the pair and holds less than its share.
    fn first_with_room(&self, shard: Shard, rank: usize) -> Option<usize> {
        self.ring
            .candidates(shard, rank)
            .find(|&c| self.is_active(c) && self.has_room(rank, c) && self.fits(shard, rank, c))
    }

    /// Fills a vacancy that no member with room fits: a member that fits hands one of the pairs just `filled` to a
    /// member with room.
    fn exchange(&mut self, shard: Shard, rank: usize, filled: &[Shard]) -> bool {
        let roomy: Vec<usize> = (0..self.shares.len())
            .filter(|&m| self.is_active(m) && self.has_room(rank, m))
            .collect();
        for &other in filled {
            let Some(giver) = self.home(other, rank) else {
                continue;
            };
            if !self.fits(shard, rank, giver) {
                continue;
            }
            if let Some(&taker) = roomy.iter().find(|&&m| self.fits(other, rank, m)) {
                self.set(other, rank, taker);
                self.set(shard, rank, giver);
                return true;
            }
        }
        false
    }

    /// The best of what is left: active before not, in a zone of its own before not, little filled before full.
    fn least_filled(&self, shard: Shard, rank: usize) -> Option<usize> {
        self.ring
            .candidates(shard, rank)
            .filter(|&c| !self.holds(shard, rank, c))
            .min_by_key(|&c| {
                let filled = self.counts[rank][c] * 64 / self.shares[c].max(1);
                (!self.is_active(c), !self.fits(shard, rank, c), filled)
            })
    }

    /// The finished map, with stand-ins for unhealthy homes.
    pub(crate) fn into_map(self) -> ShardMap {
        let mut stand_ins = Vec::new();
        for shard in Shard::all() {
            let mut acting: Vec<usize> = self
                .homes_of(shard)
                .filter(|&home| self.is_active(home))
                .collect();
            for rank in (0..self.n_replicas)
                .filter(|&rank| self.home(shard, rank).is_some_and(|h| !self.is_active(h)))
            {
                let stand_in = self
                    .ring
                    .candidates(shard, rank)
                    .filter(|&c| self.is_active(c) && !acting.contains(&c))
                    .min_by_key(|&c| acting.iter().any(|&a| self.zones[a] == self.zones[c]));
                if let Some(member) = stand_in {
                    acting.push(member);
                    stand_ins.push((shard, member as u16));
                }
            }
        }
        ShardMap {
            members: self.problem.members().iter().map(|m| m.node).collect(),
            n_replicas: self.n_replicas,
            homes: self
                .homes
                .iter()
                .map(|home| home.expect("a shard has no more ranks than there are members"))
                .collect(),
            stand_ins,
        }
    }

    pub(crate) fn index_of(&self, node: NodeId) -> Option<usize> {
        self.problem
            .members()
            .binary_search_by_key(&node, |m| m.node)
            .ok()
    }

    pub(crate) fn is_active(&self, member: usize) -> bool {
        self.problem.members()[member].health == Health::Active
    }

    fn has_room(&self, rank: usize, member: usize) -> bool {
        self.counts[rank][member] < self.shares[member]
    }

    pub(crate) fn home(&self, shard: Shard, rank: usize) -> Option<usize> {
        self.homes[shard.index() * self.n_replicas + rank].map(usize::from)
    }

    fn homes_of(&self, shard: Shard) -> impl Iterator<Item = usize> {
        (0..self.n_replicas).filter_map(move |rank| self.home(shard, rank))
    }

    pub(crate) fn set(&mut self, shard: Shard, rank: usize, member: usize) {
        if let Some(home) = self.home(shard, rank) {
            self.counts[rank][home] -= 1;
        }
        self.counts[rank][member] += 1;
        self.homes[shard.index() * self.n_replicas + rank] = Some(member as u16);
    }

    /// True if `member` holds `shard` at another rank than `rank`.
    fn holds(&self, shard: Shard, rank: usize, member: usize) -> bool {
        (0..self.n_replicas).any(|r| r != rank && self.home(shard, r) == Some(member))
    }

    /// True if `member` may hold the pair beside the shard's other homes.
    pub(crate) fn fits(&self, shard: Shard, rank: usize, member: usize) -> bool {
        let mut in_zone = 0;
        for other in (0..self.n_replicas).filter(|&r| r != rank) {
            match self.home(shard, other) {
                Some(home) if home == member => return false,
                Some(home) => in_zone += usize::from(self.zones[home] == self.zones[member]),
                None => {}
            }
        }
        in_zone < self.most_in_zone
    }
}
