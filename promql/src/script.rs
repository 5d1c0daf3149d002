//! Prometheus' test language: scripts that load series, evaluate queries and say what must come out.
//!
//! ```text
//! text ──read──> commands ──run, with an engine──> a verdict for each eval
//! ```
//!
//! Reading and running are pure; the engine is whatever answers a query over a [`Store`].
//!
//! Source: Prometheus, `promql/promqltest/README.md` and `test.go`.
mod builtin;
mod compare;
mod histogram;
mod pin;
mod read;
mod run;
mod series;
mod starts;
mod store;

use std::sync::Arc;

use model::{Histogram, Labels, Millis, Steps, Timestamp, regex::Regex};

pub use builtin::{Builtin, Found, answer};
pub use read::read;
pub use run::{Answer, Engine, Outcome, Value, Verdict, run};
pub use store::{Store, StoredSeries};

/// The longest series that a script may describe with `x`.
const MAX_REPEATS: usize = 1_000_000;

/// A script that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ScriptError {
    /// Counts from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// A step of a script.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Forgets everything that was loaded.
    Clear,
    /// Adds samples.
    Load(Load),
    /// Asks and compares.
    Eval(Eval),
}

/// Samples to add.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Where the command stands, counted from 1.
    pub line: usize,
    /// The time between two values; the first stands at the epoch.
    pub step: Millis,
    /// Classic histograms are loaded as native ones with custom buckets, too.
    pub with_custom_buckets: bool,
    /// In the order written.
    pub series: Vec<LoadedSeries>,
}

/// One series of a [`Load`].
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedSeries {
    /// Its name.
    pub labels: Labels,
    /// One for each step.
    pub values: Vec<SeriesValue>,
    /// For each step where counting began, as seen from there; empty if nothing is said about it.
    pub starts: Vec<Option<Millis>>,
}

/// A value of a series description.
#[derive(Clone, Debug, PartialEq)]
pub enum SeriesValue {
    /// `_`
    Missing,
    /// A number, or the staleness marker.
    Float(f64),
    /// `{{...}}`
    Histogram(WrittenHistogram),
}

/// A histogram as a script has it.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenHistogram {
    /// What it is.
    pub histogram: Arc<Histogram>,
    /// The hint was written, so that it is compared.
    pub hint_written: bool,
}

/// A query and what must come out.
#[derive(Clone, Debug, PartialEq)]
pub struct Eval {
    /// Where the command stands, counted from 1.
    pub line: usize,
    /// What is asked.
    pub query: String,
    /// For which instants.
    pub steps: Steps,
    /// What must come out.
    pub expected: Expected,
    /// Which warnings must come with it.
    pub warnings: ExpectedNotes,
    /// Which infos must come with it.
    pub infos: ExpectedNotes,
}

/// What must come out of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// An error whose text matches.
    Failure(Pattern),
    /// A number.
    Scalar(f64),
    /// A text.
    String(String),
    /// These series, with one value each or one for each instant of `steps`.
    Series {
        /// In this order.
        ordered: bool,
        /// The result is a range vector, though the query is an instant one.
        window: bool,
        /// The instants that values belong to; points later than the last one cannot be.
        start: Timestamp,
        /// The distance between two values.
        step: Millis,
        /// No point lies behind it.
        end: Timestamp,
        /// What must be there, and nothing else.
        series: Vec<(Labels, Vec<SeriesValue>)>,
    },
}

/// Which annotations of a kind must come with a result.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpectedNotes {
    /// Whatever comes.
    Any,
    /// None.
    None,
    /// Each pattern matches an annotation, and each annotation a pattern; at least one.
    Matching(Vec<Pattern>),
}

/// What a text must be like.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// Whatever it is.
    Any,
    /// Exactly this.
    Text(String),
    /// It contains a match of this.
    Regex(Regex),
}

impl Pattern {
    /// True if `text` is like that.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(wanted) => wanted == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests;
