//! `label_replace` and `label_join`.
use model::{Labels, METRIC_NAME};

use crate::{
    eval::{Evaluator, Flow, Sink, column::Grid, merge::Merged},
    plan::tree::{LabelRule, VectorOp},
};

impl Evaluator<'_> {
    /// Sets a label of each series. Holds all, since two may become alike.
    pub(in crate::eval) fn relabel(
        &self,
        arg: &VectorOp,
        rule: &LabelRule,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let mut merged = Merged::new();
        self.vector(arg, grid, &mut |mut series| {
            if let Some((label, value)) = rule.label(&series.labels) {
                series.labels = series.labels.with(label, &value);
                series.drop_name &= label != METRIC_NAME;
            }
            merged.add(series)
        })?;
        merged.drain(sink)
    }
}

impl LabelRule {
    /// The label that the rule sets and its value, if it applies.
    fn label(&self, labels: &Labels) -> Option<(&str, String)> {
        match self {
            Self::Replace {
                destination,
                replacement,
                source,
                pattern,
            } => {
                let captures = pattern.captures(labels.value(source))?;
                Some((destination, captures.expand(replacement)))
            }
            Self::Join {
                destination,
                separator,
                sources,
            } => {
                let values: Vec<&str> = sources.iter().map(|s| labels.value(s)).collect();
                Some((destination, values.join(separator)))
            }
        }
    }
}
