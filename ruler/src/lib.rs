//! The role that evaluates rules: groups on a grid of time, queries through the querier, results to the
//! ingesters, alerts to Alertmanager.
//!
//! ```text
//! tick -> due groups -> query -> samples, alerts -> ingesters, Alertmanager
//! ```
//!
//! What a rule makes of a result is pure ([`alert`], [`record`], [`restore`], [`staleness`]); the
//! rest asks and sends.

pub mod alert;
pub mod placement;
pub mod query;
pub mod record;
pub mod restore;
pub mod staleness;
pub mod write;
