//! Which questions are so small that they may be answered where they arrive: tens of microseconds over what is mostly in
//! memory, less than it takes to wake another thread.
use model::{MatchOp, Matcher, Millis, TimeRange};
use roaring::RoaringBitmap;

use super::{Tsdb, labels::SeriesOf};
use crate::{
    index::{ActiveIndex, DayIndex, matching},
    keys::Era,
};

/// So few series are read at once.
const SERIES: u64 = 32;
/// So few values of a label are told at once.
const VALUES: usize = 256;
/// What is further apart lies in many segments.
const LENGTH: Millis = Millis::from_seconds(3600);

impl Tsdb {
    /// True if [`Tsdb::select`] of these is small: matchers that look up rather than scan, few series (those that vanished
    /// on the day among them), and a short time.
    pub fn selects_little(&self, matchers: &[Matcher], range: TimeRange) -> bool {
        let looks_up = |m: &Matcher| m.op() == MatchOp::Equal && !m.value().is_empty();
        !matchers.is_empty()
            && matchers.iter().all(looks_up)
            && range.end() - range.start() <= LENGTH
            && self.finds_few(matchers, range)
    }

    fn finds_few(&self, matchers: &[Matcher], range: TimeRange) -> bool {
        let inner = &self.inner;
        let few = |found: Result<RoaringBitmap, _>| found.is_ok_and(|found| found.len() <= SERIES);
        few(matching(&*inner.index.read(), matchers))
            && inner.spans_in(Era::Index, range).into_iter().all(|day| {
                let index = DayIndex::new(&*inner.store, Era::Index.family(day));
                few(matching(&index, matchers))
            })
    }

    /// True if [`Tsdb::label_values`] of these is small: few values, and none from the index of a day.
    pub fn has_few_values(&self, name: &str, of: SeriesOf<'_>) -> bool {
        let inner = &self.inner;
        let few = |index: &ActiveIndex| index.values(name, None).nth(VALUES).is_none();
        of.matchers.is_empty()
            && inner.spans_in(Era::Index, of.range).is_empty()
            && few(&inner.index.read())
    }
}

#[cfg(test)]
mod tests {
    use model::{Labels, Timestamp};

    use super::*;
    use crate::{
        MemoryStore,
        db::tests::{append, head, open, series},
    };

    #[test]
    fn a_few_series_that_are_looked_up_are_little() {
        let db = open(&MemoryStore::default(), 0);
        let pods = (0..=SERIES).map(|i| (series("m", &format!("p{i}")), 0.0));
        let one = (series("one", "p0"), 1.0);
        let samples: Vec<(Labels, f64)> = pods.chain([one]).collect();
        append(&db, head(0), &samples).unwrap();
        let hours = |n: i64| {
            TimeRange::new(
                Timestamp::from_millis(0),
                Timestamp::from_millis(n * 3_600_000),
            )
        };
        let hour = hours(1).unwrap();
        let little = |matchers: &[Matcher], range| db.selects_little(matchers, range);
        let (one, many) = (
            Matcher::equal("__name__", "one"),
            Matcher::equal("__name__", "m"),
        );
        assert!(little(std::slice::from_ref(&one), hour));
        assert!(!little(std::slice::from_ref(&many), hour));
        assert!(little(&[many.clone(), Matcher::equal("pod", "p3")], hour));
        assert!(!little(&[many, Matcher::equal("none", "")], hour));
        let pattern = Matcher::new(MatchOp::Regex, "__name__", "one").unwrap();
        assert!(!little(&[pattern], hour));
        assert!(!little(&[], hour));
        assert!(!little(&[one], hours(2).unwrap()));
    }

    #[test]
    fn a_few_values_of_all_series_are_little() {
        let db = open(&MemoryStore::default(), 0);
        let pods = (0..=VALUES).map(|i| (series("m", &format!("p{i}")), 0.0));
        append(&db, head(0), &pods.collect::<Vec<_>>()).unwrap();
        let some = [vec![Matcher::equal("pod", "p1")]];
        let few = |name: &str, matchers| {
            let (range, limit) = (TimeRange::ALL, None);
            db.has_few_values(
                name,
                SeriesOf {
                    matchers,
                    range,
                    limit,
                },
            )
        };
        assert!(few("__name__", &[]));
        assert!(few("absent", &[]));
        assert!(!few("pod", &[]));
        assert!(!few("__name__", &some));
    }
}
