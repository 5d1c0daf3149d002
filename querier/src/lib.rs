//! The front door: Prometheus' HTTP API over a cluster of ingesters.
//!
//! ```text
//! request -> parameters -> plan -> fan-out to every ingester -> merge -> evaluation -> JSON
//! ```
//!
//! A querier keeps nothing: membership comes from the discoverers, samples from the ingesters, rules from the rulers.

mod merge;

pub use merge::merge;
