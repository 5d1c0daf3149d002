//! `resets` and `changes` where histograms are among the samples.
use model::Value;

use super::{Point, What, points};
use crate::{ast::Edges, eval::range::window::Window};

/// How often a counter was reset; a number after a histogram, and the other way round, is a reset.
pub(super) fn resets(edges: Edges, window: &Window<'_>) -> Option<Value> {
    count(edges, window, |before, after| {
        let fell = match (before.what, after.what) {
            (What::Float(a), What::Float(b)) => b < a,
            (What::Histogram(a), What::Histogram(b)) => b.is_reset_after(a),
            _ => return true,
        };
        fell || after.began_after(before)
    })
}

/// How often a sample differs from the one before.
pub(super) fn changes(edges: Edges, window: &Window<'_>) -> Option<Value> {
    count(edges, window, |before, after| {
        match (before.what, after.what) {
            (What::Float(a), What::Float(b)) => a != b && !(a.is_nan() && b.is_nan()),
            (What::Histogram(a), What::Histogram(b)) => !b.same_data(a),
            _ => true,
        }
    })
}

/// How often something happens between neighbours; with an anchor, from the last sample before the window on.
fn count(
    edges: Edges,
    window: &Window<'_>,
    happens: impl Fn(&Point<'_>, &Point<'_>) -> bool,
) -> Option<Value> {
    let all: Vec<Point<'_>> = points(window).collect();
    let mut first = 0;
    if edges == Edges::Anchored {
        let n_before = all.partition_point(|p| p.at.as_millis() <= window.start);
        if n_before == all.len() {
            return None;
        }
        first = n_before.saturating_sub(1);
    }
    let n = all[first..]
        .windows(2)
        .filter(|pair| happens(&pair[0], &pair[1]));
    Some(Value::Float(n.count() as f64))
}
