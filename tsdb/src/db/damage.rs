//! What is broken: told once by name, served around, and never missing in silence.
//!
//! Bytes that do not hold are found where they are read, so a query that needs them meets them and says so. What is
//! moved or loaded without them is gone with the place where they stood: of that a note is kept in the store, until
//! retention has passed, and a query over it says so too.
use std::collections::BTreeSet;

use model::{GroupKey, TimeRange, Timestamp};
use parking_lot::Mutex;

use super::{Inner, Tsdb};
use crate::{
    codec::{DecodeError, Reader, open, put_bytes, put_varint, seal},
    error::{Kind, TsdbError},
    keys::META,
    store::{Batch, Entry, KeyRange, StoreError},
};

/// Before the numbers of notes in [`META`].
const LOST: &[u8] = b"lost/";
const VERSION: u8 = 1;
/// How many damaged entries are remembered by name, and how many notes are kept.
const MAX_DAMAGE: usize = 1000;

/// What is known to be broken.
#[derive(Debug, Default)]
pub(super) struct Damage(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The names of all that was found.
    names: BTreeSet<String>,
    n_found: u64,
    /// Those that nobody has taken yet.
    new: Vec<String>,
    lost: Vec<(u32, Lost)>,
    /// The days whose index is to be made anew.
    indexes: BTreeSet<i64>,
}

/// A note of what is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lost {
    /// Whose it was; none if nobody knows.
    group: Option<GroupKey>,
    range: TimeRange,
    what: String,
}

impl Tsdb {
    /// Takes the names of what was found broken since the last call; each is told once.
    pub fn take_damage(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.damage.0.lock().new)
    }
}

impl Damage {
    /// How many entries were found broken.
    pub(super) fn n_found(&self) -> u64 {
        self.0.lock().n_found
    }
}

impl Inner {
    /// Remembers that an entry is broken; everything else is served.
    pub(super) fn damage(&self, error: TsdbError) {
        self.found_damaged(&error);
    }

    /// [`Inner::damage`], for an error that is still needed.
    pub(super) fn found_damaged(&self, error: &TsdbError) {
        let name = match error {
            TsdbError::Group { source, .. } => source.chain(),
            error => error.chain(),
        };
        let mut known = self.damage.0.lock();
        if known.names.contains(&name) {
            return;
        }
        known.n_found += 1;
        if known.names.len() < MAX_DAMAGE {
            known.new.push(name.clone());
            known.names.insert(name);
        }
    }

    /// The entry of a scan, or nothing if it is broken: that is handed to `broken`.
    pub(super) fn sound(
        entry: Result<Entry, StoreError>,
        broken: &mut dyn FnMut(TsdbError),
    ) -> Result<Option<Entry>, TsdbError> {
        match entry.map_err(TsdbError::from) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if error.kind() == Kind::Corrupt => {
                broken(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps a note that something of `group` (of any, if none is given) in `range` is gone because of `error`.
    pub(super) fn lose(
        &self,
        group: Option<GroupKey>,
        range: TimeRange,
        error: TsdbError,
    ) -> Result<(), TsdbError> {
        self.found_damaged(&error);
        let what = error.chain();
        let lost = Lost { group, range, what };
        let mut known = self.damage.0.lock();
        if known.lost.len() >= MAX_DAMAGE || known.lost.iter().any(|(_, l)| *l == lost) {
            return Ok(());
        }
        let number = known.lost.iter().map(|(n, _)| n + 1).max().unwrap_or(0);
        let mut batch = Batch::new();
        batch.put(META, key(number), lost.encode());
        self.store.write(batch)?;
        known.lost.push((number, lost));
        Ok(())
    }

    /// Takes in the notes that the last run kept.
    pub(super) fn load_lost(&self) -> Result<(), TsdbError> {
        for entry in self.store.scan(META, KeyRange::prefix(LOST))? {
            let Some((key, value)) = Self::sound(entry, &mut |e| self.damage(e))? else {
                continue;
            };
            let number = key[LOST.len()..].try_into().map_or(0, u32::from_be_bytes);
            match Lost::decode(&value) {
                Ok(lost) => {
                    let mut known = self.damage.0.lock();
                    if known.names.insert(lost.what.clone()) {
                        known.n_found += 1;
                    }
                    known.lost.push((number, lost));
                }
                Err(source) => self.damage(TsdbError::corrupt(META, "a note of a loss", source)),
            }
        }
        Ok(())
    }

    /// Forgets what would be gone by now anyhow.
    pub(super) fn forget_lost(&self, oldest: Timestamp) -> Result<(), TsdbError> {
        let mut known = self.damage.0.lock();
        let mut batch = Batch::new();
        let is_old = |lost: &Lost| lost.range.end() < oldest;
        for (number, _) in known.lost.iter().filter(|(_, lost)| is_old(lost)) {
            batch.delete(META, key(*number));
        }
        if !batch.is_empty() {
            self.store.write(batch)?;
            known.lost.retain(|(_, lost)| !is_old(lost));
        }
        Ok(())
    }

    /// What a query over `range` misses of the groups that `wanted` says.
    pub(super) fn lost(
        &self,
        range: TimeRange,
        wanted: impl Fn(GroupKey) -> bool,
    ) -> Vec<TsdbError> {
        let known = self.damage.0.lock();
        let lost = known.lost.iter().map(|(_, lost)| lost);
        lost.filter(|l| l.range.overlaps(range) && l.group.is_none_or(&wanted))
            .map(|lost| {
                let error = TsdbError::Lost {
                    range: lost.range,
                    what: lost.what.clone(),
                };
                match lost.group {
                    Some(group) => error.of(group),
                    None => error,
                }
            })
            .collect()
    }

    /// Notes that the index of `day` is broken: it is not used before it is made anew.
    pub(super) fn break_index(&self, day: i64, error: &TsdbError) {
        if error.kind() == Kind::Corrupt {
            self.found_damaged(error);
            self.damage.0.lock().indexes.insert(day);
        }
    }

    /// The days whose index is broken.
    pub(super) fn broken_indexes(&self) -> BTreeSet<i64> {
        self.damage.0.lock().indexes.clone()
    }

    /// Notes that the index of `day` was made anew.
    pub(super) fn index_is_whole(&self, day: i64) {
        self.damage.0.lock().indexes.remove(&day);
    }
}

fn key(number: u32) -> Vec<u8> {
    [LOST, &number.to_be_bytes()].concat()
}

impl Lost {
    fn encode(&self) -> Vec<u8> {
        let mut body = vec![VERSION, u8::from(self.group.is_some())];
        body.extend_from_slice(&self.group.map_or(0, |group| group.0).to_le_bytes());
        put_varint(&mut body, self.range.start().as_millis());
        put_varint(&mut body, self.range.end().as_millis());
        put_bytes(&mut body, self.what.as_bytes());
        seal(body)
    }

    fn decode(sealed: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(open(sealed, VERSION)?);
        let has_group = reader.u8()? != 0;
        let group = GroupKey(reader.u64_le()?);
        let start = Timestamp::from_millis(reader.varint()?);
        let end = Timestamp::from_millis(reader.varint()?);
        let range = TimeRange::new(start, end).map_err(|_| reader.error("bounds out of order"))?;
        let what = reader.text()?.to_owned();
        reader.finish()?;
        Ok(Self {
            group: has_group.then_some(group),
            range,
            what,
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn golden_bytes() {
        let lost = Lost {
            group: Some(GroupKey(7)),
            range: TimeRange::new(Timestamp::from_millis(1), Timestamp::from_millis(300)).unwrap(),
            what: "a row".to_owned(),
        };
        let bytes = lost.encode();
        expect!["01 01 07 00 00 00 00 00 00 00 02 d8 04 05 61 20 72 6f 77 18 ad b7 e2"]
            .assert_eq(&crate::codec::hex(&bytes));
        assert_eq!(Lost::decode(&bytes), Ok(lost));
    }
}
