//! Histograms and starts to and from their messages.
use std::sync::Arc;

use model::{
    Histogram, ResetHint, Sparse, Timestamp,
    histogram::{Buckets, Span, SpansError},
};

use crate::v1::{self, histogram as wire};

/// The message for what stands beside values; none if nothing does.
pub fn beside_message(
    histograms: &Sparse<Arc<Histogram>>,
    starts: &Sparse<Timestamp>,
) -> Option<v1::Beside> {
    let is_some = !histograms.is_empty() || !starts.is_empty();
    is_some.then(|| v1::Beside {
        histogram_places: histograms.iter().map(|(place, _)| place).collect(),
        histograms: histograms.iter().map(|(_, h)| (&**h).into()).collect(),
        start_places: starts.iter().map(|(place, _)| place).collect(),
        starts_millis: starts.iter().map(|(_, start)| start.as_millis()).collect(),
    })
}

/// The histograms and starts that stand beside values.
pub type Beside = (Sparse<Arc<Histogram>>, Sparse<Timestamp>);

/// What stands beside `values`; none if the message does not fit them.
pub fn beside(message: Option<&v1::Beside>, values: &[f64]) -> Option<Beside> {
    let Some(message) = message else {
        return Some((Sparse::new(), Sparse::new()));
    };
    let mut histograms = Vec::with_capacity(message.histograms.len());
    for (place, sent) in message.histogram_places.iter().zip(&message.histograms) {
        let sum = *values.get(*place as usize)?;
        histograms.push(Arc::new(histogram(sent, sum).ok()?));
    }
    let fits = message.histogram_places.len() == message.histograms.len();
    let histograms = Sparse::of(message.histogram_places.iter().copied(), histograms);
    let starts = message.starts_millis.iter().copied();
    let starts = starts.map(Timestamp::from_millis).collect();
    let starts = Sparse::of(message.start_places.iter().copied(), starts)?;
    let last = starts.last_place();
    let fits = fits && last.is_none_or(|last| (last as usize) < values.len());
    Some((histograms?, starts)).filter(|_| fits)
}

impl From<&Histogram> for v1::Histogram {
    fn from(histogram: &Histogram) -> Self {
        let span = |span: Span| wire::Span {
            offset: span.offset,
            length: span.length,
        };
        let hint = match histogram.reset_hint {
            ResetHint::Unknown => wire::ResetHint::Unknown,
            ResetHint::Reset => wire::ResetHint::Reset,
            ResetHint::NotReset => wire::ResetHint::NotReset,
            ResetHint::Gauge => wire::ResetHint::Gauge,
        };
        Self {
            reset_hint: hint.into(),
            schema: histogram.schema,
            zero_threshold: Some(histogram.zero_threshold),
            zero_count: Some(histogram.zero_count),
            count: Some(histogram.count),
            positive_spans: histogram.positive.spans().map(span).collect(),
            positive_counts: histogram.positive.counts().to_vec(),
            negative_spans: histogram.negative.spans().map(span).collect(),
            negative_counts: histogram.negative.counts().to_vec(),
            custom_values: histogram.custom_values.to_vec(),
        }
    }
}

/// The histogram of `sum` that `sent` is the rest of.
///
/// # Errors
/// [`SpansError`]
pub fn histogram(sent: &v1::Histogram, sum: f64) -> Result<Histogram, SpansError> {
    let buckets = |spans: &[wire::Span], counts: &[f64]| {
        let span = |span: &wire::Span| Span {
            offset: span.offset,
            length: span.length,
        };
        Buckets::new(spans.iter().map(span), counts.to_vec())
    };
    Ok(Histogram {
        reset_hint: match sent.reset_hint() {
            wire::ResetHint::Unknown => ResetHint::Unknown,
            wire::ResetHint::Reset => ResetHint::Reset,
            wire::ResetHint::NotReset => ResetHint::NotReset,
            wire::ResetHint::Gauge => ResetHint::Gauge,
        },
        schema: sent.schema,
        zero_threshold: sent.zero_threshold.unwrap_or(0.0),
        zero_count: sent.zero_count.unwrap_or(0.0),
        count: sent.count.unwrap_or(0.0),
        sum,
        positive: buckets(&sent.positive_spans, &sent.positive_counts)?,
        negative: buckets(&sent.negative_spans, &sent.negative_counts)?,
        custom_values: sent.custom_values.as_slice().into(),
    })
}
