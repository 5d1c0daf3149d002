//! Histograms with the observations above or below a value taken out.
use super::{Bucket, Histogram};

/// Which observations stay when a histogram is trimmed at a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Those below.
    Below,
    /// Those above.
    Above,
}

/// What is known about the spread of observations within buckets.
#[derive(Clone, Copy)]
enum Spread {
    /// Even: in custom buckets.
    Linear,
    /// Even on a logarithmic scale: in exponential buckets of positive values.
    Positive,
    /// The same for negative values.
    Negative,
}

impl Histogram {
    /// The histogram of the observations on one side of `at`.
    ///
    /// A bucket that `at` lies in is split by interpolation; then the sum is estimated anew from the middles of buckets.
    #[must_use]
    pub fn trimmed(&self, at: f64, keep: Keep) -> Self {
        let mut trim = Trim {
            at,
            keep,
            count: 0.0,
            sum: 0.0,
            changed: false,
        };
        let custom = self.has_custom_buckets();
        let [above, below] = match custom {
            true => [Spread::Linear; 2],
            false => [Spread::Positive, Spread::Negative],
        };
        let mut trimmed = self.clone();
        trimmed.positive = (self.positive.iter().zip(self.positive_buckets()))
            .map(|((index, _), bucket)| (index, trim.bucket(&bucket, above)))
            .collect();
        trimmed.negative = (self.negative.iter().zip(self.negative_buckets()))
            .map(|((index, _), bucket)| (index, trim.bucket(&bucket, below)))
            .collect();
        if self.zero_count > 0.0 {
            let holds = |counts: &[f64]| counts.iter().any(|n| *n != 0.0);
            let sides = [holds(self.negative.counts()), holds(self.positive.counts())];
            trimmed.zero_count = trim.zero(&self.zero_bucket(), sides);
        }
        if trim.changed {
            (trimmed.count, trimmed.sum) = (trim.count, trim.sum);
            trimmed.compact(0);
        }
        trimmed
    }
}

/// A histogram being trimmed.
struct Trim {
    at: f64,
    keep: Keep,
    /// What is left.
    count: f64,
    /// An estimate of its sum.
    sum: f64,
    changed: bool,
}

impl Trim {
    /// What is left of `bucket`.
    fn bucket(&mut self, bucket: &Bucket, spread: Spread) -> f64 {
        if bucket.count == 0.0 {
            return bucket.count;
        }
        let (stays, is_split) = match self.keep {
            Keep::Below => (bucket.upper <= self.at, bucket.lower < self.at),
            Keep::Above => (bucket.lower >= self.at, bucket.upper > self.at),
        };
        let (left, middle) = if stays {
            (bucket.count, middle(bucket.lower, bucket.upper, spread))
        } else if is_split {
            self.split(bucket, spread)
        } else {
            (0.0, 0.0)
        };
        self.take(bucket, left, middle)
    }

    fn take(&mut self, bucket: &Bucket, left: f64, middle: f64) -> f64 {
        self.count += left;
        self.sum += middle * left;
        self.changed |= left != bucket.count;
        left
    }

    /// What is left of a bucket that the value lies in, and where its middle is.
    fn split(&self, bucket: &Bucket, spread: Spread) -> (f64, f64) {
        let at = self.at;
        if bucket.lower == f64::NEG_INFINITY {
            return self.split_lowest(bucket);
        }
        if bucket.upper == f64::INFINITY {
            // Nobody knows how far its observations reach.
            return match self.keep {
                Keep::Above if at >= bucket.lower => (bucket.count, at),
                _ => (0.0, bucket.lower),
            };
        }
        let linear = matches!(spread, Spread::Linear);
        let below = match at {
            at if at <= bucket.lower => 0.0,
            at if at >= bucket.upper => bucket.count,
            at => bucket.count * bucket.fraction_below(at, linear),
        };
        match self.keep {
            Keep::Below => (below, middle(bucket.lower, at, spread)),
            Keep::Above => (bucket.count - below, middle(at, bucket.upper, spread)),
        }
    }

    /// The same for a bucket without a lower bound: if its upper one is positive, it is taken to begin at zero.
    fn split_lowest(&self, bucket: &Bucket) -> (f64, f64) {
        let (at, upper, count) = (self.at, bucket.upper, bucket.count);
        let nothing = (0.0, if upper.is_infinite() { 0.0 } else { upper });
        match self.keep {
            Keep::Below if at >= upper => (count, 0.0),
            Keep::Below if at > 0.0 && upper > 0.0 && upper.is_finite() => {
                (count * at / upper, at / 2.0)
            }
            Keep::Below if upper <= 0.0 => (count, at),
            Keep::Above if at == f64::NEG_INFINITY => (count, 0.0),
            Keep::Above if at >= 0.0 && upper > at && upper.is_finite() => {
                (count * (1.0 - at / upper), (at + upper) / 2.0)
            }
            _ => nothing,
        }
    }

    /// What is left of the zero bucket; without negative or positive buckets it ends at zero on that side.
    fn zero(&mut self, bucket: &Bucket, [negative, positive]: [bool; 2]) -> f64 {
        let at = self.at;
        let lower = if positive && !negative {
            0.0
        } else {
            bucket.lower
        };
        let upper = if negative && !positive {
            0.0
        } else {
            bucket.upper
        };
        let whole = (bucket.count, (lower + upper) / 2.0);
        let (left, middle) = match self.keep {
            Keep::Below if at <= lower => (0.0, 0.0),
            Keep::Below if at >= upper => whole,
            Keep::Below => (
                bucket.count * ((at - lower) / (upper - lower)),
                (lower + at) / 2.0,
            ),
            Keep::Above if at <= lower => whole,
            Keep::Above if at >= upper => (0.0, 0.0),
            Keep::Above => (
                bucket.count * ((upper - at) / (upper - lower)),
                (at + upper) / 2.0,
            ),
        };
        self.take(bucket, left, middle)
    }
}

/// The middle between two bounds: arithmetic or geometric.
fn middle(lower: f64, upper: f64, spread: Spread) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => return 0.0,
        (true, false) if upper > 0.0 => return upper / 2.0,
        (true, false) => return upper,
        (false, true) => return lower,
        (false, false) => {}
    }
    let geometric = (lower * upper).abs().sqrt();
    match spread {
        Spread::Linear => (lower + upper) / 2.0,
        Spread::Positive => geometric,
        Spread::Negative => -geometric,
    }
}
