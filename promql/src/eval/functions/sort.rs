//! `sort`, `sort_desc`, `sort_by_label` and `sort_by_label_desc`.
use std::cmp::Ordering;

use model::Labels;

use super::natural;
use crate::{
    annotations::Note,
    ast::Span,
    eval::{
        Evaluator, Flow, Sink,
        column::{EvalSeries, Grid},
        quantile::nan_first,
    },
    plan::tree::{SortKey, VectorOp},
};

/// Sorts by the values of some labels, then by all.
#[derive(Clone, Debug)]
pub(crate) struct LabelOrder(Vec<String>);

impl LabelOrder {
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    fn compare(&self, a: &Labels, b: &Labels) -> Ordering {
        self.0
            .iter()
            .map(|name| natural::compare(a.value(name), b.value(name)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.cmp(b))
    }
}

impl Evaluator<'_> {
    /// Sorts the series of an instant; holds them all. Over more steps there is no order, and it is said so.
    pub(in crate::eval) fn sort(
        &self,
        arg: &VectorOp,
        key: &SortKey,
        descending: bool,
        span: &Span,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let taken = |mut series: EvalSeries, sink: &mut Sink<'_>| {
            if matches!(key, SortKey::Value) {
                series.column.drop_histograms();
            }
            match series.column.is_empty() {
                true => Ok(()),
                false => sink(series),
            }
        };
        if grid.len > 1 {
            self.annotate(Note::SortInRangeQuery, span);
            return self.vector(arg, grid, &mut |series| taken(series, sink));
        }
        let mut list: Vec<EvalSeries> = Vec::new();
        self.vector(arg, grid, &mut |series| {
            taken(series, &mut |series| {
                list.push(series);
                Ok(())
            })
        })?;
        list.sort_by(|a, b| match key {
            SortKey::Labels(order) if descending => order.compare(&b.labels, &a.labels),
            SortKey::Labels(order) => order.compare(&a.labels, &b.labels),
            SortKey::Value => {
                let (x, y) = (a.column.get(0), b.column.get(0));
                let (x, y) = (x.unwrap_or(f64::NAN), y.unwrap_or(f64::NAN));
                // NaN comes last either way.
                let by_value = match descending {
                    true => nan_first(y, x),
                    false => nan_first(-y, -x),
                };
                by_value.then_with(|| a.labels.cmp(&b.labels))
            }
        });
        list.into_iter().try_for_each(sink)
    }
}
