//! Counter resets.
use super::{Buckets, Histogram, ResetHint, bounds::bound};

impl Histogram {
    /// True if the counter was reset between `previous` and this histogram.
    ///
    /// The hint decides if it knows. Otherwise a reset is whatever a counter cannot do: a number got smaller, a
    /// bucket that held something went away, the schema got finer, the zero bucket got narrower or ends within a
    /// bucket of `previous` that held something. A coarser schema and a wider zero bucket alone are none.
    pub fn is_reset_after(&self, previous: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            // A gauge in place of a counter is warned of elsewhere and treated as one.
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        self.is_less_than(previous)
    }

    /// The same without regard to the hint.
    pub(super) fn is_less_than(&self, previous: &Self) -> bool {
        if self.count < previous.count {
            return true;
        }
        if self.has_custom_buckets() {
            if !previous.has_custom_buckets() {
                return true;
            }
            if self.custom_values != previous.custom_values {
                return self.shrank_under_common_bounds(previous);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold) = previous.widened_zero(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        self.shrank(&self.positive, previous, &previous.positive)
            || self.shrank(&self.negative, previous, &previous.negative)
    }

    /// True if a bucket of `before` counts more than that of `now`, in the layout of `self`.
    fn shrank(&self, now: &Buckets, previous: &Self, before: &Buckets) -> bool {
        let inside_zero = |&(index, _): &(i32, f64)| {
            !self.has_custom_buckets()
                && bound(i64::from(index), self.schema, &[]) <= self.zero_threshold
        };
        let mut now = now.iter().skip_while(inside_zero).peekable();
        let mut before = before
            .reduced(previous.schema, self.schema)
            .skip_while(inside_zero);
        before.any(|(index, n)| {
            while now.next_if(|(at, _)| *at < index).is_some() {}
            match now.peek() {
                Some((at, n_now)) if *at == index => *n_now < n,
                _ => n != 0.0,
            }
        })
    }
}
