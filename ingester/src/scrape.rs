//! Scraping: targets in, rows out.
//!
//! [`cycle`] makes rows of pages and does no IO; [`target`] is the loop around it, one task a target;
//! [`pool`] starts and ends those as assignments come and go.
//!
//! ```text
//! assignment -> pool -> target: wait for the slot -> http -> page -> cycle -> row -> tsdb
//! ```

mod buffers;
mod cycle;
mod error;
mod failure_log;
mod job;
mod metadata;
mod naming;
mod page;
mod pool;
mod slot;
mod state;
mod target;

pub(crate) use buffers::Buffers;
pub(crate) use job::{Extras, Job};
pub(crate) use pool::{Change, Jobs, Pool};
pub(crate) use state::{Health, MetricMetadata, TargetState, Targets};
