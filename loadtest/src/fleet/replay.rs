//! A page that was recorded from a program, replayed: its text as it was, its values moving as such values do.
//!
//! What was counted goes on at the rate of an hour's uptime, gauges swing a little, and zeros, small whole gauges and
//! points in time stay as they are, which on real pages is most of them.
use std::f64::consts::TAU;

use exposition::{Entry, Format, Parser, SyntaxError};
use model::{MetricType, Timestamp};

use super::{
    number::{fraction, hash, push_decimal, push_whole},
    page::EPOCH_MILLIS,
};

/// What a recorded counter counted took so long.
const UPTIME_SECONDS: f64 = 3600.0;
/// Whole gauges below it are flags, limits and counts of few things.
const SMALL: f64 = 100.0;
/// More decimals are not shown, so that what has grown fits into 64 bits.
const MAX_DECIMALS: usize = 6;

/// A recorded page.
#[derive(Debug)]
pub(super) struct Replay {
    lines: Vec<Line>,
    /// What stands behind the last value.
    tail: Box<[u8]>,
}

/// The text up to a value, and the value.
#[derive(Debug)]
struct Line {
    before: Box<[u8]>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Still(Box<[u8]>),
    /// `from * elapsed hours`
    Grows(f64, u32),
    /// Around the value.
    Swings(f64, u32),
}

impl Replay {
    /// Reads a page in the text format.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn read(page: &[u8]) -> Result<Self, SyntaxError> {
        let (mut lines, mut kind, mut read) = (Vec::new(), MetricType::Unknown, 0);
        for entry in Parser::new(page, Format::Text) {
            match entry? {
                Entry::Type { kind: told, .. } => kind = told,
                Entry::Series(series) => {
                    // The texts of entries are parts of the page, which tells where they stand.
                    let start = series.text.as_ptr() as usize - page.as_ptr() as usize;
                    let end = start + series.text.len();
                    let rest = &page[end..];
                    let line = &rest[..rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())];
                    let text = line.trim_ascii();
                    let text = text.split(|b| *b == b' ').next().unwrap_or(text);
                    let mut before = page[read..end].to_vec();
                    before.push(b' ');
                    read = end + line.len();
                    lines.push(Line {
                        before: before.into(),
                        value: Value::of(kind, series.text, series.value, text),
                    });
                }
                Entry::Help { .. } | Entry::Unit { .. } | Entry::Comment(_) => {}
            }
        }
        Ok(Self {
            lines,
            tail: page[read..].into(),
        })
    }

    pub(super) const fn n_series(&self) -> usize {
        self.lines.len()
    }

    /// Appends the page of a target, all of whose values follow from `chance` and the time.
    pub(super) fn write(&self, chance: u64, at: Timestamp, page: &mut Vec<u8>) {
        let elapsed = (at.as_millis() - EPOCH_MILLIS).max(0) as f64 / 1000.0;
        let uptimes = elapsed / UPTIME_SECONDS * (0.5 + fraction(chance, 0));
        for (i, line) in self.lines.iter().enumerate() {
            page.extend_from_slice(&line.before);
            let chance = hash([chance, i as u64]);
            match &line.value {
                Value::Still(text) => page.extend_from_slice(text),
                Value::Grows(from, decimals) => push(page, from * uptimes, *decimals),
                Value::Swings(around, decimals) => {
                    let period = 300.0 + 600.0 * fraction(chance, 0);
                    let swing = (TAU * (elapsed / period + fraction(chance, 16))).sin();
                    push(page, around * (1.0 + swing / 20.0), *decimals);
                }
            }
        }
        page.extend_from_slice(&self.tail);
    }
}

impl Value {
    fn of(kind: MetricType, series: &[u8], value: f64, text: &[u8]) -> Self {
        let has = |part: &[u8]| series.windows(part.len()).any(|window| window == part);
        let fraction = text
            .iter()
            .position(|b| *b == b'.')
            .map(|at| &text[at + 1..]);
        let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
        let decimals = match fraction {
            _ if value.fract() == 0.0 => 0,
            Some(fraction) => digits(fraction).clamp(1, MAX_DECIMALS) as u32,
            None => MAX_DECIMALS as u32,
        };
        let counts = match kind {
            MetricType::Counter | MetricType::Histogram => true,
            MetricType::Summary => !has(b"quantile=\""),
            _ => false,
        };
        let is_instant = has(b"time_seconds") || has(b"timestamp") || has(b"created");
        let is_still = match counts {
            true => value <= 0.0,
            false => is_instant || value <= 0.0 || (decimals == 0 && value < SMALL),
        };
        if is_still || !value.is_finite() {
            Self::Still(text.into())
        } else if counts {
            Self::Grows(value, decimals)
        } else {
            Self::Swings(value, decimals)
        }
    }
}

fn push(page: &mut Vec<u8>, value: f64, decimals: u32) {
    let scaled = value * 10_f64.powi(decimals as i32);
    match decimals {
        0 => push_whole(page, scaled as u64),
        _ => push_decimal(page, scaled as u64, decimals),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP a_total All.\n# TYPE a_total counter\na_total{x=\"1 2\"} 1.5\na_total{x=\"3\"} 0\n\
                        # TYPE s summary\ns{quantile=\"0.5\"} NaN\ns_count 7\n\
                        # TYPE g gauge\ng 3\nbytes 1.048576e+06\n# The end.\n";

    fn at(seconds: i64) -> String {
        let replay = Replay::read(PAGE.as_bytes()).unwrap();
        assert_eq!(replay.n_series(), 6);
        let mut page = Vec::new();
        let at = Timestamp::from_millis(EPOCH_MILLIS + seconds * 1000);
        replay.write(5, at, &mut page);
        String::from_utf8(page).unwrap()
    }

    #[test]
    fn the_text_stays_and_what_is_counted_grows() {
        let values = |page: &str| -> Vec<f64> {
            let entries = Parser::new(page.as_bytes(), Format::Text);
            let series = entries.filter_map(|entry| match entry.unwrap() {
                Entry::Series(series) => Some(series.value),
                _ => None,
            });
            series.collect()
        };
        let (first, later) = (at(36_000), at(72_000));
        let (first_values, later_values) = (values(&first), values(&later));
        assert!(later_values[0] > first_values[0] && later_values[3] > first_values[3]);
        assert_eq!((first_values[1], first_values[4]), (0.0, 3.0));
        assert!(first_values[2].is_nan());
        assert!((950_000.0..1_150_000.0).contains(&first_values[5]));
        for line in [
            "a_total{x=\"3\"} 0",
            "s{quantile=\"0.5\"} NaN",
            "g 3",
            "# The end.",
        ] {
            assert!(first.lines().any(|shown| shown == line), "{line}: {first}");
        }
        assert!(Replay::read(b"a{ 1\n").is_err());
    }
}
