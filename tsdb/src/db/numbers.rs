//! The numbers of dictionaries: never given twice, whatever is forgotten in between.
//!
//! A group that comes back after its memory was let go gets a dictionary with a new number, since the days' families
//! still hold what the old number stands for. Numbers are reserved in the store ahead of their use.
use crate::{
    error::TsdbError,
    keys::META,
    row::DictionaryNo,
    store::{Batch, Store},
};

const KEY: &[u8] = b"next dictionary";
/// How many numbers are reserved at a time: more groups than come between two calls of maintenance.
const RESERVE: u32 = 1 << 16;

/// Hands out numbers in order.
#[derive(Debug)]
pub(super) struct Numbers {
    next: u32,
    reserved: u32,
}

impl Numbers {
    /// Begins behind all that was reserved before.
    pub(super) fn load(store: &dyn Store) -> Result<Self, TsdbError> {
        let stored = store.get(META, KEY)?;
        let stored = stored.and_then(|value| Some(u32::from_be_bytes(value.try_into().ok()?)));
        let next = stored.unwrap_or(0);
        let mut numbers = Self {
            next,
            reserved: next,
        };
        numbers.reserve(store)?;
        Ok(numbers)
    }

    /// Reserves more numbers if half are used up.
    pub(super) fn reserve(&mut self, store: &dyn Store) -> Result<(), TsdbError> {
        if self.reserved.saturating_sub(self.next) > RESERVE / 2 {
            return Ok(());
        }
        let reserved = self.next.saturating_add(RESERVE);
        let mut batch = Batch::new();
        batch.put(META, KEY, reserved.to_be_bytes());
        store.write(batch)?;
        self.reserved = reserved;
        Ok(())
    }

    /// The number that is given next.
    pub(super) fn next(&self) -> DictionaryNo {
        DictionaryNo(self.next)
    }

    /// A number that was never given before.
    pub(super) fn take(&mut self) -> DictionaryNo {
        let number = DictionaryNo(self.next);
        self.next = self.next.saturating_add(1);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    #[test]
    fn no_number_is_given_twice() {
        let store = MemoryStore::new();
        store.create_family(META).unwrap();
        let mut numbers = Numbers::load(&store).unwrap();
        let mut last = numbers.take();
        for _ in 0..3 {
            for _ in 0..RESERVE {
                numbers.reserve(&store).unwrap();
                assert!(numbers.take() > last);
                last.0 += 1;
            }
            numbers = Numbers::load(&store).unwrap();
            let next = numbers.take();
            assert!(next > last);
            last = next;
        }
    }
}
