//! How RocksDB is set up for each kind of family.
use rocksdb::{
    BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, Options, WriteBufferManager,
};

const MIB: usize = 1 << 20;

/// How much memory and disk RocksDB may use; any value is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Blocks of files that are held in memory.
    pub block_cache_bytes: usize,
    /// What is not in files yet, over all families.
    pub write_buffer_bytes: usize,
    /// The log's size at which families are flushed so that it can be cut.
    pub log_bytes: u64,
    /// Whether a log with broken records in its midst is opened without them, rather than refused.
    /// Not for those to whom a record without those before it is worse than none.
    pub salvage: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            block_cache_bytes: 64 * MIB,
            // What is here is in memory a second time, as rows: files are cheap, since they are dropped unread.
            write_buffer_bytes: 32 * MIB,
            log_bytes: 512 * MIB as u64,
            salvage: true,
        }
    }
}

/// The shared caches of one database.
#[derive(Clone)]
pub(crate) struct Shared {
    tuning: Tuning,
    cache: Cache,
    buffers: WriteBufferManager,
}

impl Shared {
    pub(crate) fn new(tuning: Tuning) -> Self {
        Self {
            tuning,
            cache: Cache::new_lru_cache(tuning.block_cache_bytes),
            buffers: WriteBufferManager::new_write_buffer_manager(tuning.write_buffer_bytes, false),
        }
    }

    pub(crate) fn cache_bytes(&self) -> usize {
        self.cache.get_usage()
    }

    /// The options of the database as a whole.
    pub(crate) fn database(&self) -> Options {
        let mut options = self.family("default");
        options.create_if_missing(true);
        options.set_write_buffer_manager(&self.buffers);
        // A record that was cut off by a crash is no damage. Anything else is, and must not end the log in silence.
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_max_total_wal_size(self.tuning.log_bytes);
        // Files are found by their family; a few hundred handles are enough.
        options.set_max_open_files(512);
        options.set_max_background_jobs(2);
        options.set_bytes_per_sync(MIB as u64);
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(4 * MIB);
        options.set_stats_dump_period_sec(0);
        options
    }

    /// The options of the family `name`.
    pub(crate) fn family(&self, name: &str) -> Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&self.cache);
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        blocks.set_block_size(16 << 10);
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(self.tuning.write_buffer_bytes / 2);
        // Who writes must not wait for a file to be written.
        options.set_max_write_buffer_number(6);
        options.set_compression_type(DBCompressionType::Lz4);
        if is_generation(name) {
            // Nothing is overwritten and all of it is dropped at once: to compact it is to write it twice for nothing.
            options.set_disable_auto_compactions(true);
        }
        options
    }

    /// The options of files that are built aside and taken in whole.
    pub(crate) fn ingested(&self) -> Options {
        let mut options = self.family("default");
        options.set_compression_type(DBCompressionType::Zstd);
        options
    }
}

/// True for a family that is written once and dropped whole: its name ends in `-<number>`.
fn is_generation(name: &str) -> bool {
    let number = name.rsplit_once('-').map(|(_, number)| number);
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_known_by_their_names() {
        for name in ["rows-12", "rows--12"] {
            assert!(is_generation(name));
        }
        for name in ["raft", "raft-log", "rows-", "default"] {
            assert!(!is_generation(name));
        }
    }
}
