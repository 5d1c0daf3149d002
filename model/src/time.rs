//! Instants, spans and ranges of time, all in whole milliseconds.
use std::{
    fmt,
    num::NonZeroU64,
    ops::{Add, Neg, Sub},
};

/// An instant as milliseconds since the Unix epoch (UTC), Prometheus' unit on every wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant that can be told.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant that can be told.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant `millis` milliseconds after (or, if negative, before) the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, as the HTTP API writes them.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;
    fn add(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Self;
    fn sub(self, span: Millis) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Millis;
    fn sub(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:03}",
            self.0.div_euclid(1000),
            self.0.rem_euclid(1000)
        )
    }
}

/// A signed span of milliseconds; offsets may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(i64);

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of `millis` milliseconds.
    pub const fn new(millis: i64) -> Self {
        Self(millis)
    }

    /// A span of `seconds` whole seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The span in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The span in seconds.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// The span for timers; a negative span is none.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<std::time::Duration> for Millis {
    fn from(span: std::time::Duration) -> Self {
        Self(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Add for Millis {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Millis {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Millis {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// A closed interval of time, `start <= end`; both ends are inside, as in Prometheus' `mint`/`maxt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    start: Timestamp,
    end: Timestamp,
}

/// `start` lies after `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time range starts at {start}, after its end {end}")]
pub struct EmptyTimeRange {
    start: Timestamp,
    end: Timestamp,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self {
        start: Timestamp::MIN,
        end: Timestamp::MAX,
    };

    /// The instants from `start` to `end`, both included.
    ///
    /// # Errors
    /// [`EmptyTimeRange`] if `start > end`.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, EmptyTimeRange> {
        if end < start {
            return Err(EmptyTimeRange { start, end });
        }
        Ok(Self { start, end })
    }

    /// The one instant `at`.
    pub const fn at(at: Timestamp) -> Self {
        Self { start: at, end: at }
    }

    /// The first instant inside.
    pub const fn start(self) -> Timestamp {
        self.start
    }

    /// The last instant inside.
    pub const fn end(self) -> Timestamp {
        self.end
    }

    /// True if `at` lies inside.
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at <= self.end
    }

    /// True if some instant lies in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// The smallest range that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// The evaluation grid of a query: one instant, or `start`, `start + step`, … up to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// `/api/v1/query`.
    Instant(Timestamp),
    /// `/api/v1/query_range`.
    Range {
        /// First instant, and the bound of the last.
        range: TimeRange,
        /// Distance between instants, in milliseconds; a zero step cannot be built.
        step: NonZeroU64,
    },
}

impl Steps {
    /// The first instant.
    pub fn start(self) -> Timestamp {
        match self {
            Self::Instant(at) => at,
            Self::Range { range, .. } => range.start(),
        }
    }

    /// The last instant of the grid, at or before the end that was asked for.
    pub fn last(self) -> Timestamp {
        match self {
            Self::Instant(at) => at,
            Self::Range { step, .. } => Timestamp::from_millis(
                self.start().as_millis() + (self.count() as i64 - 1) * step.get() as i64,
            ),
        }
    }

    /// How many instants; at least one.
    pub fn count(self) -> usize {
        match self {
            Self::Instant(_) => 1,
            Self::Range { range, step } => {
                let span = (range.end() - range.start()).as_millis() as u64;
                usize::try_from(span / step.get()).unwrap_or(usize::MAX - 1) + 1
            }
        }
    }

    /// The instants, oldest first.
    pub fn iter(self) -> impl Iterator<Item = Timestamp> {
        let (start, step) = match self {
            Self::Instant(at) => (at, 0),
            Self::Range { range, step } => (range.start(), step.get() as i64),
        };
        (0..self.count() as i64).map(move |i| Timestamp::from_millis(start.as_millis() + i * step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_range_that_ends_before_it_starts_cannot_be_built() {
        assert!(TimeRange::new(at(2), at(1)).is_err());
        assert_eq!(TimeRange::new(at(1), at(1)), Ok(TimeRange::at(at(1))));
    }

    #[test]
    fn the_grid_ends_at_or_before_its_end() {
        let steps = Steps::Range {
            range: TimeRange::new(at(0), at(100)).unwrap(),
            step: NonZeroU64::new(30).unwrap(),
        };
        assert_eq!(
            steps.iter().map(Timestamp::as_millis).collect::<Vec<_>>(),
            [0, 30, 60, 90]
        );
        assert_eq!(steps.last(), at(90));
    }

    #[test]
    fn instants_before_the_epoch_print_as_they_are() {
        assert_eq!(at(1500).to_string(), "1.500");
    }
}
