//! The narrow door to the disk: named families of ordered keys behind one log.
//!
//! Two houses stand behind it: `kv::Db` over RocksDB, and [`MemoryStore`] for tests and simulation.
//!
//! A family whose name ends in `-<number>` is a generation: its keys are written once or nearly so, and it is
//! dropped whole. A store may therefore leave such a family uncompacted.
mod memory;

use std::{error::Error, fmt, path::Path};

pub use memory::MemoryStore;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Entries in the order of their keys, as they stood when the scan began.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<Entry, StoreError>> + Send + 'a>;

/// Ordered key spaces ("families") that are written together and dropped one by one.
///
/// A family that does not exist reads as empty, so that a reader may race with the drop of what it reads.
pub trait Store: Send + Sync + fmt::Debug {
    /// The names of all families, in no particular order.
    fn families(&self) -> Result<Vec<String>, StoreError>;

    /// Makes `name` an (empty) family unless it is one already. Survives a crash at once.
    fn create_family(&self, name: &str) -> Result<(), StoreError>;

    /// Forgets `name` with all it holds, if it is there. Survives a crash at once.
    fn drop_family(&self, name: &str) -> Result<(), StoreError>;

    /// Applies all of `batch` or nothing. Visible at once; survives the end of the process,
    /// but the end of the machine only after [`Store::sync`]. Batches are lost in reverse order, never from the middle.
    fn write(&self, batch: Batch) -> Result<(), StoreError>;

    /// Makes every batch written so far survive a crash of the machine.
    fn sync(&self) -> Result<(), StoreError>;

    /// [`Store::write`], then [`Store::sync`].
    fn write_synced(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(batch)?;
        self.sync()
    }

    /// The value of `key`.
    fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The entries of `family` in `range`, in the order of their keys. An entry that is an error of
    /// [`StoreErrorKind::Corrupt`] stands for what is broken in its place; what is whole behind it follows.
    fn scan(&self, family: &str, range: KeyRange) -> Result<Scan<'_>, StoreError>;

    /// [`Store::get`] of what is not read again soon: it takes no room from what is.
    fn get_once(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(family, key)
    }

    /// [`Store::scan`] of what is not read again soon: it takes no room from what is.
    fn scan_once(&self, family: &str, range: KeyRange) -> Result<Scan<'_>, StoreError> {
        self.scan(family, range)
    }

    /// The last entry of `family` in `range`.
    fn last(&self, family: &str, range: KeyRange) -> Result<Option<Entry>, StoreError>;

    /// Adds `entries`, whose keys strictly ascend, beside the log: all or nothing, and crash-proof when it returns.
    ///
    /// What `entries` rests on must be synced before.
    fn ingest(
        &self,
        family: &str,
        entries: &mut dyn Iterator<Item = Result<Entry, StoreError>>,
    ) -> Result<(), StoreError>;

    /// Gives back the room of what was overwritten or deleted in `family`.
    fn compact(&self, family: &str) -> Result<(), StoreError>;

    /// About how many bytes `family` takes on disk and in write buffers.
    fn size_bytes(&self, family: &str) -> Result<u64, StoreError>;

    /// Copies all that is stored to the directory `path`, which must not be there, as of one moment; a store opens there.
    ///
    /// # Errors
    /// [`StoreErrorKind::Invalid`] if there is nothing on a disk to be copied.
    fn checkpoint(&self, path: &Path) -> Result<(), StoreError>;

    /// What it uses now; nothing of a store that does not know.
    fn usage(&self) -> Result<StoreUsage, StoreError> {
        Ok(StoreUsage::default())
    }

    /// What was found broken on opening and left out, told once.
    fn take_damage(&self) -> Vec<StoreError> {
        Vec::new()
    }
}

/// What a store uses at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// Files on disk.
    pub file_bytes: u64,
    /// Memory of what is not in files yet.
    pub write_buffer_bytes: u64,
    /// Memory of blocks of files.
    pub block_cache_bytes: u64,
}

/// The keys from `from` up to, but without, `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The least key inside.
    pub from: Vec<u8>,
    /// The least key beyond; none means that there is no end.
    pub to: Option<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    pub const ALL: Self = Self {
        from: Vec::new(),
        to: None,
    };

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        // The least key beyond is the prefix with its last byte below 0xff counted up.
        let to = prefix.iter().rposition(|b| *b != 0xff).map(|last| {
            let mut to = prefix[..=last].to_vec();
            to[last] += 1;
            to
        });
        Self {
            from: prefix.to_vec(),
            to,
        }
    }

    /// The keys from `from` up to, but without, `to`.
    pub fn between(from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) -> Self {
        Self {
            from: from.into(),
            to: Some(to.into()),
        }
    }

    /// The keys from `from` on.
    pub fn starting_at(from: impl Into<Vec<u8>>) -> Self {
        Self {
            from: from.into(),
            to: None,
        }
    }

    /// True if no key can lie inside.
    pub fn is_empty(&self) -> bool {
        self.to.as_ref().is_some_and(|to| *to <= self.from)
    }
}

/// One change of a [`Batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The key has the value from now on.
    Put(Entry),
    /// The key is gone.
    Delete(Vec<u8>),
    /// All keys in the range are gone.
    DeleteRange(KeyRange),
}

/// Changes of one or several families that happen together, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<(String, Change)>,
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` of `family` to `value`.
    pub fn put(&mut self, family: &str, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        let change = Change::Put((key.into(), value.into()));
        self.changes.push((family.to_owned(), change));
    }

    /// Takes `key` out of `family`.
    pub fn delete(&mut self, family: &str, key: impl Into<Vec<u8>>) {
        let change = Change::Delete(key.into());
        self.changes.push((family.to_owned(), change));
    }

    /// Takes every key in `range` out of `family`.
    pub fn delete_range(&mut self, family: &str, range: KeyRange) {
        self.changes
            .push((family.to_owned(), Change::DeleteRange(range)));
    }

    /// True if there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes with their families, in order.
    pub fn into_changes(self) -> impl Iterator<Item = (String, Change)> {
        self.changes.into_iter()
    }

    /// The changes with their families, in order.
    pub fn changes(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.changes.iter().map(|(family, c)| (family.as_str(), c))
    }
}

/// What the caller of a store can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Another process has the directory open.
    Locked,
    /// A later release wrote it.
    NewerFormat,
    /// The directory cannot hold a store: it is none, belongs to something else, or cannot be written.
    Unusable,
    /// The disk is full, or a quota used up.
    Full,
    /// Bytes on disk are not what was written.
    Corrupt,
    /// The caller named a family that is not there, or gave keys out of order.
    Invalid,
    /// Anything else that the disk or the system says.
    Unavailable,
}

/// A store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}")]
pub struct StoreError {
    attempt: String,
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of `kind` while trying to `attempt` ("open the store at /data").
    pub fn new(kind: StoreErrorKind, attempt: impl Into<String>) -> Self {
        Self {
            attempt: attempt.into(),
            kind,
            source: None,
        }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// A write into a family that does not exist.
    pub fn no_family(family: &str) -> Self {
        Self::new(
            StoreErrorKind::Invalid,
            format!("write into the family {family}, which does not exist"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_its_last_byte_counts_up() {
        assert_eq!(KeyRange::prefix(b"ab").to, Some(b"ac".to_vec()));
        assert_eq!(KeyRange::prefix(&[1, 0xff]).to, Some(vec![2]));
        assert_eq!(KeyRange::prefix(&[0xff, 0xff]).to, None);
        assert_eq!(KeyRange::prefix(b""), KeyRange::ALL);
    }
}
