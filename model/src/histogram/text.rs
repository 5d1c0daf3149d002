//! Histograms as texts: as PromQL prints them, and as its test scripts write them.
use std::fmt;

use super::{Buckets, Histogram, ResetHint};
use crate::number::general;

/// More empty buckets than this between two others are not written out.
const MAX_EMPTY: u32 = 1000;

fn short(value: f64) -> String {
    general(value, None)
}

impl fmt::Display for Histogram {
    /// `{count:12, sum:18.4, [-0.001,0.001]:2, (0.5,1]:10}`; empty buckets are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", short(self.count), short(self.sum))?;
        let mut negative: Vec<_> = self.negative_buckets().collect();
        negative.reverse();
        let zero = std::iter::once(self.zero_bucket());
        let all = negative
            .into_iter()
            .chain(zero)
            .chain(self.positive_buckets());
        for bucket in all.filter(|bucket| bucket.count != 0.0) {
            write!(f, ", {bucket}")?;
        }
        f.write_str("}")
    }
}

impl Histogram {
    /// The histogram as a test script has it: `{{schema:1 count:3 sum:4.5 buckets:[1 2]}}`.
    ///
    /// `None` if its buckets lie so far apart that a script cannot list them.
    pub fn literal(&self) -> Option<String> {
        let mut compact = self.clone();
        compact.compact(MAX_EMPTY);
        let mut words = Vec::new();
        if self.schema != 0 {
            words.push(format!("schema:{}", self.schema));
        }
        let numbers = [
            ("count", self.count),
            ("sum", self.sum),
            ("z_bucket", self.zero_count),
            ("z_bucket_w", self.zero_threshold),
        ];
        for (key, value) in numbers {
            if value != 0.0 {
                words.push(format!("{key}:{}", short(value)));
            }
        }
        if self.has_custom_buckets() {
            words.push(format!("custom_values:[{}]", list(&self.custom_values)));
        }
        match self.reset_hint {
            ResetHint::Unknown => {}
            ResetHint::Reset => words.push("counter_reset_hint:reset".to_owned()),
            ResetHint::NotReset => words.push("counter_reset_hint:not_reset".to_owned()),
            ResetHint::Gauge => words.push("counter_reset_hint:gauge".to_owned()),
        }
        push_side(&mut words, "", &compact.positive)?;
        push_side(&mut words, "n_", &compact.negative)?;
        Some(format!("{{{{{}}}}}", words.join(" ")))
    }
}

fn push_side(words: &mut Vec<String>, prefix: &str, buckets: &Buckets) -> Option<()> {
    let mut spans = buckets.spans();
    let Some(first) = spans.next() else {
        return Some(());
    };
    if first.offset != 0 {
        words.push(format!("{prefix}offset:{}", first.offset));
    }
    words.push(format!("{prefix}buckets:[{}]", list(buckets.counts())));
    spans.next().is_none().then_some(())
}

fn list(values: &[f64]) -> String {
    let values: Vec<_> = values.iter().copied().map(short).collect();
    values.join(" ")
}
