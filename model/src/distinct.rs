//! How many different texts there are of which several members know some each.
use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

/// How many hashes are kept.
const KEPT: usize = 2048;

/// A set of texts of which only the least hashes are kept, so that sets can be united without their texts.
///
/// Up to 2,048 texts its count is exact. Beyond that it follows from how closely the least hashes lie, and is wrong by
/// about 2 %.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distinct {
    least: BTreeSet<u64>,
}

impl Distinct {
    /// Adds `text`.
    pub fn insert(&mut self, text: &str) {
        self.insert_hash(xxh3_64(text.as_bytes()));
    }

    /// Adds what another member knows, as its [`Self::hashes`].
    pub fn extend(&mut self, hashes: impl IntoIterator<Item = u64>) {
        hashes.into_iter().for_each(|hash| self.insert_hash(hash));
    }

    /// What the set keeps, ascending.
    pub fn hashes(&self) -> impl Iterator<Item = u64> {
        self.least.iter().copied()
    }

    /// How many different texts were added.
    pub fn count(&self) -> u64 {
        match self.least.last() {
            // So many hashes lie between zero and the last of them; the others are spread as evenly above it.
            Some(last) if self.least.len() == KEPT => {
                let part = (*last as f64 + 1.0) / 2f64.powi(64);
                ((KEPT - 1) as f64 / part).round() as u64
            }
            _ => self.least.len() as u64,
        }
    }

    fn insert_hash(&mut self, hash: u64) {
        if self.least.len() < KEPT {
            self.least.insert(hash);
        } else if self.least.last().is_some_and(|last| hash < *last) && self.least.insert(hash) {
            self.least.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: std::ops::Range<u32>) -> Distinct {
        let mut set = Distinct::default();
        texts.for_each(|n| set.insert(&n.to_string()));
        set
    }

    #[test]
    fn small_sets_are_counted_exactly_and_large_ones_nearly() {
        assert_eq!(Distinct::default().count(), 0);
        assert_eq!(of(0..2000).count(), 2000);
        for n in [5_000, 100_000] {
            let told = of(0..n).count() as f64;
            let error = (told / f64::from(n) - 1.0).abs();
            assert!(error < 0.05, "{told} in place of {n}");
        }
    }

    #[test]
    fn a_union_is_what_adding_all_to_one_set_gives() {
        for (a, b, all) in [
            (0..300, 200..500, 0..500),
            (0..9_000, 4_000..20_000, 0..20_000),
        ] {
            let mut union = of(a);
            union.extend(of(b).hashes());
            assert_eq!(union, of(all));
        }
    }
}
