//! What the holders of a group sent becomes one series for each label set, exactly.
//!
//! ```text
//! holder A   slot 10 S   slot 20 F   slot 30 S              S: success, F: failure
//! holder B   slot 10 S   slot 20 S               slot 40 S
//! merged     slot 10 A   slot 20 B   slot 30 A   slot 40 B   one winner a slot, whole
//! ```
//!
//! Rows are never mixed: a slot's samples come from the one row that wins by [`model::Stamp::wins_over`]. Staleness
//! is derived from the winners: a series that one row has and the next winning row lacks is marked stale at the later
//! row's time. That holds for failed rows (which have the synthetic series alone) and for end rows (which are
//! empty) without further rules. A missing slot means nothing.
//!
//! A sample that was deleted stands in its row as [`model::DELETED_NAN`]: it is present, not shown, and its end marks nothing.
//!
//! Pushed groups are other: their rows are partial, and each replica may have had other batches. There a series' samples
//! are the union of what the holders have; of two values for one time the one in the better row is believed, and absence
//! marks nothing.
//!
//! The first row within the asked range can mark a series only if the row before it was sent too. Nothing is lost
//! if it was not: a marker ends the lookback of a sample before it, and such a sample would lie within the range.
//!
//! Slices stay packed until evaluation asks for a group: [`Slices`] takes them in as they arrive and drops what a
//! replica says again, [`Merged`] unfolds one group after the other.
mod group;
mod pushed;
mod sample;
#[cfg(test)]
mod tests;
mod unfold;

use std::{collections::BTreeMap, hash::BuildHasher as _, ops::Range};

use column::Buffer;
use foldhash::{HashMap, HashMapExt as _, HashSet, fast::FixedState};
use model::{GroupKey, GroupSlice, Labels, Series, TimeRange};
use promql::{
    EvalError,
    source::{Each, Extent},
};

use sample::{Full, settle};
use unfold::Rows;

/// The series of one group that `wants` asks for, sorted by labels, samples within `range`.
fn group_series(
    holders: &[GroupSlice],
    range: TimeRange,
    wants: impl Fn(&Labels) -> bool,
) -> Vec<Series> {
    match holders.first().is_some_and(|slice| slice.group.is_pushed()) {
        true => pushed::series(holders, range, wants),
        false => group::series(holders, range, wants),
    }
}

/// The series that `slices`, sent by one or more holders in any order, stand for: sorted by labels, samples within `range`.
///
/// Each slot counts once however many holders sent it. If two groups give one label set, their samples are merged by
/// time; at equal times the group with the lower key is believed. Within a group, samples that would go back in time
/// (explicit timestamps can) are dropped, as an append to Prometheus' storage drops them. A sample that carries
/// another time than its row has an explicit one, and its absence later marks nothing, as in Prometheus.
pub fn merge(slices: impl IntoIterator<Item = GroupSlice>, range: TimeRange) -> Vec<Series> {
    let mut taken = Slices::default();
    for slice in slices {
        taken.add(slice);
    }
    let merged = Merged::new(taken, range);
    let mut series: Vec<Series> = Vec::new();
    for part in 0..merged.extent().n_parts {
        let kept = merged.part(part, &mut |one| {
            series.push(one.clone());
            Ok(())
        });
        kept.expect("nothing is refused here");
    }
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    series
}

/// The slices of one selection, as they arrive from its holders in any order.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    groups: BTreeMap<GroupKey, Vec<GroupSlice>>,
}

impl Slices {
    /// How many samples there are, those of each holder.
    pub(crate) fn n_samples(&self) -> usize {
        self.groups.values().flatten().map(n_samples).sum()
    }

    /// Takes a slice in, unless others have all that it has; then others that have nothing beside it go.
    ///
    /// Gives the number of samples that were dropped.
    pub(crate) fn add(&mut self, slice: GroupSlice) -> usize {
        let held = self.groups.entry(slice.group).or_default();
        let adds_nothing = match slice.group.is_pushed() {
            true => pushed::adds_nothing,
            false => group::adds_nothing,
        };
        if held.iter().any(|held| adds_nothing(&slice, held)) {
            return n_samples(&slice);
        }
        let mut n_dropped = 0;
        held.retain(|held| {
            let is_needed = !adds_nothing(held, &slice);
            if !is_needed {
                n_dropped += n_samples(held);
            }
            is_needed
        });
        held.push(slice);
        n_dropped
    }
}

/// How many samples a slice holds.
pub(crate) fn n_samples(slice: &GroupSlice) -> usize {
    slice.series.iter().map(|series| series.values.len()).sum()
}

/// The merged series of one selection, still packed.
#[derive(Debug)]
pub(crate) struct Merged {
    /// What the holders of each group sent, in the order of the groups' keys.
    groups: Vec<Vec<GroupSlice>>,
    range: TimeRange,
    /// Hashes of label sets that several groups give.
    shared: HashSet<u64>,
    parts: Vec<Part>,
}

/// A part of the series, unfolded at once.
#[derive(Clone, Debug)]
enum Part {
    /// The series of a group that one holder sent, at these places.
    Series { group: usize, places: Range<usize> },
    /// The series of a group that several holders sent.
    Group(usize),
    /// The series that several groups give.
    Shared,
}

/// How many series of a group make a part: enough to be worth the way, and a small share of a large group.
const PART: usize = 64;

impl Merged {
    /// What `slices` stand for within `range`.
    pub(crate) fn new(slices: Slices, range: TimeRange) -> Self {
        let groups: Vec<Vec<GroupSlice>> = slices.groups.into_values().collect();
        let shared = shared(&groups);
        let mut parts = Vec::new();
        for (group, holders) in groups.iter().enumerate() {
            match &holders[..] {
                [slice] => {
                    let n_series = slice.series.len();
                    parts.extend((0..n_series).step_by(PART).map(|from| Part::Series {
                        group,
                        places: from..(from + PART).min(n_series),
                    }));
                }
                _ => parts.push(Part::Group(group)),
            }
        }
        if !shared.is_empty() {
            parts.push(Part::Shared);
        }
        Self {
            groups,
            range,
            shared,
            parts,
        }
    }

    /// How much there is.
    pub(crate) fn extent(&self) -> Extent {
        let slices = self.groups.iter().flatten();
        Extent {
            n_parts: self.parts.len(),
            n_series: slices.clone().map(|slice| slice.series.len()).sum(),
            n_samples: slices.map(n_samples).sum(),
        }
    }

    /// Hands the series of part `part` to `each`: group by group in the order of their keys, those of several groups last.
    pub(crate) fn part(&self, part: usize, each: &mut Each<'_>) -> Result<(), EvalError> {
        let is_own =
            |labels: &Labels| self.shared.is_empty() || !self.shared.contains(&hash(labels));
        match &self.parts[part] {
            Part::Series { group, places } => {
                let slice = &self.groups[*group][0];
                let rows = Rows::of(slice, self.range);
                let mut series = Series::of_samples(Labels::empty(), Vec::new());
                let mut buffer = Buffer::default();
                let columns = slice.series[places.clone()].iter();
                for column in columns.filter(|column| is_own(&column.labels)) {
                    rows.unfold(column, &mut buffer, &mut series);
                    if !series.is_empty() {
                        settle(&mut series);
                        series.labels.clone_from(&column.labels);
                        each(&series)?;
                    }
                }
                Ok(())
            }
            Part::Group(group) => {
                let mut series = group_series(&self.groups[*group], self.range, is_own);
                series.iter_mut().for_each(settle);
                series.iter().try_for_each(each)
            }
            Part::Shared => {
                let mut series = self.shared_series();
                series.iter_mut().for_each(settle);
                series.iter().try_for_each(each)
            }
        }
    }

    fn shared_series(&self) -> Vec<Series> {
        let is_shared = |labels: &Labels| self.shared.contains(&hash(labels));
        let has_shared = |holders: &&Vec<GroupSlice>| {
            let mut series = holders.iter().flat_map(|slice| &slice.series);
            series.any(|series| is_shared(&series.labels))
        };
        let mut parts: Vec<Series> = (self.groups.iter())
            .filter(has_shared)
            .flat_map(|holders| group_series(holders, self.range, is_shared))
            .collect();
        // A stable sort: the parts of one label set stay in the order of their groups' keys.
        parts.sort_by(|a, b| a.labels.cmp(&b.labels));
        let unite = |parts: &[Series]| {
            let mut series = Series::of_samples(parts[0].labels.clone(), Vec::new());
            let mut samples: Vec<Full<'_>> = parts.iter().flat_map(Full::all).collect();
            samples.sort_by_key(|full| full.sample.at);
            samples.dedup_by_key(|full| full.sample.at);
            samples.into_iter().for_each(|full| full.put(&mut series));
            series
        };
        let by_labels = parts.chunk_by(|a, b| a.labels == b.labels);
        by_labels.map(unite).collect()
    }
}

/// The hashes of label sets that more than one group gives.
fn shared(groups: &[Vec<GroupSlice>]) -> HashSet<u64> {
    let mut shared = HashSet::default();
    if groups.len() < 2 {
        return shared;
    }
    let n_series = groups.iter().flatten().map(|slice| slice.series.len());
    let mut owners: HashMap<u64, usize> = HashMap::with_capacity(n_series.sum());
    for (group, holders) in groups.iter().enumerate() {
        for series in holders.iter().flat_map(|slice| &slice.series) {
            let hash = hash(&series.labels);
            if *owners.entry(hash).or_insert(group) != group {
                shared.insert(hash);
            }
        }
    }
    shared
}

/// Label sets with one hash may be told apart later; until then they are taken for the same.
fn hash(labels: &Labels) -> u64 {
    FixedState::default().hash_one(labels)
}
