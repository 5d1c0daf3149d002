//! The discoverer: knows the members of the cluster, places shards on them, and tells ingesters what to scrape.
//!
//! ```text
//! joins, leases ──> duties ──> Command ──> raft ──> State ──> everyone (Watch)
//! ```
//!
//! What is agreed on ([`state`]) is pure; the Raft group ([`raft`]) is the one place that names openraft.

pub mod raft;
pub mod state;
