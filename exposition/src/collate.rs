//! Lines of a page that are one thing together: the series of a classic histogram, which become a native one with custom
//! buckets, and in OpenMetrics a `_created` series, which says since when others count.
//!
//! Every line is parsed into labels, so that this costs more than a [`Parser`] alone.
//!
//! Source: `nhcbparse.go` and `StartTimestamp` of `openmetricsparse.go` in Prometheus, `model/textparse`.
use std::{collections::HashMap, sync::Arc};

use model::{
    BUCKET_LABEL, Labels, METRIC_NAME, MetricType, QUANTILE_LABEL, Timestamp,
    histogram::{ClassicError, ClassicHistogram},
};

use crate::{
    Entry, Exemplar, Format, HistogramRules, Item, LabelsError, Parser, Sample, Series,
    SyntaxError, float, series_text::SeriesText,
};

const CREATED: &str = "_created";

/// True if something may be told by several lines of `page`, if `starts` are asked for.
fn tells_starts(page: &[u8], format: Format, starts: bool) -> bool {
    starts
        && format == Format::OpenMetrics
        && memchr::memmem::find(page, CREATED.as_bytes()).is_some()
}

/// Gives all items of a `page` of lines to `visit`, up to its end or the first error, with classic histograms as `rules`
/// say and, with `starts`, since when samples count. False, and nothing done, if a [`Parser`] would give the same.
///
/// # Errors
/// [`SyntaxError`] if the page breaks its format, [`LabelsError`] if a series has no labels, or what `visit` says.
pub fn read_collated<E: From<SyntaxError> + From<LabelsError>>(
    page: &[u8],
    format: Format,
    rules: HistogramRules,
    starts: bool,
    visit: impl FnMut(Item<'_>) -> Result<(), E>,
) -> Result<bool, E> {
    let starts = tells_starts(page, format, starts);
    if !starts && !rules.to_nhcb {
        return Ok(false);
    }
    let mut reading = Reading {
        rules,
        starts: match starts {
            true => Some(starts_of(page)),
            false => None,
        },
        family: String::new(),
        collected: None,
        text: SeriesText::default(),
        visit,
    };
    for entry in Parser::new(page, format) {
        match entry? {
            Entry::Series(series) => reading.series(series)?,
            entry => {
                reading.flush()?;
                if let Entry::Type { metric, .. } = &entry {
                    metric.as_ref().clone_into(&mut reading.family);
                }
                (reading.visit)(Item::Told(entry))?;
            }
        }
    }
    reading.flush()?;
    Ok(true)
}

/// Since when the metrics of a page count, by family and labels.
type Starts = HashMap<(String, Labels), Timestamp>;

/// What the `_created` series of `page` say; of a broken page some.
fn starts_of(page: &[u8]) -> Starts {
    let mut starts = Starts::new();
    for entry in Parser::new(page, Format::OpenMetrics).map_while(Result::ok) {
        let Entry::Series(series) = entry else {
            continue;
        };
        if let Ok(labels) = series.labels()
            && is_cumulative(series.kind)
            && let Some(family) = labels.metric_name().strip_suffix(CREATED)
        {
            let at = Timestamp::from_millis((series.value * 1000.0) as i64);
            let key = (family.to_owned(), of_metric(&labels));
            starts.entry(key).or_insert(at);
        }
    }
    starts
}

/// True if it is counted since a start.
const fn is_cumulative(kind: MetricType) -> bool {
    matches!(
        kind,
        MetricType::Counter | MetricType::Histogram | MetricType::Summary
    )
}

/// The labels that all series of one metric share.
fn of_metric(labels: &Labels) -> Labels {
    let own = [METRIC_NAME, BUCKET_LABEL, QUANTILE_LABEL];
    Labels::from_pairs(labels.iter().filter(|(name, _)| !own.contains(name)))
}

/// The name of the histogram that a series called `name` is part of, if it is part of one.
fn base(name: &str) -> &str {
    let mut suffixes = ["_bucket", "_sum", "_count"].into_iter();
    let base = suffixes.find_map(|suffix| name.strip_suffix(suffix));
    base.unwrap_or(name)
}

/// A classic histogram of which some series were read.
struct Collected<'p> {
    labels: Labels,
    histogram: Result<ClassicHistogram, ClassicError>,
    exemplars: Vec<Exemplar<'p>>,
    timestamp: Option<Timestamp>,
    start: Option<Timestamp>,
}

/// What a series is in a classic histogram.
enum Part {
    Bucket(f64),
    Count,
    Sum,
}

struct Reading<'p, V> {
    rules: HistogramRules,
    /// None if they are not asked for.
    starts: Option<Starts>,
    /// The name on the last `# TYPE` line.
    family: String,
    collected: Option<Collected<'p>>,
    text: SeriesText,
    visit: V,
}

impl<'p, E: From<SyntaxError> + From<LabelsError>, V: FnMut(Item<'_>) -> Result<(), E>>
    Reading<'p, V>
{
    fn series(&mut self, series: Series<'p>) -> Result<(), E> {
        let collates = self.rules.to_nhcb && series.kind == MetricType::Histogram;
        let has_start = self.starts.is_some() && is_cumulative(series.kind);
        if !collates && !has_start {
            self.flush()?;
            return self.sample(series, None);
        }
        let labels = series.labels()?;
        let name = labels.metric_name();
        if has_start && name.ends_with(CREATED) {
            return Ok(());
        }
        let metric = of_metric(&labels);
        let starts = self
            .starts
            .as_ref()
            .filter(|_| name.starts_with(&self.family));
        let start = starts.and_then(|starts| {
            let key = (self.family.clone(), metric.clone());
            starts.get(&key).copied()
        });
        let part = match collates {
            true => self.part(&labels),
            false => None,
        };
        let is_same = |c: &Collected<'_>| c.labels == metric && base(name) == self.family;
        if !self.collected.as_ref().is_some_and(is_same) {
            self.flush()?;
        }
        if let Some(part) = part {
            self.collect(&series, metric, part, start);
            if !self.rules.always_classic {
                return Ok(());
            }
        }
        self.sample(series, start)
    }

    /// What the series with `labels` is in the histogram of the family, if it is a part of it.
    fn part(&self, labels: &Labels) -> Option<Part> {
        match labels.metric_name().strip_prefix(self.family.as_str())? {
            "_bucket" => {
                let bound = float::parse(labels.get(BUCKET_LABEL)?.as_bytes()).ok()?;
                (!bound.is_nan()).then_some(Part::Bucket(bound))
            }
            "_count" => Some(Part::Count),
            "_sum" => Some(Part::Sum),
            _ => None,
        }
    }

    fn collect(
        &mut self,
        series: &Series<'p>,
        labels: Labels,
        part: Part,
        start: Option<Timestamp>,
    ) {
        let collected = self.collected.get_or_insert_with(|| Collected {
            labels,
            histogram: Ok(ClassicHistogram::default()),
            exemplars: Vec::new(),
            timestamp: None,
            start,
        });
        collected.timestamp = series.timestamp;
        // Those without a time are not taken for histograms.
        let timed = series.exemplar.filter(|e| e.timestamp.is_some());
        collected.exemplars.extend(timed);
        if let Ok(histogram) = &mut collected.histogram {
            let set = match part {
                Part::Bucket(bound) => histogram.set_bucket(bound, series.value),
                Part::Count => histogram.set_count(series.value),
                Part::Sum => {
                    histogram.set_sum(series.value);
                    Ok(())
                }
            };
            if let Err(error) = set {
                collected.histogram = Err(error);
            }
        }
    }

    /// Gives the histogram that was collected, if its series make one.
    fn flush(&mut self) -> Result<(), E> {
        let Some(collected) = self.collected.take() else {
            return Ok(());
        };
        let native = collected.histogram.and_then(|classic| classic.to_native());
        let Some(native) = native.ok().filter(|native| native.check().is_ok()) else {
            return Ok(());
        };
        self.text.begin();
        for (name, value) in collected.labels.iter() {
            self.text.label(name, value);
        }
        self.text.series(&self.family, "", None);
        let series = self.text.written(native.sum, collected.timestamp);
        (self.visit)(Item::Sample(Sample {
            series,
            histogram: Some(Arc::new(native)),
            start: collected.start,
            exemplars: &collected.exemplars,
        }))
    }

    fn sample(&mut self, series: Series<'p>, start: Option<Timestamp>) -> Result<(), E> {
        let exemplar = series.exemplar;
        (self.visit)(Item::Sample(Sample {
            // What stands before it was told.
            series: Series {
                before: &[],
                exemplar: None,
                ..series
            },
            histogram: None,
            start,
            exemplars: exemplar.as_slice(),
        }))
    }
}
