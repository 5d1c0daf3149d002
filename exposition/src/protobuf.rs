//! Protobuf pages: `io.prometheus.client.MetricFamily` messages, each behind its length.
//!
//! What a page in text would have is made of them, in the same order: a summary is `_count`, `_sum` and its
//! quantiles, a classic histogram `_count`, `_sum` and its buckets. The text of a series is written as text pages
//! write it, so that it stands for its labels in the same way.
//!
//! Source: `protobufparse.go` in Prometheus, `model/textparse`.
mod message;
mod native;
mod wire;

use std::{borrow::Cow, sync::Arc};

use model::{Histogram, Labels, MetricType, Timestamp};

use self::{
    message::{Example, Family, HistogramMessage, Metric, Number, Summary},
    wire::WireError,
};
use crate::{
    Entry, Exemplar, HistogramRules, Item, LabelsError, Sample, SyntaxError, float,
    series_text::SeriesText,
};

/// Gives all items of a protobuf `page` to `visit`, up to its end or the first error.
///
/// # Errors
/// [`SyntaxError`] if the page breaks its format, or what `visit` says.
pub fn read_protobuf<E: From<SyntaxError>>(
    page: &[u8],
    rules: HistogramRules,
    visit: impl FnMut(Item<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut reading = Reading {
        rules,
        text: SeriesText::default(),
        exemplars: Vec::new(),
        offset: 0,
        visit,
    };
    let mut rest = page;
    while !rest.is_empty() {
        reading.offset = page.len() - rest.len();
        let message = wire::delimited(&mut rest).map_err(|e| reading.error(&e))?;
        reading.family(message)?;
    }
    Ok(())
}

/// The labels of the exemplar whose message is `body`.
pub(crate) fn exemplar_labels(body: &[u8]) -> Result<Labels, LabelsError> {
    let mut pairs: Vec<(&str, &str)> = message::example_labels(body).collect();
    pairs.sort_unstable();
    match pairs.windows(2).find(|two| two[0].0 == two[1].0) {
        Some(two) => Err(LabelsError::NotUnique {
            name: two[0].0.to_owned(),
        }),
        None => Ok(Labels::from_pairs(pairs)),
    }
}

struct Reading<'p, V> {
    rules: HistogramRules,
    text: SeriesText,
    /// Those of the sample at hand.
    exemplars: Vec<Exemplar<'p>>,
    /// Where the family at hand begins.
    offset: usize,
    visit: V,
}

impl<'p, E: From<SyntaxError>, V: FnMut(Item<'_>) -> Result<(), E>> Reading<'p, V> {
    fn error(&self, error: &impl ToString) -> E {
        let error = SyntaxError {
            line: 0,
            offset: self.offset,
            message: error.to_string(),
        };
        error.into()
    }

    fn ok<T>(&self, read: Result<T, WireError>) -> Result<T, E> {
        read.map_err(|error| self.error(&error))
    }

    fn family(&mut self, message: &'p [u8]) -> Result<(), E> {
        let family = self.ok(Family::read(message))?;
        if family.metrics().next().is_none() {
            return Ok(());
        }
        let lossy = |bytes| String::from_utf8_lossy(bytes);
        let name = match std::str::from_utf8(family.name) {
            Ok(name) if !name.is_empty() => name,
            _ => {
                let name = lossy(family.name);
                return Err(self.error(&format!("invalid metric name: {name}")));
            }
        };
        let Ok(help) = std::str::from_utf8(family.help) else {
            let help = lossy(family.help);
            return Err(self.error(&format!("invalid help for metric {name:?}: {help}")));
        };
        let kind = family.kind().map_err(|kind| {
            self.error(&format!("unknown metric type for metric {name:?}: {kind}"))
        })?;
        let metric = || Cow::Borrowed(name);
        let help = Cow::Borrowed(help);
        self.tell(Entry::Help {
            metric: metric(),
            help,
        })?;
        if !family.unit.is_empty() {
            let unit = lossy(family.unit);
            self.tell(Entry::Unit {
                metric: metric(),
                unit,
            })?;
        }
        self.tell(Entry::Type {
            metric: metric(),
            kind,
        })?;
        for metric in family.metrics() {
            self.metric(name, kind, metric)?;
        }
        Ok(())
    }

    fn tell(&mut self, entry: Entry<'_>) -> Result<(), E> {
        (self.visit)(Item::Told(entry))
    }

    fn metric(&mut self, name: &str, kind: MetricType, message: &'p [u8]) -> Result<(), E> {
        let metric = self.ok(Metric::read(message))?;
        self.text.begin();
        for label in metric.labels() {
            let (name, value) = self.ok(label)?;
            self.text.label(name, value);
        }
        let (value, time) = (metric.value(kind), metric.time);
        match kind {
            MetricType::Summary => {
                let summary = self.ok(Summary::read(value))?;
                self.summary(name, &summary, time)
            }
            MetricType::Histogram | MetricType::GaugeHistogram => {
                let histogram = self.ok(HistogramMessage::read(value))?;
                let is_gauge = kind == MetricType::GaugeHistogram;
                self.histogram(name, is_gauge, &histogram, time)
            }
            _ => {
                let number = self.ok(Number::read(value, kind == MetricType::Counter))?;
                self.take_exemplar(number.exemplar)?;
                self.text.series(name, "", None);
                self.number(number.value, time, number.start)
            }
        }
    }

    fn summary(&mut self, name: &str, summary: &Summary, time: Option<Timestamp>) -> Result<(), E> {
        let start = summary.start;
        self.text.series(name, "_count", None);
        self.number(summary.count as f64, time, start)?;
        self.text.series(name, "_sum", None);
        self.number(summary.sum, time, start)?;
        for (quantile, value) in &summary.quantiles {
            self.text
                .series(name, "", Some((model::QUANTILE_LABEL, *quantile)));
            self.number(*value, time, start)?;
        }
        Ok(())
    }

    fn histogram(
        &mut self,
        name: &str,
        is_gauge: bool,
        histogram: &HistogramMessage<'p>,
        time: Option<Timestamp>,
    ) -> Result<(), E> {
        let HistogramRules {
            native,
            always_classic,
            to_nhcb,
        } = self.rules;
        // Of what is refused on storing, Prometheus does not name the metric.
        let of_name = |error: native::NativeError| match error {
            native::NativeError::Mismatch { .. } => format!("histogram {name:?}: {error}"),
            other => other.to_string(),
        };
        if native && histogram.is_native() {
            let made = native::native(histogram, is_gauge);
            let made = made.map_err(|error| self.error(&of_name(error)))?;
            self.whole_histogram(name, made, histogram, time)?;
            if always_classic && !histogram.buckets.is_empty() {
                self.classic(name, histogram, time)?;
            }
            return Ok(());
        }
        if !to_nhcb || always_classic {
            self.classic(name, histogram, time)?;
        }
        if to_nhcb {
            let made = native::converted(histogram, is_gauge);
            let made = made.map_err(|error| self.error(&error))?;
            self.whole_histogram(name, made, histogram, time)?;
        }
        Ok(())
    }

    fn classic(
        &mut self,
        name: &str,
        histogram: &HistogramMessage<'p>,
        time: Option<Timestamp>,
    ) -> Result<(), E> {
        let (count, start) = (histogram.count(), histogram.start);
        self.text.series(name, "_count", None);
        self.number(count, time, start)?;
        self.text.series(name, "_sum", None);
        self.number(histogram.sum, time, start)?;
        for bucket in &histogram.buckets {
            self.take_exemplar(bucket.exemplar)?;
            self.bucket(name, bucket.bound, bucket.count, time, start)?;
            if bucket.bound == f64::INFINITY {
                return Ok(());
            }
        }
        self.bucket(name, f64::INFINITY, count, time, start)
    }

    fn bucket(
        &mut self,
        name: &str,
        bound: f64,
        count: f64,
        time: Option<Timestamp>,
        start: Option<Timestamp>,
    ) -> Result<(), E> {
        self.text
            .series(name, "_bucket", Some((model::BUCKET_LABEL, bound)));
        self.number(count, time, start)
    }

    /// A histogram in one sample, with the exemplars that have a time: its own, or else those of its buckets.
    fn whole_histogram(
        &mut self,
        name: &str,
        made: Histogram,
        of: &HistogramMessage<'p>,
        time: Option<Timestamp>,
    ) -> Result<(), E> {
        let of_buckets = of.buckets.iter().filter_map(|bucket| bucket.exemplar);
        let own = of.exemplars.iter().copied();
        let all: Vec<&'p [u8]> = match of.exemplars.is_empty() {
            true => of_buckets.collect(),
            false => own.collect(),
        };
        for body in all {
            self.take_exemplar(Some(body))?;
        }
        self.exemplars.retain(|e| e.timestamp.is_some());
        self.text.series(name, "", None);
        self.sample(made.sum, Some(Arc::new(made)), time, of.start)
    }

    /// Notes an exemplar of the sample that comes next.
    fn take_exemplar(&mut self, body: Option<&'p [u8]>) -> Result<(), E> {
        if let Some(body) = body {
            let example = self.ok(Example::read(body))?;
            self.exemplars
                .push(Exemplar::of_message(body, example.value, example.time));
        }
        Ok(())
    }

    fn number(
        &mut self,
        value: f64,
        time: Option<Timestamp>,
        start: Option<Timestamp>,
    ) -> Result<(), E> {
        self.sample(float::without_payload(value), None, time, start)
    }

    /// The sample of the series whose text was written last.
    fn sample(
        &mut self,
        value: f64,
        histogram: Option<Arc<Histogram>>,
        timestamp: Option<Timestamp>,
        start: Option<Timestamp>,
    ) -> Result<(), E> {
        let series = self.text.written(value, timestamp);
        let sample = Sample {
            series,
            histogram,
            start,
            exemplars: &self.exemplars,
        };
        (self.visit)(Item::Sample(sample))?;
        self.exemplars.clear();
        Ok(())
    }
}
