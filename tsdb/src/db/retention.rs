//! Retention: days are dropped whole, by age and by size.
use std::{collections::BTreeMap, sync::atomic::Ordering::Relaxed};

use model::Timestamp;

use super::Inner;
use crate::{
    codec::{DecodeError, Reader, open, put_varint, seal},
    error::TsdbError,
    keys::{Era, META},
    store::Batch,
};

/// The key of the span of stored time, as of the last merge.
const TIME_RANGE_KEY: &[u8] = b"time range";
const VERSION: u8 = 1;

/// What is dropped with its day.
const ERAS: [Era; 4] = [Era::Segments, Era::Series, Era::Blocks, Era::Index];

impl Inner {
    /// Drops what is older than retention keeps, and then the oldest days until the rest is small enough.
    /// Returns how many families were dropped.
    pub(super) fn retain(&self) -> Result<usize, TsdbError> {
        let oldest = self.oldest_kept();
        self.forget_lost(oldest)?;
        let mut n_dropped = 0;
        for era in ERAS {
            for span in self.spans(era) {
                if era.start(span + 1) <= oldest {
                    self.drop_family(&era.family(span))?;
                    n_dropped += 1;
                }
            }
        }
        let limit = self.retention.read().bytes;
        if let Some(limit) = limit {
            n_dropped += self.retain_bytes(limit)?;
        }
        self.forget_tombstones(|_, tombstone| tombstone.range.end() < oldest)?;
        let first = [Era::Segments, Era::Blocks]
            .into_iter()
            .filter_map(|era| Some(era.start(*self.spans(era).first()?)))
            .min();
        if let Some(first) = first.filter(|_| n_dropped > 0) {
            self.min_time.fetch_max(first.as_millis(), Relaxed);
        }
        Ok(n_dropped)
    }

    fn retain_bytes(&self, limit: u64) -> Result<usize, TsdbError> {
        let mut days: BTreeMap<i64, (Vec<String>, u64)> = BTreeMap::new();
        for era in ERAS {
            for span in self.spans(era) {
                let family = era.family(span);
                let (families, size) = days.entry(Era::Blocks.of(era.start(span))).or_default();
                *size += self.store.size_bytes(&family)?;
                families.push(family);
            }
        }
        let mut total: u64 = days.values().map(|(_, size)| size).sum();
        let mut n_dropped = 0;
        // The newest day stays: it is being written.
        while total > limit && days.len() > 1 {
            let Some((_, (families, size))) = days.pop_first() else {
                break;
            };
            for family in families {
                self.drop_family(&family)?;
                n_dropped += 1;
            }
            total -= size;
        }
        Ok(n_dropped)
    }

    /// Keeps the span of stored time for the next start.
    pub(super) fn store_time_range(&self) -> Result<(), TsdbError> {
        let Some(range) = self.time_range() else {
            return Ok(());
        };
        let mut body = vec![VERSION];
        put_varint(&mut body, range.start().as_millis());
        put_varint(&mut body, range.end().as_millis());
        let mut batch = Batch::new();
        batch.put(META, TIME_RANGE_KEY, seal(body));
        Ok(self.store.write(batch)?)
    }

    /// Takes in the span of stored time that the last run kept.
    pub(super) fn load_time_range(&self) -> Result<(), TsdbError> {
        let Some(stored) = self.store.get(META, TIME_RANGE_KEY)? else {
            return Ok(());
        };
        let times = |stored: &[u8]| -> Result<[i64; 2], DecodeError> {
            let mut reader = Reader::new(open(stored, VERSION)?);
            Ok([reader.varint()?, reader.varint()?])
        };
        match times(&stored) {
            Ok(times) => times.map(Timestamp::from_millis).map(|at| self.saw(at)),
            Err(source) => {
                self.damage(TsdbError::corrupt(META, "the time range", source));
                return Ok(());
            }
        };
        Ok(())
    }
}
