//! The discoverers' Raft group: the one place that names openraft.
//!
//! ```text
//!              ┌────────── Group ──────────┐
//! Command ──>  │ log ── machine ── State   │ ──> watch of State, of Leadership
//!              └──┬─────────────────────┬──┘
//!            store (families raft-*)  network (proto's Raft service)
//! ```
//!
//! Openraft's messages travel as bytes within our own; everything outside of this module speaks
//! [`Command`](crate::state::Command), [`Outcome`](crate::state::Outcome) and [`State`](crate::state::State).
mod codec;
mod group;
mod log;
mod machine;
mod network;
mod recorded;
mod server;
mod types;

pub use group::{Group, GroupError, Leadership, WriteError};
pub use log::LOG as STORE_FAMILY;
pub(crate) use recorded::has_configuration;
pub use types::Peer;

#[cfg(test)]
mod tests;
