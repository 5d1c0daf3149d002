//! The discoverer.

pub mod raft;
pub mod state;
