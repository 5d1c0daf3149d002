//! `sum_over_time` and `avg_over_time` of histograms.
use std::sync::Arc;

use model::Value;

use super::name;
use crate::{
    annotations::{HistogramOperation, Note, Notes},
    eval::{histograms::HistogramFold, range::window::Window},
};

/// The sum, or the mean, of the histograms of a window that has nothing else.
pub(super) fn folded(is_mean: bool, window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    let (first, others) = window.histograms.split_first()?;
    let mut fold = HistogramFold::new(&first.histogram, is_mean);
    let mut reconciled = false;
    for other in others {
        match fold.add(&other.histogram) {
            Ok(done) => reconciled |= done.bounds,
            Err(_) => {
                notes.add(Note::MixedExponentialCustom(name(window)));
                return None;
            }
        }
    }
    let operation = HistogramOperation::Aggregation;
    if fold.hints_collide() {
        notes.add(Note::ResetCollision(operation));
    }
    if reconciled {
        notes.add(Note::BoundsReconciled(operation));
    }
    Some(Value::Histogram(Arc::new(fold.get())))
}
