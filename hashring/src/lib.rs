//! Which members hold which shard: arithmetic alone, the same on every machine and in every release.
//!
//! ```text
//! members, factor -> Problem ─┐
//!                             ├─ place ─> ShardMap ── encode ─> Raft, wire
//! the map that held before ───┘
//! ```
//!
//! A consistent-hash [`ring`] gives each (shard, rank) an order of preference over the members; shares in
//! proportion to the members' weights bound what each may hold, rank by rank. [`place`] keeps what held before:
//! a join moves pairs to the newcomer only, a leave moves the leaver's pairs only, and a member that is merely
//! unhealthy keeps all of its pairs while stand-ins take its new rows.

mod codec;
mod map;
mod place;
mod problem;
mod relief;
mod ring;
mod share;

pub use codec::DecodeError;
pub use map::{Move, ShardMap};
pub use place::place;
pub use problem::{Health, Member, Problem};
pub use relief::relieve;
