//! The wire between roles: generated messages, clients and servers of `proto/*.proto`, and their conversion to
//! and from [`model`].
//!
//! This is the only door: no other crate builds or reads messages field by field where a conversion stands here.

mod beside;
mod convert;
mod shards;
mod slice;

pub use beside::{Beside, beside, beside_message, histogram};
pub use convert::{WireError, metric_type};
pub use shards::ShardSet;

/// The metadata key under which a discoverer that is not the leader names the leader's gRPC address.
pub const LEADER_KEY: &str = "pleiades-leader";

/// The largest message that is sent or taken, in bytes: room for a full map of shards or one large batch.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// The generated messages and services of package `pleiades.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    reason = "generated; the .proto files carry the comments"
)]
pub mod v1 {
    tonic::include_proto!("pleiades.v1");
}

/// The generated messages of Prometheus' remote write, version 1.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    reason = "generated; the .proto files carry the comments"
)]
pub mod prometheus {
    tonic::include_proto!("prometheus");
}
