//! Keeps the label sets of a result apart.
use std::hash::BuildHasher;

use foldhash::{HashMap, HashMapExt, HashSet, quality::FixedState};
use model::{Labels, METRIC_NAME};

use super::{Flow, Sink, column::EvalSeries};
use crate::error::EvalError;

/// Labels that describe the metric as it was scraped, and no longer hold for what is computed from it.
///
/// Source: `IsMetadataLabel` in Prometheus, `schema/labels.go`.
const METADATA: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

/// True for the name of such a label.
pub(crate) fn is_metadata(name: &str) -> bool {
    METADATA.contains(&name)
}

/// True if the labels hold more metadata than the metric's name.
pub(crate) fn has_type_or_unit(labels: &Labels) -> bool {
    METADATA[1..].iter().any(|name| labels.get(name).is_some())
}

/// The labels without the metric's name, type and unit.
pub(crate) fn without_metadata(labels: &Labels) -> Labels {
    match labels.iter().any(|(name, _)| METADATA.contains(&name)) {
        true => labels.filtered(|name| !METADATA.contains(&name)),
        false => labels.clone(),
    }
}

/// Label sets of which each may come once.
#[derive(Debug, Default)]
pub(crate) struct Distinct(HashSet<u64>);

impl Distinct {
    /// Notes that `labels` came.
    ///
    /// Told apart by a hash of 64 bits, as in Prometheus.
    pub(crate) fn add(&mut self, labels: &Labels) -> Flow {
        match self.0.insert(FixedState::default().hash_one(labels)) {
            true => Ok(()),
            false => Err(EvalError::DuplicateLabelset),
        }
    }
}

/// Series by their labels; those with the same labels are joined, if they have no step in common.
#[derive(Debug)]
pub(crate) struct Merged {
    places: HashMap<Labels, usize>,
    list: Vec<EvalSeries>,
}

impl Merged {
    pub(crate) fn new() -> Self {
        Self {
            places: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// Adds a series.
    pub(crate) fn add(&mut self, series: EvalSeries) -> Flow {
        if let Some(place) = self.places.get(&series.labels) {
            return match self.list[*place].column.merge(&series.column) {
                true => Ok(()),
                false => Err(EvalError::DuplicateLabelset),
            };
        }
        self.places.insert(series.labels.clone(), self.list.len());
        self.list.push(series);
        Ok(())
    }

    /// The series, in the order in which their labels first came.
    pub(crate) fn into_series(self) -> Vec<EvalSeries> {
        self.list
    }

    /// Hands the series on, in the order in which their labels first came.
    pub(crate) fn drain(self, sink: &mut Sink<'_>) -> Flow {
        self.list.into_iter().try_for_each(sink)
    }
}

/// Series that lose their names on the way.
///
/// Where all had one name, the labels stay apart without it, so that series are handed on as they come. Otherwise
/// all are held until the last, since two that become alike are joined.
pub(crate) struct Unnamed {
    one_name: bool,
    delayed: bool,
    passed: Distinct,
    held: Merged,
}

impl Unnamed {
    /// For series that, if `one_name`, have one metric name in common. If `delayed`, names are marked, not dropped.
    pub(crate) fn new(one_name: bool, delayed: bool) -> Self {
        Self {
            one_name,
            delayed,
            passed: Distinct::default(),
            held: Merged::new(),
        }
    }

    /// Drops the name of a series and hands it on, or holds it.
    pub(crate) fn add(&mut self, mut series: EvalSeries, sink: &mut Sink<'_>) -> Flow {
        series.drop_name = true;
        if self.delayed {
            return sink(series);
        }
        let streams = self.one_name && !has_type_or_unit(&series.labels);
        series.labels = without_metadata(&series.labels);
        if !streams {
            return self.held.add(series);
        }
        self.passed.add(&series.labels)?;
        sink(series)
    }

    /// Hands on what was held.
    pub(crate) fn finish(mut self, sink: &mut Sink<'_>) -> Flow {
        for series in self.held.into_series() {
            self.passed.add(&series.labels)?;
            sink(series)?;
        }
        Ok(())
    }
}
