//! In which rows of a table a series is present.
use std::{iter::Copied, ops::Range, slice};

/// Indexes of rows, mostly one run without gaps: then they take no memory of their own, however many they are.
///
/// They are below `u32::MAX` and ascend where nothing else is said. Two are equal if they have the same indexes in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// From the first up to the second; `0, 0` if there are none.
    Run(u32, u32),
    /// What is no run.
    Listed(Vec<u32>),
}

impl Default for Presence {
    fn default() -> Self {
        Self::new()
    }
}

impl Presence {
    /// In no row.
    pub const fn new() -> Self {
        Self(Form::Run(0, 0))
    }

    /// In these rows, which follow one another.
    pub const fn run(rows: Range<u32>) -> Self {
        match rows.start < rows.end {
            true => Self(Form::Run(rows.start, rows.end)),
            false => Self::new(),
        }
    }

    /// The rows, if they follow one another; an empty range if there are none.
    pub const fn as_run(&self) -> Option<Range<u32>> {
        match &self.0 {
            Form::Run(from, to) => Some(*from..*to),
            Form::Listed(_) => None,
        }
    }

    /// How many rows.
    pub const fn len(&self) -> usize {
        match &self.0 {
            Form::Run(from, to) => (*to - *from) as usize,
            Form::Listed(rows) => rows.len(),
        }
    }

    /// True if there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `i`th of them.
    pub fn get(&self, i: usize) -> Option<u32> {
        match &self.0 {
            Form::Run(from, to) if i < (*to - *from) as usize => Some(*from + i as u32),
            Form::Run(..) => None,
            Form::Listed(rows) => rows.get(i).copied(),
        }
    }

    /// The last of them.
    pub fn last(&self) -> Option<u32> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Them one by one.
    pub fn iter(&self) -> Rows<'_> {
        let (run, listed) = self.parts();
        Rows {
            run,
            listed: listed.iter().copied(),
        }
    }

    /// Them as runs without gaps.
    pub fn runs(&self) -> impl Iterator<Item = Range<u32>> {
        let (run, listed) = self.parts();
        let listed = listed.chunk_by(|a, b| a + 1 == *b);
        let listed = listed.map(|run| run[0]..run[0] + run.len() as u32);
        Some(run)
            .filter(|run| !run.is_empty())
            .into_iter()
            .chain(listed)
    }

    /// The rows if they are a run, and if they are not; one of the two is empty.
    fn parts(&self) -> (Range<u32>, &[u32]) {
        match &self.0 {
            Form::Run(from, to) => (*from..*to, &[]),
            Form::Listed(rows) => (0..0, rows),
        }
    }

    /// Those at `places` among them.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn part(&self, places: Range<usize>) -> Self {
        match &self.0 {
            Form::Run(from, to) => {
                assert!(places.end <= (*to - *from) as usize, "past the last row");
                Self::run(*from + places.start as u32..*from + places.end as u32)
            }
            Form::Listed(rows) => rows[places].iter().copied().collect(),
        }
    }

    /// True if each is greater than the one before.
    pub fn is_ascending(&self) -> bool {
        match &self.0 {
            Form::Run(..) => true,
            Form::Listed(rows) => rows.is_sorted_by(|a, b| a < b),
        }
    }

    /// How many are below `row`, if they ascend.
    pub fn count_below(&self, row: u32) -> usize {
        match &self.0 {
            Form::Run(from, to) => (row.clamp(*from, *to) - *from) as usize,
            Form::Listed(rows) => rows.partition_point(|r| *r < row),
        }
    }

    /// Adds one behind them, whether it is greater or not.
    pub fn push(&mut self, row: u32) {
        self.push_run(row..row + 1);
    }

    /// Adds some that follow one another behind them.
    pub fn push_run(&mut self, rows: Range<u32>) {
        match &mut self.0 {
            _ if rows.is_empty() => {}
            Form::Run(from, to) if from == to => *self = Self::run(rows),
            Form::Run(_, to) if *to == rows.start => *to = rows.end,
            Form::Run(from, to) => *self = Self(Form::Listed((*from..*to).chain(rows).collect())),
            Form::Listed(listed) => listed.extend(rows),
        }
    }
}

impl Extend<u32> for Presence {
    fn extend<I: IntoIterator<Item = u32>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| self.push(row));
    }
}

impl FromIterator<u32> for Presence {
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> Self {
        let mut presence = Self::new();
        presence.extend(rows);
        presence
    }
}

impl<'p> IntoIterator for &'p Presence {
    type Item = u32;
    type IntoIter = Rows<'p>;

    fn into_iter(self) -> Rows<'p> {
        self.iter()
    }
}

/// The rows of a [`Presence`], one by one.
#[derive(Clone, Debug)]
pub struct Rows<'p> {
    run: Range<u32>,
    listed: Copied<slice::Iter<'p, u32>>,
}

impl Iterator for Rows<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.run.next().or_else(|| self.listed.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let n = self.run.len() + self.listed.len();
        (n, Some(n))
    }
}

impl ExactSizeIterator for Rows<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_list_of_what_was_put_in(rows in prop::collection::vec(0u32..6, 0..8), row in 0u32..7) {
            let presence: Presence = rows.iter().copied().collect();
            prop_assert!(presence.iter().eq(rows.iter().copied()));
            prop_assert_eq!((presence.len(), presence.last()), (rows.len(), rows.last().copied()));
            prop_assert!((0..9).all(|i| presence.get(i) == rows.get(i).copied()));
            prop_assert!(presence.runs().flatten().eq(rows.iter().copied()));
            prop_assert!(presence.runs().all(|run| !run.is_empty()));
            let is_run = rows.windows(2).all(|pair| pair[0] + 1 == pair[1]);
            prop_assert_eq!(presence.as_run().is_some(), is_run);
            let ascends = rows.is_sorted_by(|a, b| a < b);
            prop_assert_eq!(presence.is_ascending(), ascends);
            if ascends {
                prop_assert_eq!(presence.count_below(row), rows.partition_point(|r| *r < row));
            }
            for from in 0..=rows.len() {
                for to in from..=rows.len() {
                    prop_assert_eq!(presence.part(from..to), rows[from..to].iter().copied().collect());
                }
            }
        }

        #[test]
        fn runs_are_put_in_as_their_rows_are(runs in prop::collection::vec((0u32..4, 0u32..3), 0..5)) {
            let mut presence = Presence::new();
            let runs: Vec<Range<u32>> = runs.into_iter().map(|(from, n)| from..from + n).collect();
            runs.iter().for_each(|run| presence.push_run(run.clone()));
            prop_assert_eq!(presence, runs.into_iter().flatten().collect());
        }
    }
}
