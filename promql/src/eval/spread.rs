//! Spreads work on the series of a selection over threads.
//!
//! ```text
//! source ─> batch of series ─┬─> thread: series, series, … ─┐
//!                            └─> thread: series, series, … ─┴─> what came of each, in the order of the source
//! ```
use std::{panic::resume_unwind, sync::Arc, thread};

use model::Series;

use super::{Evaluator, Flow};

/// Batches hold so many values at most, and so many series.
const BATCH_VALUES: usize = 1 << 21;
const BATCH_SERIES: usize = 1024;
/// So many samples and steps are worth a thread: its start costs tens of microseconds.
const WORTH_A_THREAD: usize = 1 << 15;

impl Evaluator<'_> {
    /// Does `work` on each series of a selection and hands on what comes of it, in the order of the source.
    ///
    /// Each thread has a state of its own, made by `start`. A series has `n_steps` values at most.
    pub(super) fn spread<S, T: Send>(
        &self,
        selection: usize,
        n_steps: usize,
        start: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, &Series) -> T + Sync,
        mut take: impl FnMut(&Series, T) -> Flow,
    ) -> Flow {
        let n_batch = (BATCH_VALUES / n_steps.max(1)).clamp(1, BATCH_SERIES);
        let mut source = self.source.series(selection);
        let mut own_state = start();
        loop {
            self.check()?;
            let batch: Vec<Arc<Series>> = source.by_ref().take(n_batch).collect();
            if batch.is_empty() {
                return Ok(());
            }
            let size: usize = batch
                .iter()
                .map(|s| s.samples.len() + s.histograms.len() + n_steps)
                .sum();
            let n_threads = (size / WORTH_A_THREAD).clamp(1, self.options.threads.get());
            if n_threads == 1 {
                for series in &batch {
                    take(series, work(&mut own_state, series))?;
                }
                continue;
            }
            let share = batch.len().div_ceil(n_threads);
            let on_thread = |series: &[Arc<Series>]| -> Vec<T> {
                let mut state = start();
                series.iter().map(|s| work(&mut state, s)).collect()
            };
            let on_thread = &on_thread;
            let done: Vec<T> = thread::scope(|scope| {
                let threads: Vec<_> = batch
                    .chunks(share)
                    .map(|series| scope.spawn(move || on_thread(series)))
                    .collect();
                let joined = threads.into_iter().flat_map(|thread| match thread.join() {
                    Ok(done) => done,
                    Err(panic) => resume_unwind(panic),
                });
                joined.collect()
            });
            batch
                .iter()
                .zip(done)
                .try_for_each(|(series, done)| take(series, done))?;
        }
    }
}
