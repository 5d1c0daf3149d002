//! The buckets of one side of a histogram: runs of indexes and a number for each.
use super::Count;

/// A run of buckets as it is written on wires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The buckets left out since the run before; for the first run the index of its first bucket.
    pub offset: i32,
    /// The number of buckets.
    pub length: u32,
}

/// Buckets in ascending order of their indexes, in canonical form: no run is empty and no two touch.
#[derive(Clone, Debug, Default)]
pub struct Buckets<N = f64> {
    /// Spans with the index of the first bucket in place of an offset.
    runs: Vec<Run>,
    /// One for each bucket of the runs.
    counts: Vec<N>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: i32,
    length: u32,
}

impl Run {
    /// The index after the last bucket.
    const fn end(self) -> i64 {
        self.first as i64 + self.length as i64
    }

    fn indexes(self) -> impl DoubleEndedIterator<Item = i32> {
        (i64::from(self.first)..self.end()).map(|index| index as i32)
    }
}

/// Spans that describe no buckets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpansError {
    /// A run begins before the end of the run before.
    #[error(
        "span number {number} with offset {offset}: histogram has a span whose offset is negative"
    )]
    NegativeOffset {
        /// Counts from 1.
        number: usize,
        /// The offset.
        offset: i32,
    },
    /// There are more or fewer counts than the spans have buckets.
    #[error(
        "spans need {needed} buckets, have {given} buckets: histogram spans specify different number of buckets than provided"
    )]
    Mismatch {
        /// The buckets of all spans.
        needed: u64,
        /// The counts.
        given: usize,
    },
    /// The indexes leave the range of 32 bits.
    #[error("span number {number} reaches beyond the range of bucket indexes")]
    OutOfRange {
        /// Counts from 1.
        number: usize,
    },
}

impl<N: Count> Buckets<N> {
    /// The buckets of `spans` with one of `counts` each.
    ///
    /// # Errors
    /// [`SpansError`] if a span but the first has a negative offset, or the numbers of buckets differ.
    pub fn new(spans: impl IntoIterator<Item = Span>, counts: Vec<N>) -> Result<Self, SpansError> {
        let mut runs: Vec<Run> = Vec::new();
        let (mut end, mut needed) = (0_i64, 0_u64);
        for (i, span) in spans.into_iter().enumerate() {
            if i > 0 && span.offset < 0 {
                return Err(SpansError::NegativeOffset {
                    number: i + 1,
                    offset: span.offset,
                });
            }
            let first = end + i64::from(span.offset);
            end = first + i64::from(span.length);
            if end > i64::from(i32::MAX) {
                return Err(SpansError::OutOfRange { number: i + 1 });
            }
            needed += u64::from(span.length);
            match runs.last_mut() {
                _ if span.length == 0 => {}
                Some(last) if last.end() == first => last.length += span.length,
                _ => runs.push(Run {
                    first: first as i32,
                    length: span.length,
                }),
            }
        }
        match needed == counts.len() as u64 {
            true => Ok(Self { runs, counts }),
            false => Err(SpansError::Mismatch {
                needed,
                given: counts.len(),
            }),
        }
    }

    /// One run from index `first` on.
    pub fn from_first(first: i32, counts: Vec<N>) -> Self {
        let length = counts.len() as u32;
        let runs = (length > 0).then_some(Run { first, length });
        Self {
            runs: runs.into_iter().collect(),
            counts,
        }
    }

    /// The runs as wires have them.
    pub fn spans(&self) -> impl Iterator<Item = Span> {
        let mut end = 0;
        self.runs.iter().map(move |run| {
            let offset = (i64::from(run.first) - end) as i32;
            end = run.end();
            Span {
                offset,
                length: run.length,
            }
        })
    }

    /// How many runs there are.
    pub const fn n_spans(&self) -> usize {
        self.runs.len()
    }

    /// The numbers of observations, in the order of the indexes.
    pub fn counts(&self) -> &[N] {
        &self.counts
    }

    /// True if no bucket is listed.
    pub const fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The index of the last bucket listed.
    pub fn last_index(&self) -> Option<i32> {
        self.runs.last().map(|run| (run.end() - 1) as i32)
    }

    /// Indexes and numbers, ascending by index.
    pub fn iter(&self) -> impl Iterator<Item = (i32, N)> {
        let indexes = self.runs.iter().flat_map(|run| run.indexes());
        indexes.zip(self.counts.iter().copied())
    }

    /// Indexes and numbers, descending by index.
    pub fn iter_back(&self) -> impl Iterator<Item = (i32, N)> {
        let indexes = self.runs.iter().rev().flat_map(|run| run.indexes().rev());
        indexes.zip(self.counts.iter().rev().copied())
    }

    /// The same buckets with each number by `f`.
    pub(super) fn map<M>(&self, f: impl Fn(N) -> M) -> Buckets<M> {
        Buckets {
            runs: self.runs.clone(),
            counts: self.counts.iter().copied().map(f).collect(),
        }
    }

    /// Each number by `f`, in place.
    pub(super) fn apply(&mut self, f: impl Fn(f64) -> f64) {
        for count in &mut self.counts {
            *count = count.apply(&f);
        }
    }

    /// The buckets of the exponential schema `from` merged into those of the coarser schema `to`.
    pub(super) fn reduced(&self, from: i32, to: i32) -> impl Iterator<Item = (i32, N)> {
        let shift = (from - to).clamp(0, 63);
        let mut buckets = self
            .iter()
            .map(move |(index, n)| ((((i64::from(index) - 1) >> shift) + 1) as i32, n))
            .peekable();
        std::iter::from_fn(move || {
            let (index, mut sum) = buckets.next()?;
            while let Some((_, n)) = buckets.next_if(|(next, _)| *next == index) {
                sum = sum.join(n);
            }
            Some((index, sum))
        })
    }

    /// Adds `others`, ascending by index, each to the bucket of its index, which may be new.
    pub(super) fn add(&mut self, others: impl Iterator<Item = (i32, N)>) {
        let mut others = others.peekable();
        // As long as no bucket is new, the numbers are changed in place.
        let mut run_start = 0;
        for run in &self.runs {
            let within = |index: i32| index >= run.first && i64::from(index) < run.end();
            while let Some((index, n)) = others.next_if(|(index, _)| within(*index)) {
                let count = &mut self.counts[run_start + (index - run.first) as usize];
                *count = count.join(n);
            }
            run_start += run.length as usize;
        }
        if others.peek().is_none() {
            return;
        }
        let mine = std::mem::take(self);
        let mut mine = mine.iter().peekable();
        let merged = std::iter::from_fn(|| match (mine.peek(), others.peek()) {
            (Some((a, _)), Some((b, _))) if a == b => {
                let (index, n) = mine.next()?;
                Some((index, n.join(others.next()?.1)))
            }
            (Some((a, _)), Some((b, _))) if a < b => mine.next(),
            (Some(_), None) => mine.next(),
            _ => others.next(),
        });
        *self = merged.collect();
    }

    /// Drops empty buckets, but keeps up to `max_empty` of them between two that are not.
    pub(super) fn compact(&mut self, max_empty: u32) {
        let is_compact = self.counts.iter().all(|n| !n.is_zero())
            && self
                .spans()
                .skip(1)
                .all(|span| span.offset as u32 > max_empty);
        if is_compact {
            return;
        }
        let mut compacted = Self::default();
        for (index, n) in self.iter().filter(|(_, n)| !n.is_zero()) {
            if let Some(last) = compacted.last_index() {
                let gap = i64::from(index) - i64::from(last) - 1;
                if gap <= i64::from(max_empty) {
                    (last + 1..index).for_each(|empty| compacted.push(empty, N::default()));
                }
            }
            compacted.push(index, n);
        }
        *self = compacted;
    }

    /// Adds a bucket behind the last.
    fn push(&mut self, index: i32, n: N) {
        match self.runs.last_mut() {
            Some(last) if last.end() == i64::from(index) => last.length += 1,
            _ => self.runs.push(Run {
                first: index,
                length: 1,
            }),
        }
        self.counts.push(n);
    }
}

impl<N: Count> FromIterator<(i32, N)> for Buckets<N> {
    /// The indexes must ascend.
    fn from_iter<I: IntoIterator<Item = (i32, N)>>(buckets: I) -> Self {
        let mut all = Self::default();
        for (index, n) in buckets {
            all.push(index, n);
        }
        all
    }
}

impl<N: Count> PartialEq for Buckets<N> {
    /// Numbers are compared bit for bit.
    fn eq(&self, other: &Self) -> bool {
        let bits = |(a, b): (&N, &N)| a.bits() == b.bits();
        self.runs == other.runs && self.counts.iter().zip(&other.counts).all(bits)
    }
}
