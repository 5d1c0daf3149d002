//! The series of a group that one holder alone has sent: every row is a winner, so that columns become samples as they
//! stand. In a pushed group absence marks nothing.
use column::Buffer;
use model::{
    GroupSlice, STALE_NAN, Sample, Series, SeriesSlice, TimeRange, Timestamp, is_deleted_nan,
};

use super::sample::{Full, clear};

/// The rows of a slice, made ready for its columns.
#[derive(Debug)]
pub(super) struct Rows {
    times: Vec<Timestamp>,
    range: TimeRange,
    /// Each row's time is after that of the row before.
    ascending: bool,
    /// Absence after presence is a staleness marker.
    absence_marks: bool,
    /// The first row in the range, and the first after it.
    first: usize,
    end: usize,
}

impl Rows {
    pub(super) fn of(slice: &GroupSlice, range: TimeRange) -> Self {
        let times: Vec<Timestamp> = slice.rows.iter().map(|row| row.at).collect();
        Self {
            absence_marks: !slice.group.is_pushed(),
            ascending: times.is_sorted_by(|a, b| a < b),
            first: times.partition_point(|at| *at < range.start()),
            end: times.partition_point(|at| *at <= range.end()),
            times,
            range,
        }
    }

    /// Puts the samples of `series` with its derived markers, strictly ascending and within the range, into `unfolded`.
    /// What is encoded is decoded in `buffer`.
    pub(super) fn unfold(&self, series: &SeriesSlice, buffer: &mut Buffer, unfolded: &mut Series) {
        clear(unfolded);
        let values = series.values.numbers(buffer);
        // Without a way out in the middle this is many values at once.
        let has_deleted = (values.iter()).fold(false, |any, v| any | is_deleted_nan(*v));
        let is_plain = series.histograms.is_empty() && series.starts.is_empty();
        let is_simple = is_plain && !has_deleted && series.times.is_empty() && self.ascending;
        let Some(rows) = series.rows.as_run().filter(|_| is_simple) else {
            return self.unfold_one_by_one(series, values, unfolded);
        };
        if rows.is_empty() {
            return;
        }
        let (first, after) = (rows.start as usize, rows.end as usize);
        let samples = &mut unfolded.samples;
        let (from, to) = (first.max(self.first), after.min(self.end));
        if from < to {
            let points = self.times[from..to].iter().zip(&values[from - first..]);
            samples.extend(points.map(|(at, value)| Sample {
                at: *at,
                value: *value,
            }));
        }
        if self.absence_marks && (self.first..self.end).contains(&after) {
            samples.push(Sample {
                at: self.times[after],
                value: STALE_NAN,
            });
        }
    }

    /// The same for series that come and go, and for those with times of their own or more than numbers.
    fn unfold_one_by_one(&self, series: &SeriesSlice, values: &[f64], unfolded: &mut Series) {
        let mut newest = None;
        let mut push = |full: Full<'_>| {
            let at = full.sample.at;
            if newest.is_none_or(|newest| newest < at) {
                newest = Some(at);
                if self.range.contains(at) {
                    full.put(unfolded);
                }
            }
        };
        for (i, (row, value)) in series.rows.iter().zip(values).enumerate() {
            let next = row as usize + 1;
            let own = self.times[next - 1];
            let at = *series.times.get(i).unwrap_or(&own);
            if is_deleted_nan(*value) {
                continue;
            }
            push(Full::of_slice(series, values, i, at));
            let goes_on = series.rows.get(i + 1) == Some(row + 1);
            if let Some(after) = self.times.get(next)
                && self.absence_marks
                && !goes_on
                && at == own
            {
                push(Full::of(*after, STALE_NAN));
            }
        }
    }
}
