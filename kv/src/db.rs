//! A store in a directory.
use std::{
    collections::BTreeSet,
    fmt, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DBRecoveryMode, DBWithThreadMode,
    IngestExternalFileOptions, IteratorMode, MultiThreaded, Options, ReadOptions, SstFileWriter,
    WriteBatch, WriteOptions, checkpoint::Checkpoint,
};
use tsdb::{Batch, Change, Entry, KeyRange, Scan, Store, StoreError, StoreErrorKind, StoreUsage};

use crate::{
    Tuning,
    errors::{failed, not_opened},
    folder,
    scan::Entries,
    tuning::Shared,
};

/// The version of the layout below `tsdb`'s and the Raft log's own; it stands in the default family.
const FORMAT: u64 = 1;
const FORMAT_KEY: &[u8] = b"format";
/// A file that is made and taken away, to see whether there is room …
const PROBE: &str = ".room";
/// … for a new manifest and a file of options, which grow with the number of families.
const PROBE_BYTES: usize = 1 << 20;
/// The family that RocksDB itself insists on.
const DEFAULT: &str = "default";
/// Where files are built before they are taken in; its leftovers are of no use after a restart.
const INGEST_FOLDER: &str = "ingest";

pub(crate) type Rocks = DBWithThreadMode<MultiThreaded>;

/// Families behind one log in one directory, which no other process can open meanwhile.
pub struct Db {
    rocks: Rocks,
    path: PathBuf,
    shared: Shared,
    /// Their names; held while families are made or dropped.
    families: Mutex<BTreeSet<String>>,
    next_file: AtomicU64,
    /// What was found broken on opening, until somebody takes note.
    damage: Mutex<Vec<StoreError>>,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("path", &self.path).finish()
    }
}

impl Db {
    /// Opens the store in the directory `path`, which is made if it is not there.
    ///
    /// # Errors
    /// Told apart by [`StoreError::kind`]: another process has it open, a later release wrote it, or the system's reason.
    pub fn open(path: &Path, tuning: Tuning) -> Result<Self, StoreError> {
        let has_store = folder::has_store(path)?;
        let shared = Shared::new(tuning);
        let mut options = shared.database();
        let families = if has_store {
            Rocks::list_cf(&options, path).map_err(|e| not_opened(path, e))?
        } else {
            vec![DEFAULT.to_owned()]
        };
        let described_as = |name: &String| ColumnFamilyDescriptor::new(name, shared.family(name));
        let described = families.iter().map(described_as);
        let mut damage = Vec::new();
        let rocks = match Rocks::open_cf_descriptors(&options, path, described) {
            Ok(rocks) => rocks,
            Err(error) if tuning.salvage && error.kind() == rocksdb::ErrorKind::Corruption => {
                // If it is the log, what is whole of it is taken in. If not, this fails as well.
                options.set_wal_recovery_mode(DBRecoveryMode::SkipAnyCorruptedRecord);
                let described = families.iter().map(described_as);
                let rocks = Rocks::open_cf_descriptors(&options, path, described)
                    .map_err(|e| not_opened(path, e))?;
                damage.push(failed(
                    format!("read the log of the store at {}", path.display()),
                    error,
                ));
                rocks
            }
            Err(error) => return Err(not_opened(path, error)),
        };
        let db = Self {
            rocks,
            path: path.to_owned(),
            shared,
            families: Mutex::new(families.into_iter().filter(|f| f != DEFAULT).collect()),
            next_file: AtomicU64::new(0),
            damage: Mutex::new(damage),
        };
        db.check_format()?;
        let leftovers = path.join(INGEST_FOLDER);
        if leftovers.exists() {
            let attempt = || format!("clear {}", leftovers.display());
            fs::remove_dir_all(&leftovers).map_err(|source| {
                StoreError::new(StoreErrorKind::Unavailable, attempt()).because(source)
            })?;
        }
        Ok(db)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let path = self.path.display();
        let attempt = || format!("read the format of the store at {path}");
        let found = self
            .rocks
            .get(FORMAT_KEY)
            .map_err(|e| failed(attempt(), e))?;
        let Some(found) = found else {
            // The format is the first thing that is ever written.
            let families = self.families.lock();
            if let Some(family) = families.first() {
                let why = format!(
                    "it is a RocksDB database of another program (with {family}): name an empty directory"
                );
                return Err(folder::refused(&self.path, &why));
            }
            let put = self.rocks.put(FORMAT_KEY, FORMAT.to_string());
            return put.map_err(|e| failed(attempt(), e));
        };
        match String::from_utf8_lossy(&found).parse::<u64>() {
            Ok(FORMAT) => Ok(()),
            found => {
                let found = found.map_or("an unknown version".to_owned(), |v| v.to_string());
                let attempt = format!(
                    "open the store at {path}: its format is {found}, this release knows {FORMAT}: start the release that wrote it, or name another directory"
                );
                Err(StoreError::new(StoreErrorKind::NewerFormat, attempt))
            }
        }
    }

    /// Sees to it that the disk has room for what RocksDB writes when families change: if that fails half-way,
    /// there is a family that nobody can name before a restart.
    fn check_room(&self) -> Result<(), StoreError> {
        let probe = self.path.join(PROBE);
        let written = fs::write(&probe, vec![0; PROBE_BYTES]);
        let removed = fs::remove_file(&probe);
        written.and(removed).map_err(|source| {
            let kind = match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreErrorKind::Full,
                _ => StoreErrorKind::Unavailable,
            };
            let attempt = format!("find room in the store at {}", self.path.display());
            StoreError::new(kind, attempt).because(source)
        })
    }

    fn family(&self, name: &str) -> Result<std::sync::Arc<BoundColumnFamily<'_>>, StoreError> {
        let family = self.rocks.cf_handle(name);
        family.ok_or_else(|| StoreError::no_family(name))
    }

    fn property(
        &self,
        family: &str,
        name: &rocksdb::properties::PropName,
    ) -> Result<u64, StoreError> {
        let Some(handle) = self.rocks.cf_handle(family) else {
            return Ok(0);
        };
        let value = self.rocks.property_int_value_cf(&handle, name);
        let value = value.map_err(|e| failed(format!("measure the family {family}"), e))?;
        Ok(value.unwrap_or(0))
    }

    fn write_with(&self, batch: Batch, options: &WriteOptions) -> Result<(), StoreError> {
        let mut changes = WriteBatch::default();
        for (family, change) in batch.changes() {
            let handle = self.family(family)?;
            match change {
                Change::Put((key, value)) => changes.put_cf(&handle, key, value),
                Change::Delete(key) => changes.delete_cf(&handle, key),
                Change::DeleteRange(range) => {
                    let to = match &range.to {
                        Some(to) => to.clone(),
                        // RocksDB wants an end: just beyond the last key.
                        None => match self.last(family, range.clone())? {
                            Some((mut last, _)) => {
                                last.push(0);
                                last
                            }
                            None => continue,
                        },
                    };
                    if range.from < to {
                        changes.delete_range_cf(&handle, &range.from, &to);
                    }
                }
            }
        }
        let written = self.rocks.write_opt(changes, options);
        written.map_err(|e| failed(format!("write to the store at {}", self.path.display()), e))
    }
}

impl Db {
    fn get_by(
        &self,
        family: &str,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(handle) = self.rocks.cf_handle(family) else {
            return Ok(None);
        };
        let value = self.rocks.get_cf_opt(&handle, key, options);
        value.map_err(|e| failed(format!("read from the family {family}"), e))
    }

    fn scan_by(
        &self,
        family: &str,
        range: KeyRange,
        options: fn(&KeyRange) -> ReadOptions,
    ) -> Result<Scan<'_>, StoreError> {
        let Some(handle) = self.rocks.cf_handle(family).filter(|_| !range.is_empty()) else {
            return Ok(Box::new(std::iter::empty()));
        };
        let bounds = range.clone();
        let make = move || {
            let options = options(&bounds);
            self.rocks.raw_iterator_cf_opt(&handle, options)
        };
        Ok(Box::new(Entries::new(make, range, family)))
    }
}

fn read_options(range: &KeyRange) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(range.from.clone());
    if let Some(to) = &range.to {
        options.set_iterate_upper_bound(to.clone());
    }
    options
}

impl Store for Db {
    fn families(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.families.lock().iter().cloned().collect())
    }

    fn create_family(&self, name: &str) -> Result<(), StoreError> {
        let mut families = self.families.lock();
        if !families.contains(name) {
            self.check_room()?;
            let created = self.rocks.create_cf(name, &self.shared.family(name));
            created.map_err(|e| failed(format!("make the family {name}"), e))?;
            families.insert(name.to_owned());
        }
        Ok(())
    }

    fn drop_family(&self, name: &str) -> Result<(), StoreError> {
        let mut families = self.families.lock();
        if families.contains(name) && self.rocks.cf_handle(name).is_none() {
            // It was dropped before the disk became full, and what comes after that could not be written.
            families.remove(name);
        }
        if families.contains(name) {
            let dropped = self.rocks.drop_cf(name);
            dropped.map_err(|e| failed(format!("drop the family {name}"), e))?;
            families.remove(name);
        }
        Ok(())
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.write_with(batch, &WriteOptions::default())
    }

    fn write_synced(&self, batch: Batch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.write_with(batch, &options)
    }

    fn sync(&self) -> Result<(), StoreError> {
        // A log that could not be written is healed by RocksDB itself once there is room, but not if it was synced
        // meanwhile: that error counts as fatal. A write of nothing fails first, and is not.
        let written = self.rocks.write(WriteBatch::default());
        let synced = written.and_then(|()| self.rocks.flush_wal(true));
        synced.map_err(|e| failed(format!("sync the store at {}", self.path.display()), e))
    }

    fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.get_by(family, key, &ReadOptions::default())
    }

    fn get_once(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        self.get_by(family, key, &options)
    }

    fn scan(&self, family: &str, range: KeyRange) -> Result<Scan<'_>, StoreError> {
        self.scan_by(family, range, read_options)
    }

    fn scan_once(&self, family: &str, range: KeyRange) -> Result<Scan<'_>, StoreError> {
        self.scan_by(family, range, |range| {
            let mut options = read_options(range);
            options.fill_cache(false);
            options
        })
    }

    fn usage(&self) -> Result<StoreUsage, StoreError> {
        let mut usage = StoreUsage {
            block_cache_bytes: self.shared.cache_bytes() as u64,
            ..StoreUsage::default()
        };
        for name in self.families()? {
            usage.file_bytes += self.property(&name, rocksdb::properties::LIVE_SST_FILES_SIZE)?;
            usage.write_buffer_bytes +=
                self.property(&name, rocksdb::properties::CUR_SIZE_ALL_MEM_TABLES)?;
        }
        Ok(usage)
    }

    fn last(&self, family: &str, range: KeyRange) -> Result<Option<Entry>, StoreError> {
        let Some(handle) = self.rocks.cf_handle(family).filter(|_| !range.is_empty()) else {
            return Ok(None);
        };
        let options = read_options(&range);
        let mut entries = self
            .rocks
            .iterator_cf_opt(&handle, options, IteratorMode::End);
        match entries.next() {
            None => Ok(None),
            Some(Ok((key, value))) => Ok(Some((key.into_vec(), value.into_vec()))),
            Some(Err(error)) => Err(failed(format!("read from the family {family}"), error)),
        }
    }

    fn ingest(
        &self,
        family: &str,
        entries: &mut dyn Iterator<Item = Result<Entry, StoreError>>,
    ) -> Result<(), StoreError> {
        let handle = self.family(family)?;
        let mut entries = entries.peekable();
        if entries.peek().is_none() {
            return Ok(());
        }
        let attempt = || format!("take sorted entries into the family {family}");
        let folder = self.path.join(INGEST_FOLDER);
        fs::create_dir_all(&folder).map_err(|source| {
            StoreError::new(StoreErrorKind::Unavailable, attempt()).because(source)
        })?;
        let number = self.next_file.fetch_add(1, Ordering::Relaxed);
        let file = folder.join(format!("{number}.sst"));
        let built = build(&self.shared.ingested(), &file, &mut entries, &attempt);
        let taken = built.and_then(|()| {
            let mut options = IngestExternalFileOptions::default();
            options.set_move_files(true);
            self.rocks
                .ingest_external_file_cf_opts(&handle, &options, vec![&file])
                .map_err(|e| failed(attempt(), e))
        });
        if taken.is_err() {
            // It may never have come to be.
            let _ = fs::remove_file(&file);
        }
        taken
    }

    fn take_damage(&self) -> Vec<StoreError> {
        std::mem::take(&mut *self.damage.lock())
    }

    fn compact(&self, family: &str) -> Result<(), StoreError> {
        if let Some(handle) = self.rocks.cf_handle(family) {
            self.rocks
                .compact_range_cf(&handle, None::<&[u8]>, None::<&[u8]>);
        }
        Ok(())
    }

    fn checkpoint(&self, path: &Path) -> Result<(), StoreError> {
        let attempt = || format!("copy the store to {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| {
                StoreError::new(StoreErrorKind::Unavailable, attempt()).because(source)
            })?;
        }
        Checkpoint::new(&self.rocks)
            .and_then(|checkpoint| checkpoint.create_checkpoint(path))
            .map_err(|e| failed(attempt(), e))
    }

    fn size_bytes(&self, family: &str) -> Result<u64, StoreError> {
        Ok(
            self.property(family, rocksdb::properties::LIVE_SST_FILES_SIZE)?
                + self.property(family, rocksdb::properties::CUR_SIZE_ALL_MEM_TABLES)?,
        )
    }
}

fn build(
    options: &Options,
    file: &Path,
    entries: &mut dyn Iterator<Item = Result<Entry, StoreError>>,
    attempt: &dyn Fn() -> String,
) -> Result<(), StoreError> {
    let mut writer = SstFileWriter::create(options);
    let told = |e| failed(attempt(), e);
    writer.open(file).map_err(told)?;
    for entry in entries {
        let (key, value) = entry?;
        writer.put(key, value).map_err(told)?;
    }
    writer.finish().map_err(told)
}

#[cfg(test)]
mod tests;
