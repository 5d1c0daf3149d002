//! A store in memory that can lose what was not synced, for tests and simulation.
use std::{
    collections::{BTreeMap, btree_map},
    ops::Bound,
    path::Path,
    sync::Arc,
};

use parking_lot::Mutex;

use super::{Batch, Change, Entry, KeyRange, Scan, Store, StoreError, StoreErrorKind};

type Family = BTreeMap<Vec<u8>, Vec<u8>>;

/// Families as sorted maps. Clones share one state, so that a test can reopen what it has crashed.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    live: BTreeMap<String, Family>,
    /// What a crash leaves: `live` without `pending`.
    durable: BTreeMap<String, Family>,
    pending: Vec<(String, Change)>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything that was not synced, as a power cut does.
    pub fn crash(&self) {
        let mut state = self.0.lock();
        state.pending.clear();
        state.live = state.durable.clone();
    }
}

impl Store for MemoryStore {
    fn families(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.lock().live.keys().cloned().collect())
    }

    fn create_family(&self, name: &str) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        state.live.entry(name.to_owned()).or_default();
        state.durable.entry(name.to_owned()).or_default();
        Ok(())
    }

    fn drop_family(&self, name: &str) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        state.live.remove(name);
        state.durable.remove(name);
        state.pending.retain(|(family, _)| family != name);
        Ok(())
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        if let Some((family, _)) = batch
            .changes()
            .find(|(family, _)| !state.live.contains_key(*family))
        {
            return Err(StoreError::no_family(family));
        }
        for (family, change) in batch.into_changes() {
            apply(&mut state.live, &family, &change);
            state.pending.push((family, change));
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        for (family, change) in std::mem::take(&mut state.pending) {
            apply(&mut state.durable, &family, &change);
        }
        Ok(())
    }

    fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let state = self.0.lock();
        Ok(state.live.get(family).and_then(|f| f.get(key)).cloned())
    }

    fn scan(&self, family: &str, range: KeyRange) -> Result<Scan<'_>, StoreError> {
        let state = self.0.lock();
        let Some(family) = state.live.get(family) else {
            return Ok(Box::new(std::iter::empty()));
        };
        let entries: Vec<Entry> = entries(family, &range)
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        Ok(Box::new(entries.into_iter().map(Ok)))
    }

    fn last(&self, family: &str, range: KeyRange) -> Result<Option<Entry>, StoreError> {
        let state = self.0.lock();
        let Some(family) = state.live.get(family) else {
            return Ok(None);
        };
        Ok(entries(family, &range)
            .next_back()
            .map(|(k, v)| (k.clone(), v.clone())))
    }

    fn ingest(
        &self,
        family: &str,
        new: &mut dyn Iterator<Item = Result<Entry, StoreError>>,
    ) -> Result<(), StoreError> {
        // Collected first, since the iterator may read this store.
        let new: Vec<Entry> = new.collect::<Result<_, _>>()?;
        if !new.is_sorted_by(|(a, _), (b, _)| a < b) {
            let attempt = format!("ingest keys out of order into {family}");
            return Err(StoreError::new(StoreErrorKind::Invalid, attempt));
        }
        let mut state = self.0.lock();
        if !state.live.contains_key(family) {
            return Err(StoreError::no_family(family));
        }
        for entry in new {
            let change = Change::Put(entry);
            apply(&mut state.live, family, &change);
            apply(&mut state.durable, family, &change);
        }
        Ok(())
    }

    fn compact(&self, _family: &str) -> Result<(), StoreError> {
        Ok(())
    }

    fn checkpoint(&self, path: &Path) -> Result<(), StoreError> {
        let attempt = format!("copy a store in memory to {}", path.display());
        Err(StoreError::new(StoreErrorKind::Invalid, attempt))
    }

    fn size_bytes(&self, family: &str) -> Result<u64, StoreError> {
        let state = self.0.lock();
        let entries = state.live.get(family).into_iter().flatten();
        Ok(entries.map(|(k, v)| (k.len() + v.len()) as u64).sum())
    }
}

fn entries<'a>(family: &'a Family, range: &KeyRange) -> btree_map::Range<'a, Vec<u8>, Vec<u8>> {
    if range.is_empty() {
        let none: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Excluded(&[]), Bound::Included(&[]));
        return family.range::<[u8], _>(none);
    }
    let to = match &range.to {
        Some(to) => Bound::Excluded(to.as_slice()),
        None => Bound::Unbounded,
    };
    family.range::<[u8], _>((Bound::Included(range.from.as_slice()), to))
}

fn apply(families: &mut BTreeMap<String, Family>, family: &str, change: &Change) {
    let Some(family) = families.get_mut(family) else {
        return;
    };
    match change {
        Change::Put((key, value)) => drop(family.insert(key.clone(), value.clone())),
        Change::Delete(key) => drop(family.remove(key)),
        Change::DeleteRange(range) => {
            let keys: Vec<_> = entries(family, range).map(|(k, _)| k.clone()).collect();
            keys.iter().for_each(|key| drop(family.remove(key)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(family: &str, key: &str, value: &str) -> Batch {
        let mut batch = Batch::new();
        batch.put(family, key, value);
        batch
    }

    fn keys(store: &MemoryStore, range: KeyRange) -> Vec<String> {
        let scan = store.scan("f", range).unwrap();
        scan.map(|e| String::from_utf8(e.unwrap().0).unwrap())
            .collect()
    }

    #[test]
    fn a_crash_loses_what_was_not_synced() {
        let store = MemoryStore::new();
        store.create_family("f").unwrap();
        store.write(put("f", "a", "1")).unwrap();
        store.sync().unwrap();
        store.write(put("f", "b", "2")).unwrap();
        assert_eq!(keys(&store, KeyRange::ALL), ["a", "b"]);
        store.crash();
        assert_eq!(keys(&store, KeyRange::ALL), ["a"]);
    }

    #[test]
    fn ranges_are_half_open_and_may_be_deleted() {
        let store = MemoryStore::new();
        store.create_family("f").unwrap();
        for key in ["a", "b", "c", "d"] {
            store.write(put("f", key, "")).unwrap();
        }
        assert_eq!(keys(&store, KeyRange::between("b", "d")), ["b", "c"]);
        assert_eq!(
            keys(&store, KeyRange::between("d", "b")),
            Vec::<String>::new()
        );
        let mut batch = Batch::new();
        batch.delete_range("f", KeyRange::between("a", "c"));
        store.write(batch).unwrap();
        assert_eq!(keys(&store, KeyRange::ALL), ["c", "d"]);
        let last = store.last("f", KeyRange::between("a", "d")).unwrap();
        assert_eq!(last.unwrap().0, b"c");
    }

    #[test]
    fn a_missing_family_reads_as_empty_and_refuses_writes() {
        let store = MemoryStore::new();
        assert_eq!(store.get("f", b"a").unwrap(), None);
        assert!(keys(&store, KeyRange::ALL).is_empty());
        let error = store.write(put("f", "a", "1")).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
    }
}
