//! Limits: when one is reached new series are refused, with a reason that is counted; those that are known go on.
use std::collections::HashMap;

use model::{GroupKey, Labels, Millis, Timestamp};
use parking_lot::Mutex;

/// The time over which new series are counted.
const WINDOW: Millis = Millis::from_seconds(60);

/// What an operator may set; 0 sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Limits {
    /// New series are refused while so many are active; 0 sets no limit.
    #[arg(
        long = "limits.max-active-series",
        env = "PLEIADES_LIMITS_MAX_ACTIVE_SERIES",
        default_value = "0"
    )]
    pub max_active_series: u64,
    /// New series of a scrape job are refused while so many of it are active here; 0 sets no limit.
    #[arg(
        long = "limits.max-active-series-per-job",
        env = "PLEIADES_LIMITS_MAX_ACTIVE_SERIES_PER_JOB",
        default_value = "0"
    )]
    pub max_active_series_per_job: u64,
    /// At most so many new series are taken in a minute; 0 sets no limit.
    #[arg(
        long = "limits.max-new-series-per-minute",
        env = "PLEIADES_LIMITS_MAX_NEW_SERIES_PER_MINUTE",
        default_value = "0"
    )]
    pub max_new_series_per_minute: u64,
    /// New series with more labels are refused; 0 sets no limit.
    #[arg(
        long = "limits.max-label-names-per-series",
        env = "PLEIADES_LIMITS_MAX_LABEL_NAMES_PER_SERIES",
        default_value = "0"
    )]
    pub max_label_names_per_series: usize,
    /// New series with a label name of more bytes are refused; 0 sets no limit.
    #[arg(
        long = "limits.max-length-label-name",
        env = "PLEIADES_LIMITS_MAX_LENGTH_LABEL_NAME",
        default_value = "0"
    )]
    pub max_length_label_name: usize,
    /// New series with a label value of more bytes are refused; 0 sets no limit.
    #[arg(
        long = "limits.max-length-label-value",
        env = "PLEIADES_LIMITS_MAX_LENGTH_LABEL_VALUE",
        default_value = "0"
    )]
    pub max_length_label_value: usize,
}

/// Why a series was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0} series are active, the limit of --limits.max-active-series")]
    ActiveSeries(u64),
    #[error("{0} series of its job are active, the limit of --limits.max-active-series-per-job")]
    ActiveSeriesOfJob(u64),
    #[error("{0} series came within a minute, the limit of --limits.max-new-series-per-minute")]
    NewSeries(u64),
    #[error("it has more than {0} labels, the limit of --limits.max-label-names-per-series")]
    Labels(usize),
    #[error("a label name has more than {0} bytes, the limit of --limits.max-length-label-name")]
    LabelName(usize),
    #[error("a label value has more than {0} bytes, the limit of --limits.max-length-label-value")]
    LabelValue(usize),
}

impl Refusal {
    /// The label that it is counted under.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::ActiveSeries(_) => "max_active_series",
            Self::ActiveSeriesOfJob(_) => "max_active_series_per_job",
            Self::NewSeries(_) => "max_new_series_per_minute",
            Self::Labels(_) => "max_label_names_per_series",
            Self::LabelName(_) => "max_length_label_name",
            Self::LabelValue(_) => "max_length_label_value",
        }
    }
}

/// Counts series against the limits.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    limits: Limits,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Active series as they were last counted, and those admitted since.
    n_active: u64,
    by_job: HashMap<String, u64>,
    /// The job and the active series of each target, as of its last scrape.
    targets: HashMap<GroupKey, (String, u64)>,
    /// When the present window began, and how many new series it has seen.
    window: Option<Timestamp>,
    n_new: u64,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            counts: Mutex::default(),
        }
    }

    /// True if anything is limited.
    pub(crate) fn is_guarded(&self) -> bool {
        self.limits != Limits::default()
    }

    /// Admits a series that is not known yet, of a scrape job or pushed, and counts it.
    pub(crate) fn admit(
        &self,
        job: Option<&str>,
        labels: &Labels,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let limits = &self.limits;
        self.check_labels(labels)?;
        let mut counts = self.counts.lock();
        if counts
            .window
            .is_none_or(|begun| now < begun || begun + WINDOW <= now)
        {
            counts.window = Some(now);
            counts.n_new = 0;
        }
        let n_of_job = job.and_then(|job| counts.by_job.get(job).copied());
        let is_reached = |limit: u64, n: u64| limit > 0 && n >= limit;
        if is_reached(limits.max_new_series_per_minute, counts.n_new) {
            return Err(Refusal::NewSeries(limits.max_new_series_per_minute));
        }
        if is_reached(limits.max_active_series, counts.n_active) {
            return Err(Refusal::ActiveSeries(limits.max_active_series));
        }
        if is_reached(limits.max_active_series_per_job, n_of_job.unwrap_or(0)) && job.is_some() {
            return Err(Refusal::ActiveSeriesOfJob(limits.max_active_series_per_job));
        }
        counts.n_new += 1;
        counts.n_active += 1;
        if let Some(job) = job {
            match counts.by_job.get_mut(job) {
                Some(n) => *n += 1,
                None => drop(counts.by_job.insert(job.to_owned(), 1)),
            }
        }
        Ok(())
    }

    fn check_labels(&self, labels: &Labels) -> Result<(), Refusal> {
        let limits = &self.limits;
        let is_above = |limit: usize, n: usize| limit > 0 && n > limit;
        if is_above(limits.max_label_names_per_series, labels.len()) {
            return Err(Refusal::Labels(limits.max_label_names_per_series));
        }
        for (name, value) in labels.iter() {
            if is_above(limits.max_length_label_name, name.len()) {
                return Err(Refusal::LabelName(limits.max_length_label_name));
            }
            if is_above(limits.max_length_label_value, value.len()) {
                return Err(Refusal::LabelValue(limits.max_length_label_value));
            }
        }
        Ok(())
    }

    /// Takes note of how many series are active by now.
    pub(crate) fn counted(&self, n_active: u64) {
        self.counts.lock().n_active = n_active;
    }

    /// Takes note of how many series the last scrape of a target gave.
    pub(crate) fn scraped(&self, key: GroupKey, job: &str, n_series: u64) {
        if self.limits.max_active_series_per_job == 0 {
            return;
        }
        let mut counts = self.counts.lock();
        if let Some((known, n)) = counts.targets.get_mut(&key)
            && known == job
        {
            *n = n_series;
        } else {
            counts.targets.insert(key, (job.to_owned(), n_series));
        }
    }

    /// Sums the jobs up anew: what was admitted since shows in the scrapes of its targets.
    pub(crate) fn sum_up(&self, is_target: impl Fn(GroupKey) -> bool) {
        let counts = &mut *self.counts.lock();
        counts.targets.retain(|key, _| is_target(*key));
        counts.by_job.clear();
        for (job, n) in counts.targets.values() {
            *counts.by_job.entry(job.clone()).or_default() += n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(value: &str) -> Labels {
        Labels::from_pairs([("__name__", "m"), ("pod", value)])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn new_series_are_refused_at_each_limit() {
        let gate = Gate::new(Limits {
            max_active_series: 4,
            max_active_series_per_job: 2,
            max_new_series_per_minute: 3,
            max_label_names_per_series: 2,
            max_length_label_name: 8,
            max_length_label_value: 3,
        });
        let admit = |job, value, now| gate.admit(job, &series(value), at(now));
        assert_eq!(admit(Some("a"), "1", 0), Ok(()));
        assert_eq!(admit(Some("a"), "2", 1), Ok(()));
        assert_eq!(admit(Some("a"), "3", 2), Err(Refusal::ActiveSeriesOfJob(2)));
        assert_eq!(admit(Some("b"), "3", 2), Ok(()));
        assert_eq!(admit(Some("b"), "4", 59), Err(Refusal::NewSeries(3)));
        assert_eq!(admit(None, "4", 60), Ok(()));
        assert_eq!(admit(None, "5", 61), Err(Refusal::ActiveSeries(4)));
        // When there is room again, they come.
        gate.counted(3);
        gate.scraped(GroupKey(1), "a", 1);
        gate.sum_up(|_| true);
        assert_eq!(admit(Some("a"), "5", 62), Ok(()));
        assert_eq!(admit(Some("a"), "1234", 63), Err(Refusal::LabelValue(3)));
        let long = Labels::from_pairs([("__name__", "m"), ("namespace", "1")]);
        assert_eq!(gate.admit(None, &long, at(64)), Err(Refusal::LabelName(8)));
        let many = Labels::from_pairs([("__name__", "m"), ("a", "1"), ("b", "1")]);
        assert_eq!(gate.admit(None, &many, at(64)), Err(Refusal::Labels(2)));
    }

    #[test]
    fn without_limits_everything_is_admitted() {
        let gate = Gate::new(Limits::default());
        assert_eq!(gate.admit(Some("a"), &series("1"), at(0)), Ok(()));
    }
}
