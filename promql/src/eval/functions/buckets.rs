//! Quantiles and fractions of one classic histogram.
//!
//! Source: Prometheus, `promql/quantile.go`.

/// How many observations lie at or below a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    pub(super) upper: f64,
    pub(super) count: f64,
}

/// Where counts fell with rising bounds, and were lifted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Repair {
    /// The lowest and the highest of the bounds.
    pub(super) buckets: (f64, f64),
    /// How much the largest fall was.
    pub(super) max_diff: f64,
}

/// Counts that differ by less than this share are taken to differ by rounding.
const TOLERANCE: f64 = 1e-12;

/// The `q`-quantile of `buckets`, lowest bound first, which are repaired on the way; linear within a bucket.
///
/// NaN without a bucket of plus infinity, with fewer than two, and without observations.
pub(super) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Repair>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if !ends_in_infinity(buckets) {
        return (f64::NAN, None);
    }
    coalesce(buckets);
    let repair = make_monotonic(buckets);
    let [.., below, last] = &buckets[..] else {
        return (f64::NAN, repair);
    };
    if last.count == 0.0 {
        return (f64::NAN, repair);
    }
    let rank = q * last.count;
    let finite = &buckets[..buckets.len() - 1];
    let place = finite.partition_point(|b| b.count < rank || b.count.is_nan());
    let value = if place == finite.len() {
        below.upper
    } else if place == 0 && finite[0].upper <= 0.0 {
        finite[0].upper
    } else {
        let bucket = finite[place];
        let before = match place {
            0 => Bucket {
                upper: 0.0,
                count: 0.0,
            },
            _ => finite[place - 1],
        };
        let share = (rank - before.count) / (bucket.count - before.count);
        before.upper + (bucket.upper - before.upper) * share
    };
    (value, repair)
}

/// The share of observations between two values, linear within a bucket.
pub(super) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if !ends_in_infinity(buckets) {
        return f64::NAN;
    }
    coalesce(buckets);
    let total = buckets[buckets.len() - 1].count;
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank(upper, buckets, total) - rank(lower, buckets, total)) / total
}

/// How many observations lie below `value`.
fn rank(value: f64, buckets: &[Bucket], total: f64) -> f64 {
    // Without a bucket at or below zero there is nothing below zero.
    let mut start = match buckets[0].upper <= 0.0 {
        true => f64::NEG_INFINITY,
        false => 0.0,
    };
    let mut before = 0.0;
    for bucket in buckets {
        if start >= value {
            return f64::min(before, total);
        }
        if bucket.upper > value {
            // There is no way between minus infinity and the bound.
            let rank = match start == f64::NEG_INFINITY {
                true => bucket.count,
                false => {
                    before + (bucket.count - before) * (value - start) / (bucket.upper - start)
                }
            };
            return if rank > total { total } else { rank };
        }
        before = bucket.count;
        start = bucket.upper;
    }
    total
}

fn ends_in_infinity(buckets: &[Bucket]) -> bool {
    buckets.last().is_some_and(|b| b.upper == f64::INFINITY)
}

/// Joins buckets with one bound.
fn coalesce(buckets: &mut Vec<Bucket>) {
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
}

/// Lifts each count to the one before it, if it is lower; differences by rounding go without a word.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<Repair> {
    let mut repair: Option<Repair> = None;
    let mut before = buckets[0].count;
    for bucket in &mut buckets[1..] {
        let count = bucket.count;
        if almost_equal(before, count) {
            bucket.count = before;
        } else if count < before {
            bucket.count = before;
            let fixed = repair.get_or_insert(Repair {
                buckets: (bucket.upper, bucket.upper),
                max_diff: 0.0,
            });
            fixed.buckets.1 = bucket.upper;
            fixed.max_diff = fixed.max_diff.max(before - count);
        } else {
            before = count;
        }
    }
    repair
}

/// Source: `Equal` in Prometheus, `util/almost/almost.go`.
fn almost_equal(a: f64, b: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(list: &[(f64, f64)]) -> Vec<Bucket> {
        let bucket = |&(upper, count)| Bucket { upper, count };
        list.iter().map(bucket).collect()
    }

    #[test]
    fn quantiles_are_linear_within_a_bucket() {
        let of = |q| {
            let mut buckets = buckets(&[(1.0, 10.0), (2.0, 20.0), (f64::INFINITY, 21.0)]);
            quantile(q, &mut buckets).0
        };
        assert!((of(0.5) - 1.05).abs() < 1e-12);
        assert_eq!((of(0.0), of(1.0)), (0.0, 2.0));
        assert_eq!((of(-1.0), of(2.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn counts_that_fall_are_lifted_and_told() {
        let mut list = buckets(&[(1.0, 10.0), (2.0, 8.0), (3.0, 9.0), (f64::INFINITY, 10.0)]);
        let (_, repair) = quantile(0.5, &mut list);
        let expected = Repair {
            buckets: (2.0, 3.0),
            max_diff: 2.0,
        };
        assert_eq!(repair, Some(expected));
        let mut list = buckets(&[(1.0, 10.0), (2.0, 10.0 - 1e-13), (f64::INFINITY, 10.0)]);
        assert_eq!(quantile(0.5, &mut list), (0.5, None));
    }

    #[test]
    fn fractions_count_what_lies_between() {
        let of = |lower, upper| {
            let mut buckets = buckets(&[(1.0, 10.0), (2.0, 20.0), (f64::INFINITY, 40.0)]);
            fraction(lower, upper, &mut buckets)
        };
        assert_eq!(of(0.0, 1.0), 0.25);
        assert_eq!(of(0.5, 1.5), 0.25);
        assert_eq!(of(f64::NEG_INFINITY, f64::INFINITY), 1.0);
        assert_eq!(of(2.0, 1.0), 0.0);
    }
}
