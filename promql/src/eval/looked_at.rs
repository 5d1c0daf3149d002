//! How many samples an evaluation looked at, as Prometheus tells it with `stats=all`.
//!
//! A selector counts one sample for each series and step, a window as many as it has; a histogram counts for as many
//! as take up its bytes. What does not change from step to step is evaluated once and counts at each. Points of
//! a subquery do not count, only the windows over them.
//!
//! Source: Prometheus, `util/stats/query_stats.go`.
use std::cell::RefCell;

use super::column::{Column, Grid, weight};

/// Where the samples of the steps of a grid count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// In total; nobody asks for steps.
    InTotal,
    /// At their steps.
    ByStep,
    /// At each step of the query alike.
    AtEach,
    /// Nowhere.
    Nowhere,
}

/// The samples that an evaluation looked at and held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleCounts {
    /// How many were looked at, over all steps.
    pub total: u64,
    /// The most that were held at once.
    pub peak: usize,
    /// How many were looked at by each step; empty if nobody asked.
    pub by_step: Vec<u64>,
}

/// How many samples the windows over a series had.
#[derive(Debug, Default)]
pub(super) struct WindowSizes {
    /// The largest.
    pub(super) largest: usize,
    /// All.
    total: u64,
    /// By step, up to the last one with a sample, if steps count.
    by_step: Vec<u64>,
}

impl WindowSizes {
    /// Takes in the window of a step; steps ascend.
    pub(super) fn add(&mut self, counted: Counted, step: usize, size: usize) {
        self.largest = self.largest.max(size);
        self.total += size as u64;
        if counted == Counted::ByStep {
            self.by_step.resize(step, 0);
            self.by_step.push(size as u64);
        }
    }
}

/// What was looked at so far.
#[derive(Debug)]
pub(super) struct LookedAt {
    n_steps: usize,
    counts: RefCell<SampleCounts>,
}

impl LookedAt {
    /// Nothing, for the steps of `grid`.
    pub(super) fn new(grid: Grid) -> Self {
        let by_step = match grid.counted {
            Counted::ByStep => vec![0; grid.len],
            _ => Vec::new(),
        };
        let counts = SampleCounts {
            by_step,
            ..SampleCounts::default()
        };
        Self {
            n_steps: grid.len,
            counts: RefCell::new(counts),
        }
    }

    /// Counts the samples that gave the values of a column.
    pub(super) fn add_column(&self, grid: Grid, column: &Column) {
        if grid.counted == Counted::ByStep {
            let mut counts = self.counts.borrow_mut();
            for (step, _) in column.iter() {
                counts.by_step[step] += 1;
                counts.total += 1;
            }
            for (step, histogram) in column.histograms() {
                counts.by_step[step] += weight(histogram) as u64;
                counts.total += weight(histogram) as u64;
            }
        } else {
            self.add(grid.counted, column.weight() as u64);
        }
    }

    /// Counts the samples of windows.
    pub(super) fn add_windows(&self, grid: Grid, sizes: &WindowSizes) {
        if grid.counted == Counted::ByStep {
            let mut counts = self.counts.borrow_mut();
            counts.total += sizes.total;
            for (sum, size) in counts.by_step.iter_mut().zip(&sizes.by_step) {
                *sum += size;
            }
        } else {
            self.add(grid.counted, sizes.total);
        }
    }

    fn add(&self, counted: Counted, n: u64) {
        let mut counts = self.counts.borrow_mut();
        match counted {
            Counted::InTotal | Counted::ByStep => counts.total += n,
            Counted::AtEach => {
                counts.total += n * self.n_steps as u64;
                counts.by_step.iter_mut().for_each(|sum| *sum += n);
            }
            Counted::Nowhere => {}
        }
    }

    /// What was counted, of which at most `peak` were held at once.
    pub(super) fn into_counts(self, peak: usize) -> SampleCounts {
        SampleCounts {
            peak,
            ..self.counts.into_inner()
        }
    }
}
