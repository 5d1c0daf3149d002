//! `info`: adds the labels of info metrics to the series of the same target.
//!
//! Holds its input and the info series.
//!
//! Source: Prometheus, `promql/info.go`.
use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt, HashSet};
use model::{INSTANCE_LABEL, JOB_LABEL, Labels, LabelsBuilder, METRIC_NAME, Matcher};

use crate::{
    error::EvalError,
    eval::{
        Evaluator, Flow, Sink,
        bits::Bits,
        column::{Column, EvalSeries, Grid},
        merge::Merged,
        select::Told,
    },
    plan::tree::InfoCall,
};

/// The labels that say which target a series is of.
const IDENTIFYING: [&str; 2] = [INSTANCE_LABEL, JOB_LABEL];

/// The labels of `labels` that say which target it is of.
fn target(labels: &Labels) -> Labels {
    labels.filtered(|name| IDENTIFYING.contains(&name))
}

/// The series of one info metric for one target; the newest counts.
#[derive(Default)]
struct Info {
    series: Vec<Labels>,
    /// At each step the place of the newest series, and the time of its sample.
    newest: Vec<Option<(usize, i64)>>,
}

impl Info {
    /// Takes in a series and the times of its samples; where another is as new, the step clashes.
    ///
    /// So does it where the series is a histogram.
    fn add(&mut self, labels: &Labels, times: &Column, len: usize) -> Option<(usize, EvalError)> {
        self.newest.resize(len, None);
        let is_histogram = |i: &usize| times.histogram(*i).is_some();
        let histogram = times.present().iter().find(is_histogram);
        let mut clash = histogram.map(|i| (i, EvalError::HistogramInfo));
        for (i, time) in times.iter() {
            let at = (time * 1000.0).round() as i64;
            match self.newest[i] {
                Some((_, newest)) if newest > at => {}
                Some((other, newest)) if newest == at => {
                    let series = Box::new([self.series[other].clone(), labels.clone()]);
                    if clash.as_ref().is_none_or(|(step, _)| i < *step) {
                        clash = Some((i, EvalError::DuplicateInfo { series, at }));
                    }
                }
                _ => self.newest[i] = Some((self.series.len(), at)),
            }
        }
        self.series.push(labels.clone());
        clash
    }
}

/// The info series by target, then by metric.
type Infos = HashMap<Labels, BTreeMap<String, Info>>;

impl Evaluator<'_> {
    pub(in crate::eval) fn info(&self, call: &InfoCall, grid: Grid, sink: &mut Sink<'_>) -> Flow {
        let held = self.n_samples.get();
        let mut base: Vec<EvalSeries> = Vec::new();
        self.vector(&call.arg, grid, &mut |series| {
            base.push(series);
            Ok(())
        })?;
        let infos = self.infos(call, &base, grid)?;
        let mut merged = Merged::new();
        for series in base {
            // Info metrics are not told about themselves.
            if is_info(call, &series.labels) {
                merged.add(series)?;
                continue;
            }
            let infos: Vec<&Info> = infos
                .get(&target(&series.labels))
                .map(|by_name| by_name.values().collect())
                .unwrap_or_default();
            enrich(call, series, &infos, grid, &mut merged)?;
        }
        let list = merged.into_series();
        self.hold_only(held, list.iter().map(|s| s.column.weight()).sum())?;
        list.into_iter().try_for_each(sink)
    }

    /// The info series of the targets that `base` has series of.
    fn infos(&self, call: &InfoCall, base: &[EvalSeries], grid: Grid) -> Result<Infos, EvalError> {
        let mut infos = Infos::new();
        let mut present = Bits::none(grid.len);
        base.iter().for_each(|s| present.add(&s.column.present()));
        let enriched = || base.iter().filter(|s| !is_info(call, &s.labels));
        let known: Vec<(&str, HashSet<&str>)> = IDENTIFYING
            .into_iter()
            .map(|name| {
                (
                    name,
                    enriched().filter_map(|s| s.labels.get(name)).collect(),
                )
            })
            .filter(|(_, values): &(&str, HashSet<&str>)| !values.is_empty())
            .collect();
        if known.is_empty() {
            return Ok(infos);
        }
        let mut clash: Option<(usize, EvalError)> = None;
        self.latest(&call.infos, grid, Told::NumberTime, &mut |info| {
            let is_known =
                |(name, values): &(&str, HashSet<&str>)| values.contains(info.labels.value(name));
            if !known.iter().all(is_known) {
                return Ok(());
            }
            let by_name = infos.entry(target(&info.labels)).or_default();
            let metric = by_name
                .entry(info.labels.metric_name().to_owned())
                .or_default();
            let mut times = info.column;
            // Where there is nothing to add labels to, nothing clashes.
            times.keep(&present);
            if let Some(found) = metric.add(&info.labels, &times, grid.len)
                && clash.as_ref().is_none_or(|(step, _)| found.0 < *step)
            {
                clash = Some(found);
            }
            Ok(())
        })?;
        match clash {
            Some((_, error)) => Err(error),
            None => Ok(infos),
        }
    }
}

fn is_info(call: &InfoCall, labels: &Labels) -> bool {
    let name = labels.metric_name();
    call.name_matchers.iter().all(|m| m.matches(name))
}

/// Splits a series by which info series hold at each step, and adds their labels.
fn enrich(
    call: &InfoCall,
    series: EvalSeries,
    infos: &[&Info],
    grid: Grid,
    merged: &mut Merged,
) -> Flow {
    let newest = |i: usize| -> Vec<Option<usize>> {
        let place = |info: &&Info| info.newest[i].map(|(place, _)| place);
        infos.iter().map(place).collect()
    };
    let mut parts: Vec<(Vec<Option<usize>>, Column)> = Vec::new();
    let present = series.column.present();
    for (i, value) in present
        .iter()
        .filter_map(|i| Some((i, series.column.value(i)?)))
    {
        let held = newest(i);
        let part = match parts.iter().position(|(other, _)| *other == held) {
            Some(part) => part,
            None => {
                parts.push((held, Column::empty(grid.len)));
                parts.len() - 1
            }
        };
        parts[part].1.set_value(i, value);
    }
    for (held, column) in parts {
        let found: Vec<&Labels> = held
            .iter()
            .zip(infos)
            .filter_map(|(place, info)| place.map(|place| &info.series[place]))
            .collect();
        let may_lack = || call.label_matchers.iter().all(Matcher::matches_empty);
        if found.is_empty() && !may_lack() {
            continue;
        }
        merged.add(EvalSeries {
            labels: with_labels_of(call, &series.labels, &found)?,
            drop_name: series.drop_name,
            column,
        })?;
    }
    Ok(())
}

/// The labels with those that `infos` add; what is there already stays as it is.
fn with_labels_of(
    call: &InfoCall,
    labels: &Labels,
    infos: &[&Labels],
) -> Result<Labels, EvalError> {
    let wanted = |name: &str| {
        name != METRIC_NAME
            && (call.label_matchers.is_empty()
                || call.label_matchers.iter().any(|m| m.name() == name))
    };
    let mut added = LabelsBuilder::default();
    for (name, value) in infos.iter().flat_map(|info| info.iter()) {
        if !wanted(name) || labels.get(name).is_some() {
            continue;
        }
        let other = added.value(name);
        if !other.is_empty() && other != value {
            return Err(EvalError::ConflictingLabel(name.to_owned()));
        }
        added.set(name, value);
    }
    let mut builder = labels.to_builder();
    for (name, value) in added.iter() {
        builder.set(name, value);
    }
    Ok(builder.build())
}
