//! The union of what ingesters send in sorted batches, cut at a limit as early as that is certain.
use std::collections::BTreeSet;

use parking_lot::Mutex;

/// The first items of several sorted streams, each once.
///
/// However many there are, only so many as may be told are held, and a stream need not be read on once all that it
/// has yet to send comes after them.
#[derive(Debug)]
pub(crate) struct Union<T> {
    held: Mutex<BTreeSet<T>>,
    limit: usize,
}

impl<T: Ord> Union<T> {
    /// A union of which the first `limit` items are wanted, or all.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self {
            held: Mutex::default(),
            limit: limit.unwrap_or(usize::MAX),
        }
    }

    /// Takes in the next batch of a sorted stream; false if nothing that comes after it is wanted.
    pub(crate) fn add(&self, batch: Vec<T>) -> bool {
        let mut held = self.held.lock();
        for item in batch {
            // One more than is wanted is held, so that a cut shows.
            if held.len() <= self.limit {
                held.insert(item);
            } else if held.last().is_some_and(|last| item < *last) {
                if held.insert(item) {
                    held.pop_last();
                }
            } else {
                return false;
            }
        }
        true
    }

    /// The first items, and whether there are more than were wanted.
    pub(crate) fn take(&self) -> (BTreeSet<T>, bool) {
        let mut items = std::mem::take(&mut *self.held.lock());
        let is_cut = items.len() > self.limit;
        if is_cut {
            items.pop_last();
        }
        (items, is_cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_until_it_has_nothing_more_to_give() {
        let union = Union::new(Some(3));
        assert!(union.add(vec![1, 3, 5]));
        assert!(union.add(vec![2, 3, 4]));
        // Held are now 1 to 4, one more than wanted.
        assert!(!union.add(vec![7, 9]));
        assert!(!union.add(vec![4]));
        assert!(union.add(vec![0, 1]));
        assert_eq!(union.take(), (BTreeSet::from([0, 1, 2]), true));
    }

    #[test]
    fn without_a_limit_all_are_told_and_at_the_limit_nothing_is_cut() {
        let union = Union::new(None);
        assert!(union.add((0..1000).collect()));
        assert!(union.add((500..1500).collect()));
        assert_eq!(union.take(), ((0..1500).collect(), false));
        let exact = Union::new(Some(2));
        assert!(exact.add(vec!["a", "b"]) && exact.add(vec!["a", "b"]));
        assert_eq!(exact.take(), (BTreeSet::from(["a", "b"]), false));
    }

    #[test]
    fn of_nothing_wanted_a_cut_is_told() {
        let union = Union::new(Some(0));
        assert!(union.add(vec![1]) && !union.add(vec![2]));
        assert_eq!(union.take(), (BTreeSet::new(), true));
    }
}
