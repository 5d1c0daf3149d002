//! Remote write: what others push, from bytes to every replica.
//!
//! ```text
//! body -> snappy -> fields, borrowed -> labels checked -> series -> runtime::write
//! └─ off the reactor ──────────────────────────────────┘
//! ```
//!
//! Source: Prometheus, `storage/remote/write_handler.go`.
mod fields;
mod histogram;
mod request;
mod series;

pub(crate) use request::{DecodeError, decompress};
pub(crate) use series::{Taken, take};
