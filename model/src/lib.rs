//! The words that every other crate speaks: labels, matchers, time, targets, rows and relabelling.
//!
//! Nothing here does IO, knows a clock or a wire format. Values are checked where they are built,
//! so that a [`Labels`] is always sorted, a [`TimeRange`] is never empty and a [`Matcher`] always compiles.

mod distinct;
mod duration;
mod exact;
mod exemplar;
pub mod histogram;
mod kahan;
mod labels;
mod matcher;
mod metadata;
mod name;
pub mod number;
mod presence;
pub mod regex;
mod relabel;
mod row;
mod sample;
mod shard;
mod sparse;
mod target;
mod time;

pub use distinct::Distinct;
pub use duration::{DurationError, format_duration, parse_duration};
pub use exact::exact;
pub use exemplar::Exemplar;
pub use histogram::{Histogram, ResetHint};
pub use kahan::Kahan;
pub use labels::{
    BUCKET_LABEL, INSTANCE_LABEL, JOB_LABEL, Labels, LabelsBuilder, METRIC_NAME, Pairs,
    QUANTILE_LABEL,
};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use metadata::{Metadata, MetricType};
pub use name::NameValidation;
pub use presence::{Presence, Rows};
pub use relabel::{RelabelAction, RelabelError, RelabelRule, relabel, relabel_steps, relabelled};
pub use row::{GroupSlice, NodeId, Outcome, RowHead, SeriesSlice, Stamp};
pub use sample::{
    DELETED_NAN, HistogramSample, STALE_NAN, Sample, Series, StartTime, Value, is_deleted_nan,
    is_stale_nan,
};
pub use shard::{GroupKey, N_SHARDS, ReplicationFactor, Shard};
pub use sparse::Sparse;
pub use target::{OwnSettings, Target, TargetSettings};
pub use time::{EmptyTimeRange, Millis, Steps, TimeRange, Timestamp};
