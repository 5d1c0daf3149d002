//! How fine the native histograms of a page may be.
use std::sync::Arc;

use model::{Histogram, histogram::EXPONENTIAL};

use super::PageError;

/// A factor that is finer than any schema: nothing is made coarser.
const FINEST: f64 = 1.00271;

/// Bounds of a native histogram's buckets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BucketRules {
    /// At most so many buckets; 0 sets no limit.
    limit: u64,
    /// Finer exponential schemas are reduced to this one.
    max_schema: i32,
}

impl BucketRules {
    /// By `native_histogram_bucket_limit` and `native_histogram_min_bucket_factor`.
    ///
    /// Source: `pickSchema` in Prometheus, `scrape/scrape.go`.
    pub(crate) fn new(limit: u64, min_factor: f64) -> Self {
        let factor = if min_factor <= 1.0 {
            FINEST
        } else {
            min_factor
        };
        let schema = (-factor.log2().log2()).floor();
        let (coarsest, finest) = (*EXPONENTIAL.start(), *EXPONENTIAL.end());
        Self {
            limit,
            max_schema: schema.clamp(f64::from(coarsest), f64::from(finest)) as i32,
        }
    }

    /// `histogram` as it is stored.
    ///
    /// # Errors
    /// [`PageError::BucketLimit`] if it has too many buckets also in the coarsest form that it can take.
    pub(crate) fn apply(self, mut histogram: Arc<Histogram>) -> Result<Arc<Histogram>, PageError> {
        if !histogram.has_custom_buckets() && histogram.schema > self.max_schema {
            Arc::make_mut(&mut histogram).reduce(self.max_schema);
        }
        let n_buckets = |h: &Histogram| h.positive.counts().len() + h.negative.counts().len();
        while self.limit > 0 && n_buckets(&histogram) as u64 > self.limit {
            if histogram.has_custom_buckets() || histogram.schema <= *EXPONENTIAL.start() {
                return Err(PageError::BucketLimit);
            }
            let coarser = histogram.schema - 1;
            Arc::make_mut(&mut histogram).reduce(coarser);
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use model::histogram::{Buckets, CUSTOM_BUCKETS};

    use super::*;

    fn histogram(schema: i32) -> Arc<Histogram> {
        Arc::new(Histogram {
            schema,
            positive: Buckets::from_first(1, vec![1.0; 8]),
            ..Histogram::default()
        })
    }

    /// Schema and counts of what `histogram` is made.
    fn made(rules: BucketRules, of: Histogram) -> Option<(i32, Vec<f64>)> {
        let made = rules.apply(Arc::new(of)).ok()?;
        Some((made.schema, made.positive.counts().to_vec()))
    }

    #[test]
    fn histograms_are_made_coarser_until_they_fit() {
        let of = |schema| Arc::unwrap_or_clone(histogram(schema));
        let free = BucketRules::new(0, 0.0);
        assert_eq!(made(free, of(8)), Some((8, vec![1.0; 8])));
        let few = BucketRules::new(4, 0.0);
        assert_eq!(made(few, of(2)), Some((1, vec![2.0; 4])));
        let fewer = BucketRules::new(3, 0.0);
        assert_eq!(made(fewer, of(2)), Some((0, vec![4.0; 2])));
        assert_eq!(made(BucketRules::new(1, 0.0), of(-4)), None);
        let custom = Histogram {
            custom_values: (0..7).map(f64::from).collect(),
            ..of(CUSTOM_BUCKETS)
        };
        assert_eq!(made(few, custom.clone()), None);
        assert_eq!(
            made(BucketRules::new(8, 4.0), custom),
            Some((CUSTOM_BUCKETS, vec![1.0; 8]))
        );
        assert_eq!(
            made(BucketRules::new(0, 2.0), of(2)),
            Some((0, vec![4.0; 2]))
        );
    }

    #[test]
    fn factors_pick_schemas_as_in_prometheus() {
        let schema = |factor| BucketRules::new(0, factor).max_schema;
        for (factor, expected) in [
            (65536.0, -4),
            (256.0, -3),
            (16.0, -2),
            (4.0, -1),
            (2.0, 0),
            (1.4, 1),
            (1.1, 2),
            (1.09, 3),
            (1.04, 4),
            (1.02, 5),
            (1.01, 6),
            (1.005, 7),
            (1.002, 8),
            (0.0, 8),
        ] {
            assert_eq!(schema(factor), expected, "{factor}");
        }
    }
}
