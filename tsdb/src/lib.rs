//! Stores rows and finds them again: dictionaries, the head in memory, durable rows, segments, blocks, postings, retention.
//!
//! Pushed series ([`Tsdb::append_pushed`]) go the same way, in groups whose rows are partial: what batches bring is united
//! when it is read, cut or merged.
//!
//! Pure but for the [`Store`] that is handed in: no clock (callers give `now`), no runtime, no file.
//! Data flows one way: a row is appended to the head and to the log ([`Tsdb::append`]), every 32 rows of a group are
//! transposed into a segment, every two hours segments are merged into blocks, and days are dropped when
//! retention has passed ([`Tsdb::maintain`]). Readers ([`Tsdb::select`]) go the same way, head first, so that what moves
//! meanwhile is seen at least once; what is seen twice is one row, since a row is known by its group and slot.

mod block;
pub mod codec;
mod db;
mod dictionary;
mod error;
mod exemplars;
mod group;
mod index;
mod keys;
mod pushed;
mod record;
mod row;
mod store;
mod table;
mod tombstone;

pub use codec::DecodeError;
pub use db::{
    Appended, Day, Defined, Maintained, Options, Pushed, Refusal, Refused, Retention, Select,
    SeriesOf, Stats, Take, Tsdb, Verified, Written,
};
pub use error::{Kind, TsdbError};
pub use exemplars::{Added, Exemplars};
pub use index::{IndexFigures, LabelFigures};
pub use row::{DictionaryNo, Ordinal, RowValues};
pub use store::{
    Batch, Change, Entry, KeyRange, MemoryStore, Scan, Store, StoreError, StoreErrorKind,
    StoreUsage,
};
