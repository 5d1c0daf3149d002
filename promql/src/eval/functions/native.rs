//! Functions of one native histogram.
//!
//! Source: Prometheus, `promql/functions.go` and `promql/quantile.go`.
use model::{Histogram, Kahan, histogram::Bucket};

use crate::annotations::Note;

/// The function called `name`, from a histogram to a number.
pub(crate) fn named(name: &str) -> Option<fn(&Histogram) -> f64> {
    Some(match name {
        "histogram_count" => |h| h.count,
        "histogram_sum" => |h| h.sum,
        "histogram_avg" => |h| h.sum / h.count,
        "histogram_stddev" => |h| variance(h).sqrt(),
        "histogram_stdvar" => variance,
        _ => return None,
    })
}

/// The variance, as if all observations of a bucket lay in its middle.
fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let mut sum = Kahan::default();
    for bucket in histogram.buckets().filter(|b| b.count != 0.0) {
        let middle = if histogram.has_custom_buckets() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let geometric = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 {
                -geometric
            } else {
                geometric
            }
        };
        let delta = middle - mean;
        sum = sum.plus(bucket.count * delta * delta);
    }
    sum.total() / histogram.count
}

/// Ends the zero bucket at zero on the side where there are no buckets at all.
fn narrowed(histogram: &Histogram, mut bucket: Bucket) -> Bucket {
    match (histogram.negative.is_empty(), histogram.positive.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
    bucket
}

/// The `q`-quantile, and what there is to say about it; `metric` is told in that.
///
/// Interpolates on a logarithmic scale, but linearly in custom buckets and around zero.
pub(super) fn quantile(q: f64, histogram: &Histogram, metric: &str) -> (f64, Option<Note>) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if histogram.count == 0.0 || q.is_nan() {
        return (f64::NAN, None);
    }
    let custom = histogram.has_custom_buckets();
    // Observations of NaN are in no bucket, so that ranks count from below alone.
    let nan_sum = histogram.sum.is_nan();
    let upwards = nan_sum || q < 0.5;
    let (mut buckets, mut rank): (Box<dyn Iterator<Item = Bucket>>, f64) = match upwards {
        true => (Box::new(histogram.buckets()), q * histogram.count),
        false => (
            Box::new(histogram.buckets_back()),
            (1.0 - q) * histogram.count,
        ),
    };
    let mut bucket = Bucket {
        lower: 0.0,
        upper: 0.0,
        lower_inclusive: false,
        upper_inclusive: false,
        count: 0.0,
    };
    let mut count = 0.0;
    for next in buckets.by_ref().filter(|b| b.count != 0.0) {
        bucket = next;
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    if custom && bucket.lower == f64::NEG_INFINITY {
        if bucket.upper <= 0.0 {
            return (bucket.upper, None);
        }
        bucket.lower = 0.0;
    } else if custom && bucket.upper == f64::INFINITY {
        return (bucket.lower, None);
    } else if !custom && bucket.lower < 0.0 && bucket.upper > 0.0 {
        bucket = narrowed(histogram, bucket);
    }
    count = count.min(histogram.count);
    if count < rank {
        return match nan_sum {
            true => (f64::NAN, Some(Note::QuantileNan(metric.to_owned()))),
            false => (bucket.upper, None),
        };
    }
    match upwards {
        true => rank -= count - bucket.count,
        false => rank = count - rank,
    }
    let mut note = None;
    if nan_sum {
        let all = buckets.fold(count, |count, bucket| count + bucket.count);
        if all < histogram.count {
            note = Some(Note::QuantileSkewed(metric.to_owned()));
        }
    }
    let share = rank / bucket.count;
    let value = if custom || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        bucket.lower + (bucket.upper - bucket.lower) * share
    } else {
        let [lower, upper] = [bucket.lower, bucket.upper].map(|v| v.abs().log2());
        match bucket.lower > 0.0 {
            true => (lower + (upper - lower) * share).exp2(),
            false => -(upper + (lower - upper) * (1.0 - share)).exp2(),
        }
    };
    (value, note)
}

/// The share of observations between two values, and what there is to say about it.
pub(super) fn fraction(
    lower: f64,
    upper: f64,
    histogram: &Histogram,
    metric: &str,
) -> (f64, Option<Note>) {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, None);
    }
    if lower >= upper {
        return (0.0, None);
    }
    let (mut note, mut all) = (None, histogram.count);
    if histogram.sum.is_nan() {
        all = histogram.buckets().map(|bucket| bucket.count).sum();
        if all < histogram.count {
            note = Some(Note::FractionNan(metric.to_owned()));
        }
    }
    let below = |value: f64| {
        let below = observations_below(value, histogram).unwrap_or(all);
        if below > all { all } else { below }
    };
    ((below(upper) - below(lower)) / histogram.count, note)
}

/// How many observations lie below `value`; `None` if it lies above all buckets.
fn observations_below(value: f64, histogram: &Histogram) -> Option<f64> {
    let custom = histogram.has_custom_buckets();
    let mut before = 0.0;
    for mut bucket in histogram.buckets() {
        let around_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if around_zero {
            bucket = narrowed(histogram, bucket);
        }
        if bucket.lower >= value {
            return Some(before);
        }
        if bucket.upper > value {
            // There is no way between minus infinity and the bound.
            return Some(
                match bucket.lower == f64::NEG_INFINITY && (custom || around_zero) {
                    true => bucket.count,
                    false => {
                        let linear = custom || around_zero;
                        before + bucket.count * bucket.fraction_below(value, linear)
                    }
                },
            );
        }
        before += bucket.count;
    }
    None
}

#[cfg(test)]
mod tests {
    use model::histogram::Buckets;

    use super::*;

    fn histogram(counts: &[f64]) -> Histogram {
        Histogram {
            count: counts.iter().sum(),
            sum: 10.0,
            positive: Buckets::from_first(1, counts.to_vec()),
            ..Histogram::default()
        }
    }

    #[test]
    fn quantiles_lie_on_a_logarithmic_scale() {
        let h = histogram(&[2.0, 2.0]);
        assert!((quantile(0.25, &h, "").0 - 2f64.sqrt()).abs() < 1e-12);
        assert!((quantile(0.75, &h, "").0 - 8f64.sqrt()).abs() < 1e-12);
        assert_eq!(quantile(1.0, &h, "").0, 4.0);
        assert_eq!(quantile(2.0, &h, "").0, f64::INFINITY);
        assert!((fraction(1.0, 2f64.sqrt(), &h, "").0 - 0.25).abs() < 1e-12);
        assert_eq!(fraction(0.0, f64::INFINITY, &h, "").0, 1.0);
    }

    #[test]
    fn observations_of_nan_are_told() {
        let mut h = histogram(&[2.0, 2.0]);
        (h.count, h.sum) = (8.0, f64::NAN);
        assert_eq!(
            quantile(0.25, &h, "x"),
            (2.0, Some(Note::QuantileSkewed("x".into())))
        );
        let (value, note) = quantile(0.9, &h, "x");
        assert!(value.is_nan() && note == Some(Note::QuantileNan("x".into())));
        assert_eq!(
            fraction(0.0, 8.0, &h, "x"),
            (0.5, Some(Note::FractionNan("x".into())))
        );
    }
}
