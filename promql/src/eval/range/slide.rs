//! Windows that move over the samples of a series while the steps go by.
use std::borrow::Cow;

use model::{Sample, is_stale_nan};

use super::window::Window;
use crate::{
    error::EvalError,
    eval::{Flow, column::Grid},
    plan::tree::MatrixOp,
};

/// How many samples are looked at between two questions whether to go on; some milliseconds' worth.
const WORK_UNCHECKED: usize = 1 << 20;

/// Asks whether the evaluation is to end.
pub(super) type Canceled<'c> = dyn Fn() -> bool + Sync + 'c;

/// Calls `call` at each step that has a sample in its window, and tells how many the largest window had.
pub(super) fn slide(
    op: &MatrixOp,
    grid: Grid,
    samples: &[Sample],
    canceled: &Canceled<'_>,
    mut call: impl FnMut(Window<'_>) -> Flow,
) -> Result<usize, EvalError> {
    let (mut from, mut to) = (0, 0);
    let (mut largest, mut work) = (0, 0);
    for (step, time) in grid.times().enumerate() {
        let end = op.reference.time(time);
        let start = end.saturating_sub(op.range.as_millis());
        let (oldest, newest) = (
            start.saturating_sub(op.before),
            end.saturating_add(op.after),
        );
        while to < samples.len() && samples[to].at.as_millis() <= newest {
            to += 1;
        }
        while from < to && samples[from].at.as_millis() <= oldest {
            from += 1;
        }
        if from == to {
            continue;
        }
        largest = largest.max(to - from);
        work += to - from;
        if work > WORK_UNCHECKED {
            work = 0;
            if canceled() {
                return Err(EvalError::Canceled);
            }
        }
        call(Window {
            samples: &samples[from..to],
            first: from,
            start,
            end,
            time,
            step,
        })?;
    }
    Ok(largest)
}

/// The samples but staleness markers.
pub(in crate::eval) fn without_stale(samples: &[Sample]) -> Cow<'_, [Sample]> {
    match samples.iter().any(|s| is_stale_nan(s.value)) {
        true => Cow::Owned(
            samples
                .iter()
                .filter(|s| !is_stale_nan(s.value))
                .copied()
                .collect(),
        ),
        false => Cow::Borrowed(samples),
    }
}
