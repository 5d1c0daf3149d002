//! What a page tells of the metrics that it is about to give: their type and unit, as labels of their series.
//!
//! Source: `schema/labels.go` in Prometheus, and the parsers in `model/textparse` with type and unit labels enabled.
use exposition::{Entry, Format, Parser, Series};
use model::{Labels, MetricType};

/// The label with the type.
const TYPE: &str = "__type__";
/// The label with the unit.
const UNIT: &str = "__unit__";

/// The metric family that is read.
#[derive(Debug, Default)]
pub(super) struct Family {
    name: String,
    kind: MetricType,
    unit: String,
}

impl Family {
    /// Takes in what the page tells.
    pub(super) fn take(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Type { metric, kind } => self.of(metric).kind = *kind,
            Entry::Unit { metric, unit } => unit.as_ref().clone_into(&mut self.of(metric).unit),
            Entry::Help { metric, .. } => drop(self.of(metric)),
            Entry::Series(_) | Entry::Comment(_) => {}
        }
    }

    /// Takes in the lines of a page of `format` that stand before `series`.
    pub(super) fn take_lines(&mut self, series: &Series<'_>, format: Format) {
        let entries = Parser::new(series.before, format);
        // The lines end without the end of a page, which is an error there.
        entries
            .map_while(Result::ok)
            .for_each(|entry| self.take(&entry));
    }

    /// The family called `name`: another one than before has told nothing yet.
    fn of(&mut self, name: &str) -> &mut Self {
        if self.name != name {
            *self = Self {
                name: name.to_owned(),
                ..Self::default()
            };
        }
        self
    }

    /// `labels` of one of its series with its type and unit, which go before what the series says itself.
    pub(super) fn labelled(&self, labels: Labels) -> Labels {
        if self.kind == MetricType::Unknown && self.unit.is_empty() {
            return labels;
        }
        let mut labels = labels.to_builder();
        if self.kind != MetricType::Unknown {
            labels.set(TYPE, self.kind.as_str());
        }
        if !self.unit.is_empty() {
            labels.set(UNIT, &self.unit);
        }
        labels.build()
    }
}
