//! Functions over windows of samples.
//!
//! The samples of a series are walked through once while the steps go by: both ends of the window only move
//! forward. A function sees the samples between them, and may keep what it knows about the series.
mod absent;
mod call;
mod extended;
mod extremes;
mod mixed;
mod over_time;
mod rate;
mod regression;
mod resets;
mod samples;
mod slide;
mod smoothing;
mod table;
mod window;

pub(super) use call::Names;
pub(crate) use extended::{between, samples_with_edges};
pub(crate) use mixed::Mixed;
pub(super) use mixed::interpolated;
pub(super) use slide::Samples;
pub(crate) use table::RangeFunction;
