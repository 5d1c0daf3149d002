//! `pleiades tsdb list`: what is stored, day by day.
use std::fmt::Write as _;

use chrono::DateTime;
use clap::Args;
use model::{GroupSlice, Millis, SeriesSlice, TimeRange, Timestamp};
use tsdb::{Day, Tsdb};

use super::{Directory, open};

/// List the days that are stored.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print human readable values.
    #[arg(short = 'r', long)]
    human_readable: bool,
    #[command(flatten)]
    directory: Directory,
}

impl List {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        print(&open::existing(&self.directory.path)?, self.human_readable)
    }
}

/// The name of a day: `2026-11-23`.
pub(super) fn name(day: &Day) -> String {
    let start = DateTime::from_timestamp_millis(day.range.start().as_millis());
    start.map_or_else(
        || day.range.start().to_string(),
        |start| start.format("%Y-%m-%d").to_string(),
    )
}

/// The times of the samples of `series`, a part of `slice`.
pub(super) fn times<'a>(
    slice: &'a GroupSlice,
    series: &'a SeriesSlice,
) -> impl Iterator<Item = Timestamp> + 'a {
    let rows = series.rows.iter().enumerate();
    rows.map(|(i, row)| match series.times.get(i) {
        Some(time) => *time,
        None => slice.rows[row as usize].at,
    })
}

/// What a day has.
#[derive(Debug, Default)]
struct Figures {
    /// Of the samples.
    range: Option<TimeRange>,
    n_samples: u64,
    n_series: u64,
}

impl Figures {
    fn of(db: &Tsdb, day: &Day) -> anyhow::Result<Self> {
        let mut figures = Self::default();
        for slice in db.select(&[], day.range)? {
            let slice = slice?;
            for series in &slice.series {
                let times = times(&slice, series).filter(|at| day.range.contains(*at));
                let n_before = figures.n_samples;
                for at in times {
                    let at = TimeRange::at(at);
                    figures.range = Some(figures.range.map_or(at, |range| range.hull(at)));
                    figures.n_samples += 1;
                }
                figures.n_series += u64::from(figures.n_samples > n_before);
            }
        }
        Ok(figures)
    }
}

/// Prints a table with promtool's columns.
pub(super) fn print(db: &Tsdb, human: bool) -> anyhow::Result<()> {
    let mut rows = vec![
        [
            "BLOCK ULID",
            "MIN TIME",
            "MAX TIME",
            "DURATION",
            "NUM SAMPLES",
            "NUM CHUNKS",
            "NUM SERIES",
            "SIZE",
        ]
        .map(str::to_owned),
    ];
    for day in db.days()? {
        let figures = Figures::of(db, &day)?;
        let Some(range) = figures.range else {
            continue;
        };
        rows.push([
            name(&day),
            time(range.start(), human),
            time(range.end(), human),
            duration(range.end() - range.start()),
            figures.n_samples.to_string(),
            day.n_blocks.to_string(),
            figures.n_series.to_string(),
            bytes(day.n_bytes, human),
        ]);
    }
    crate::print(table(&rows).trim_end_matches('\n'));
    Ok(())
}

fn time(at: Timestamp, human: bool) -> String {
    let seconds = at.as_millis().div_euclid(1000);
    match DateTime::from_timestamp(seconds, 0) {
        Some(time) if human => time.format("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        _ => at.as_millis().to_string(),
    }
}

/// `1GiB2MiB3KiB4B`, as promtool's unit library prints sizes.
fn bytes(n_bytes: u64, human: bool) -> String {
    if !human || n_bytes == 0 {
        return n_bytes.to_string() + if human { "B" } else { "" };
    }
    let (mut text, mut left) = (String::new(), n_bytes);
    for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)] {
        let n = left >> shift;
        left -= n << shift;
        if n > 0 {
            let _ = write!(text, "{n}{unit}");
        }
    }
    text
}

/// A span as Go prints its durations: `1h0m0.5s`.
pub(super) fn duration(span: Millis) -> String {
    let millis = span.as_millis();
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let seconds = (millis % 60_000) as f64 / 1000.0;
    match millis {
        0 => "0s".to_owned(),
        1..1000 => format!("{millis}ms"),
        _ if hours > 0 => format!("{hours}h{minutes}m{seconds}s"),
        _ if minutes > 0 => format!("{minutes}m{seconds}s"),
        _ => format!("{seconds}s"),
    }
}

/// Columns of at least thirteen letters with two blanks between them; the last one is as wide as it is.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |i: usize| {
        rows.iter()
            .map(|row| row[i].len() + 2)
            .max()
            .unwrap_or(0)
            .max(13)
    };
    let mut text = String::new();
    for row in rows {
        for (i, cell) in row[..N - 1].iter().enumerate() {
            let _ = write!(text, "{cell:<0$}", width(i));
        }
        text.push_str(&row[N - 1]);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_printed_as_promtool_prints_them() {
        let at = Timestamp::from_millis(1_577_836_800_500);
        assert_eq!(time(at, true), "2020-01-01 00:00:00 +0000 UTC");
        assert_eq!(time(at, false), "1577836800500");
        assert_eq!(bytes((1 << 20) + 1029, true), "1MiB1KiB5B");
        assert_eq!(bytes(1029, false), "1029");
        let spans = [0, 15, 1500, 60_000, 7_200_000].map(|millis| duration(Millis::new(millis)));
        assert_eq!(spans, ["0s", "15ms", "1.5s", "1m0s", "2h0m0s"]);
        let rows = [["a", "b"], ["a long one, so it is", "c"]].map(|row| row.map(str::to_owned));
        assert_eq!(
            table(&rows),
            "a                    b\na long one, so it is  c\n"
                .replace("a                    b", "a                     b")
        );
    }
}
