//! A scan that goes on behind what is broken on disk.
//!
//! A table is read in blocks of 16 KiB, each with its checksum. An iterator stops at a block that does not hold; this one
//! tells of it, finds the first key behind the block, and goes on from there.
use rocksdb::{DBRawIteratorWithThreadMode, Error, ErrorKind};
use tsdb::{Entry, KeyRange, StoreError};

use crate::{db::Rocks, errors::failed};

/// How many bytes of a key tell places apart; keys that begin alike so far are skipped together.
const WINDOW: usize = 16;

type RawIterator<'a> = DBRawIteratorWithThreadMode<'a, Rocks>;

/// The entries of a range, each as it stood when the scan began or, behind something broken, when that was met.
pub(crate) struct Entries<'a> {
    make: Box<dyn Fn() -> RawIterator<'a> + Send + 'a>,
    iterator: RawIterator<'a>,
    range: KeyRange,
    family: String,
    state: State,
}

/// Where the next entry comes from.
enum State {
    Begin,
    /// Behind the entry of this key, which the iterator is still on.
    Behind(Vec<u8>),
    /// The iterator stands on the next entry already.
    Here,
    End,
}

impl<'a> Entries<'a> {
    /// The entries of `range`, by an iterator of `family` that is bounded by it.
    pub(crate) fn new(
        make: impl Fn() -> RawIterator<'a> + Send + 'a,
        range: KeyRange,
        family: &str,
    ) -> Self {
        Self {
            iterator: make(),
            make: Box::new(make),
            range,
            family: family.to_owned(),
            state: State::Begin,
        }
    }

    /// Goes behind the broken block in which the key after `from` would stand.
    fn skip(&mut self, from: &[u8]) -> State {
        let begin = window(from);
        let end = self.range.to.as_deref().map_or(u128::MAX, window);
        // Steps grow from the broken key on, so that what is whole behind it is not jumped over.
        let (mut broken, mut step) = (begin, 1u128);
        let mut whole = loop {
            let next = begin.saturating_add(step).min(end);
            if self.is_readable(next) {
                break next;
            }
            if next == end {
                return State::End;
            }
            broken = next;
            step = step.saturating_mul(2);
        };
        while whole - broken > 1 {
            let middle = broken + (whole - broken) / 2;
            match self.is_readable(middle) {
                true => whole = middle,
                false => broken = middle,
            }
        }
        match self.is_readable(whole) && self.iterator.valid() {
            true => State::Here,
            false => State::End,
        }
    }

    /// True if what stands at or behind `place` can be read; the iterator is on it then.
    fn is_readable(&mut self, place: u128) -> bool {
        // One that has met the broken block would go on to fail nearby.
        self.iterator = (self.make)();
        self.iterator.seek(place.to_be_bytes());
        self.iterator.status().is_ok()
    }

    fn error(&self, error: Error) -> StoreError {
        failed(format!("read from the family {}", self.family), error)
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let state = std::mem::replace(&mut self.state, State::End);
        let from = match state {
            State::Begin => {
                self.iterator.seek(&self.range.from);
                self.range.from.clone()
            }
            State::Behind(key) => {
                self.iterator.next();
                key
            }
            State::Here => Vec::new(),
            State::End => return None,
        };
        if let Some((key, value)) = self.iterator.item() {
            let entry = (key.to_vec(), value.to_vec());
            self.state = State::Behind(entry.0.clone());
            return Some(Ok(entry));
        }
        let Err(error) = self.iterator.status() else {
            return None;
        };
        if error.kind() == ErrorKind::Corruption {
            self.state = self.skip(&from);
        }
        Some(Err(self.error(error)))
    }
}

/// The first bytes of a key as a number that sorts as keys do.
fn window(key: &[u8]) -> u128 {
    let mut bytes = [0; WINDOW];
    let n = key.len().min(WINDOW);
    bytes[..n].copy_from_slice(&key[..n]);
    u128::from_be_bytes(bytes)
}
