//! Custom buckets with different bounds: both sides are mapped to the bounds that they share.
use std::sync::Arc;

use super::{Buckets, Count, Histogram};
use crate::Kahan;

/// The bounds that are in both, ascending.
pub(super) fn common_bounds(a: &[f64], b: &[f64]) -> Arc<[f64]> {
    let mut rest = b;
    a.iter()
        .copied()
        .filter(|bound| {
            let at = rest.partition_point(|other| other < bound);
            rest = &rest[at..];
            rest.first() == Some(bound)
        })
        .collect()
}

/// The sum of both, `b` times `sign`, in buckets with `bounds`, which both have; empty buckets are left out.
pub(super) fn combined<N: Count>(
    a: (&Buckets<N>, &[f64]),
    b: (&Buckets, &[f64]),
    sign: f64,
    bounds: &[f64],
) -> Buckets<N> {
    let mut sums = vec![Kahan::default(); bounds.len() + 1];
    for (index, n) in a.0.iter() {
        let sum = &mut sums[target(index, a.1, bounds)];
        *sum = sum.join(n.to_kahan());
    }
    for (index, n) in b.0.iter() {
        let sum = &mut sums[target(index, b.1, bounds)];
        *sum = sum.plus(n * sign);
    }
    let filled = (0..).zip(sums).filter(|(_, sum)| !sum.is_zero());
    filled.map(|(i, sum)| (i, N::of_kahan(sum))).collect()
}

/// Which of `bounds` the bucket `index` of a histogram with bounds `from` falls under.
fn target(index: i32, from: &[f64], bounds: &[f64]) -> usize {
    let upper = usize::try_from(index).ok().and_then(|i| from.get(i));
    upper.map_or(bounds.len(), |upper| bounds.partition_point(|b| b < upper))
}

impl Histogram {
    /// True if, under the bounds that both have, some bucket of `self` counts less than that of `previous`.
    pub(super) fn shrank_under_common_bounds(&self, previous: &Self) -> bool {
        let common = common_bounds(&self.custom_values, &previous.custom_values);
        let rolled_up = |h: &Self| {
            let mut sums = vec![0.0; common.len() + 1];
            for (index, n) in h.positive.iter() {
                sums[target(index, &h.custom_values, &common)] += n;
            }
            sums
        };
        let (now, before) = (rolled_up(self), rolled_up(previous));
        now.iter().zip(&before).any(|(now, before)| now < before)
    }
}
