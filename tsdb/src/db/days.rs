//! What is stored, by UTC day: for people who look at a data directory.
use std::collections::BTreeSet;

use model::{TimeRange, Timestamp};

use super::Tsdb;
use crate::{
    error::TsdbError,
    keys::{DATA, Era},
    store::KeyRange,
};

/// One UTC day of stored data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The day.
    pub range: TimeRange,
    /// Entries of segments and blocks, which is what is not only in the log.
    pub n_blocks: u64,
    /// About how many bytes its segments, blocks, names and postings take.
    pub n_bytes: u64,
}

impl Tsdb {
    /// The days that may have data, oldest first. Reads every block, decodes none.
    ///
    /// # Errors
    /// What the store says.
    pub fn days(&self) -> Result<Vec<Day>, TsdbError> {
        let inner = &self.inner;
        let day_of = |era: Era, span: i64| Era::Blocks.of(era.start(span));
        let eras = [Era::Segments, Era::Blocks, Era::Series, Era::Index];
        let mut numbers: BTreeSet<i64> = BTreeSet::new();
        for era in eras {
            numbers.extend(inner.spans(era).into_iter().map(|span| day_of(era, span)));
        }
        let mut days = Vec::new();
        for number in numbers {
            let start = Era::Blocks.start(number);
            let end = Timestamp::from_millis(Era::Blocks.start(number + 1).as_millis() - 1);
            let mut day = Day {
                range: TimeRange::new(start, end).expect("a day does not end before it starts"),
                n_blocks: 0,
                n_bytes: 0,
            };
            for era in eras {
                for span in inner.spans(era) {
                    if day_of(era, span) != number {
                        continue;
                    }
                    let family = era.family(span);
                    day.n_bytes += inner.store.size_bytes(&family)?;
                    if matches!(era, Era::Segments | Era::Blocks) {
                        for entry in inner.store.scan_once(&family, KeyRange::prefix(&[DATA]))? {
                            entry?;
                            day.n_blocks += 1;
                        }
                    }
                }
            }
            days.push(day);
        }
        Ok(days)
    }
}
