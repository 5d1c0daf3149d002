//! The role that evaluates rules: groups on a grid of time, queries through the querier, results to the
//! ingesters, alerts to Alertmanager.
//!
//! ```text
//! tick -> due groups -> query -> samples, alerts -> ingesters, Alertmanager
//! ```
//!
//! What a rule makes of a result is pure ([`alert`], [`record`], [`restore`], [`staleness`]); the rest asks and sends.

pub mod alert;
mod alertmanagers;
mod args;
mod evaluation;
mod groups;
mod metrics;
mod notify;
pub mod placement;
mod query;
pub mod record;
pub mod restore;
pub mod result;
mod rules;
mod run;
mod service;
pub mod staleness;
mod write;

pub use args::Args;
pub use run::{Error, Settings, run};
