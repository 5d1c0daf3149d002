//! The one place that names RocksDB: [`Db`] is the [`Store`] of a process with a disk.
//!
//! Used by the ingester below `tsdb` and by the discoverer for its Raft log. Both are written against [`Store`], so that
//! a [`MemoryStore`] can stand in its place. All calls block: they run off the reactor.
mod db;
mod errors;
mod folder;
mod scan;
mod tuning;

pub use db::Db;
pub use folder::foreign_files;
pub use tsdb::{
    Batch, Change, Entry, KeyRange, MemoryStore, Scan, Store, StoreError, StoreErrorKind,
};
pub use tuning::Tuning;
