//! Spreads work on the series of a selection over threads.
//!
//! ```text
//! parts of the source ─┬─> the caller's thread: part 0, part 2, … ─┐
//!                      └─> another thread:      part 1, part 3, … ─┴─> what came of each, in the order of the source
//! ```
use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use model::{Labels, Series};

use super::{Evaluator, Flow};
use crate::error::EvalError;

/// So many samples and steps are worth a thread: its start costs tens of microseconds.
const WORTH_A_THREAD: usize = 1 << 15;
/// How many parts a thread may be ahead of what was taken: what waits there is held in memory.
const AHEAD: usize = 4;

/// What came of the series of a part.
type Done<T> = Result<Vec<(Labels, T)>, EvalError>;

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
        mut take: impl FnMut(Labels, T) -> Flow,
    ) -> Flow {
        let (source, canceled) = (self.source, self.canceled);
        let extent = source.extent(selection);
        let size = extent.n_samples + extent.n_series.saturating_mul(n_steps);
        let n_threads = (size / WORTH_A_THREAD)
            .min(extent.n_parts)
            .clamp(1, self.options.threads.get());
        if n_threads == 1 {
            let mut state = start();
            return (0..extent.n_parts).try_for_each(|part| {
                self.check()?;
                source.part(selection, part, &mut |series| {
                    take(series.labels.clone(), work(&mut state, series))
                })
            });
        }
        let board = Board::new(extent.n_parts, AHEAD * n_threads);
        let do_part = |state: &mut S, part: usize| -> Done<T> {
            if canceled() {
                return Err(EvalError::Canceled);
            }
            let mut done = Vec::new();
            source.part(selection, part, &mut |series| {
                done.push((series.labels.clone(), work(state, series)));
                Ok(())
            })?;
            Ok(done)
        };
        thread::scope(|scope| {
            // Whatever ends this thread's work, the others are told.
            let _end = End(&board);
            for _ in 1..n_threads {
                scope.spawn(|| {
                    let _end = EndOfPanic(&board);
                    let mut state = start();
                    while let Some(part) = board.next_or_wait() {
                        let done = do_part(&mut state, part);
                        board.put(part, done);
                    }
                });
            }
            let mut state = start();
            for part in 0..extent.n_parts {
                let done = loop {
                    match board.want(part) {
                        Wanted::Done(done) => break done,
                        Wanted::Do(other) => {
                            let done = do_part(&mut state, other);
                            board.put(other, done);
                        }
                        // A thread has panicked; leaving the scope passes that on.
                        Wanted::Never => return Ok(()),
                    }
                };
                for (labels, value) in done? {
                    take(labels, value)?;
                }
            }
            Ok(())
        })
    }
}

/// Who does which part, and what is done.
struct Board<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    n_parts: usize,
    ahead: usize,
}

struct State<T> {
    /// The next part that nobody does.
    next: usize,
    /// The next part to be taken.
    wanted: usize,
    done: BTreeMap<usize, Done<T>>,
    ended: bool,
}

enum Wanted<T> {
    /// Here it is.
    Done(Done<T>),
    /// It is being done; meanwhile there is this.
    Do(usize),
    Never,
}

impl<T> Board<T> {
    fn new(n_parts: usize, ahead: usize) -> Self {
        Self {
            state: Mutex::new(State {
                next: 0,
                wanted: 0,
                done: BTreeMap::new(),
                ended: false,
            }),
            changed: Condvar::new(),
            n_parts,
            ahead,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State<T>>) -> MutexGuard<'g, State<T>> {
        let woken = self.changed.wait(state);
        woken.unwrap_or_else(PoisonError::into_inner)
    }

    /// A part to do, if one is left and not too far ahead.
    fn next(&self, state: &mut State<T>) -> Option<usize> {
        let is_free = state.next < self.n_parts && state.next < state.wanted + self.ahead;
        is_free.then(|| {
            state.next += 1;
            state.next - 1
        })
    }

    /// A part to do; none once there is no more.
    fn next_or_wait(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.ended || state.next >= self.n_parts {
                return None;
            }
            if let Some(part) = self.next(&mut state) {
                return Some(part);
            }
            state = self.wait(state);
        }
    }

    /// Part `part`, or what to do until it is there.
    fn want(&self, part: usize) -> Wanted<T> {
        let mut state = self.lock();
        if state.wanted != part {
            state.wanted = part;
            self.changed.notify_all();
        }
        loop {
            if let Some(done) = state.done.remove(&part) {
                return Wanted::Done(done);
            }
            if state.ended {
                return Wanted::Never;
            }
            if let Some(other) = self.next(&mut state) {
                return Wanted::Do(other);
            }
            state = self.wait(state);
        }
    }

    fn put(&self, part: usize, done: Done<T>) {
        self.lock().done.insert(part, done);
        self.changed.notify_all();
    }

    fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

/// Ends all work when it is dropped.
struct End<'b, T>(&'b Board<T>);

impl<T> Drop for End<'_, T> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Ends all work when its thread panics.
struct EndOfPanic<'b, T>(&'b Board<T>);

impl<T> Drop for EndOfPanic<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}
