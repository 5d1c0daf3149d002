//! The bounds that follow from a schema and a bucket's index.
use std::sync::LazyLock;

use super::{CUSTOM_BUCKETS, EXPONENTIAL};

/// For each schema from 0 to 8 the bounds between 0.5 (included) and 1, ascending.
///
/// Prometheus and its clients agree on these numbers to the last bit. Each schema inserts one bound between any two
/// of the schema before it: the lower one times [`FACTORS`].
static FRACTIONS: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let mut all = vec![vec![0.5]];
    for (coarser, factor) in FACTORS.into_iter().enumerate() {
        let fractions = all[coarser].iter().flat_map(|low| [*low, low * factor]);
        let fractions = fractions.collect();
        all.push(fractions);
    }
    all
});

/// `2^(2^-schema)` for the schemas from 1 to 8; the first is one bit short of what is nearest.
#[expect(
    clippy::approx_constant,
    reason = "the published bounds are not those of the nearest constant"
)]
const FACTORS: [f64; 8] = [
    1.414_213_562_373_095,
    1.189_207_115_002_721,
    1.090_507_732_665_257_7,
    1.044_273_782_427_413_8,
    1.021_897_148_654_116_6,
    1.010_889_286_051_700_5,
    1.005_429_901_112_802_7,
    1.002_711_275_050_202_5,
];

/// The upper bound of the bucket `index` on the positive side; the one before is its lower bound.
pub(super) fn bound(index: i64, schema: i32, custom_values: &[f64]) -> f64 {
    if schema == CUSTOM_BUCKETS {
        return match usize::try_from(index) {
            Ok(index) => custom_values.get(index).copied().unwrap_or(f64::INFINITY),
            Err(_) => f64::NEG_INFINITY,
        };
    }
    let schema = schema.clamp(*EXPONENTIAL.start(), *EXPONENTIAL.end());
    if schema < 0 {
        let exponent = index << -schema;
        return power_of_two(1.0, exponent);
    }
    let fractions = &FRACTIONS[schema as usize];
    let fraction = fractions[(index & ((1 << schema) - 1)) as usize];
    power_of_two(fraction * 2.0, index >> schema)
}

/// `fraction` in [1, 2) times `2^exponent`.
///
/// The bound just above the largest float is the largest float instead: infinite observations have a bucket of their own.
fn power_of_two(fraction: f64, exponent: i64) -> f64 {
    match exponent {
        1024 if fraction == 1.0 => f64::MAX,
        1024.. => f64::INFINITY,
        -1022..=1023 => fraction * f64::from_bits(((exponent + 1023) as u64) << 52),
        // Two steps, so that the one rounding happens where the result is subnormal.
        -1080..-1022 => {
            fraction
                * f64::from_bits(1 << 52)
                * f64::from_bits(((exponent + 1022 + 1023) as u64) << 52)
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_prometheus_to_the_last_bit() {
        let exponential = |index, schema| bound(index, schema, &[]);
        assert_eq!(exponential(0, 0), 1.0);
        assert_eq!(exponential(-1, 0), 0.5);
        assert_eq!(exponential(3, 0), 8.0);
        assert_eq!(exponential(1, 1), 2.0 * 0.707_106_781_186_547_5);
        assert_eq!(exponential(255, 8), 2.0 * 0.997_296_056_085_469_8);
        assert_eq!(exponential(-1, 3), 0.917_004_043_204_671_1);
        assert_eq!(exponential(2, -1), 16.0);
        assert_eq!(exponential(-1, -4), 2f64.powi(-16));
    }

    #[test]
    fn the_last_bucket_before_the_infinite_one_ends_at_the_largest_float() {
        for schema in EXPONENTIAL {
            let last = match schema {
                ..0 => 1024 >> -schema,
                _ => 1024 << schema,
            };
            assert_eq!(bound(last, schema, &[]), f64::MAX, "{schema}");
            assert_eq!(bound(last + 1, schema, &[]), f64::INFINITY, "{schema}");
        }
        assert_eq!(bound(-1074, 0, &[]), 5e-324);
        assert_eq!(bound(-2000, 0, &[]), 0.0);
    }

    #[test]
    fn custom_bounds_are_as_listed() {
        let custom = |index| bound(index, CUSTOM_BUCKETS, &[1.0, 2.5]);
        assert_eq!(custom(-1), f64::NEG_INFINITY);
        assert_eq!([custom(0), custom(1)], [1.0, 2.5]);
        assert_eq!([custom(2), custom(9)], [f64::INFINITY; 2]);
    }
}
