//! Quantiles of values.
use std::cmp::Ordering;

/// Orders values with NaN before all others.
pub(crate) fn nan_first(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(&b).expect("numbers that are not NaN compare"),
        (a, b) => b.cmp(&a),
    }
}

/// The `q`-quantile of `values`, which it sorts; between two values their weighted mean.
///
/// NaN of none; below 0 and above 1 minus and plus infinity.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_unstable_by(|a, b| nan_first(*a, *b));
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_values() {
        let of = |q| quantile(q, &mut [3.0, 1.0, 2.0, 4.0]);
        assert_eq!((of(0.0), of(0.5), of(1.0)), (1.0, 2.5, 4.0));
        assert_eq!((of(-0.1), of(1.1)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(of(f64::NAN).is_nan() && quantile(0.5, &mut []).is_nan());
        assert!(quantile(0.0, &mut [1.0, f64::NAN]).is_nan());
    }
}
