//! What pages tell of their metrics besides samples.
use std::collections::BTreeMap;

use exposition::{Entry, Format, Parser};
use model::Metadata;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Stands for all type, help and unit lines of a page in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// Takes in the next line.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        let (tag, metric, text): (u64, &str, &str) = match entry {
            Entry::Series(_) | Entry::Comment(_) => return,
            Entry::Type { metric, kind } => (1, metric, kind.as_str()),
            Entry::Help { metric, help } => (2, metric, help),
            Entry::Unit { metric, unit } => (3, metric, unit),
        };
        let metric = xxh3_64_with_seed(metric.as_bytes(), self.0 ^ tag);
        self.0 = xxh3_64_with_seed(text.as_bytes(), metric);
    }
}

/// All that `page` tells, by metric.
pub(crate) fn told(page: &[u8], format: Format) -> Vec<(String, Metadata)> {
    let mut metrics: BTreeMap<String, Metadata> = BTreeMap::new();
    for entry in Parser::new(page, format).map_while(Result::ok) {
        let metric = match &entry {
            Entry::Series(_) | Entry::Comment(_) => continue,
            Entry::Type { metric, .. }
            | Entry::Help { metric, .. }
            | Entry::Unit { metric, .. } => metric,
        };
        let metadata = metrics.entry(metric.to_string()).or_default();
        match entry {
            Entry::Type { kind, .. } => metadata.metric_type = kind,
            Entry::Help { help, .. } => metadata.help = help.into_owned(),
            Entry::Unit { unit, .. } => metadata.unit = unit.into_owned(),
            Entry::Series(_) | Entry::Comment(_) => {}
        }
    }
    metrics.into_iter().collect()
}
