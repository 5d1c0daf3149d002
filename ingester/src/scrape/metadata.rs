//! What pages tell of their metrics besides samples.
use std::collections::BTreeMap;

use exposition::{Encoding, Entry, HistogramRules, Item, Parser, SyntaxError, read_protobuf};
use model::Metadata;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Stands for what a page tells of its metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// Of the lines between series, as they are written: those that are as expected are not parsed.
    between: u64,
    /// Of those since the last series.
    tail: u64,
}

impl Fingerprint {
    /// Takes in a series with the lines before it.
    pub(crate) fn series(&mut self, before: &[u8]) {
        if !before.is_empty() {
            self.between = xxh3_64_with_seed(before, self.between);
            self.tail = 0;
        }
    }

    /// Takes in a line of metadata.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        let (tag, metric, text): (u64, &str, &str) = match entry {
            Entry::Series(_) | Entry::Comment(_) => return,
            Entry::Type { metric, kind } => (1, metric, kind.as_str()),
            Entry::Help { metric, help } => (2, metric, help),
            Entry::Unit { metric, unit } => (3, metric, unit),
        };
        let metric = xxh3_64_with_seed(metric.as_bytes(), self.tail ^ tag);
        self.tail = xxh3_64_with_seed(text.as_bytes(), metric);
    }
}

/// All that `page` tells, by metric.
pub(crate) fn told(page: &[u8], format: Encoding) -> Vec<(String, Metadata)> {
    let mut metrics = BTreeMap::new();
    match format {
        Encoding::Lines(format) => Parser::new(page, format)
            .map_while(Result::ok)
            .for_each(|entry| note(&mut metrics, entry)),
        Encoding::Protobuf => {
            let note = |item: Item<'_>| {
                if let Item::Told(entry) = item {
                    note(&mut metrics, entry);
                }
                Ok::<(), SyntaxError>(())
            };
            // The page was read whole before.
            let _ = read_protobuf(page, HistogramRules::default(), note);
        }
    }
    metrics.into_iter().collect()
}

fn note(metrics: &mut BTreeMap<String, Metadata>, entry: Entry<'_>) {
    let metric = match &entry {
        Entry::Series(_) | Entry::Comment(_) => return,
        Entry::Type { metric, .. } | Entry::Help { metric, .. } | Entry::Unit { metric, .. } => {
            metric
        }
    };
    let metadata = metrics.entry(metric.to_string()).or_default();
    match entry {
        Entry::Type { kind, .. } => metadata.metric_type = kind,
        Entry::Help { help, .. } => metadata.help = help.into_owned(),
        Entry::Unit { unit, .. } => metadata.unit = unit.into_owned(),
        Entry::Series(_) | Entry::Comment(_) => {}
    }
}
