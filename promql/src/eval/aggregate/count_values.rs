//! `count_values`: how many series have a value, for each value that there is.
use foldhash::{HashMap, HashMapExt};

use super::{
    Groups,
    fold::{Count, Folds},
    group_labels,
};
use crate::{
    annotations::Notes,
    ast::Grouping,
    eval::{
        Evaluator, Flow, Sink,
        column::{Column, Grid},
    },
    number::decimal,
    plan::tree::AggregateCall,
};

impl Evaluator<'_> {
    pub(super) fn count_values(
        &self,
        call: &AggregateCall,
        label: &str,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let held = self.n_samples.get();
        let grouping = match &call.grouping {
            Grouping::By(names) => Grouping::By(
                names
                    .iter()
                    .map(String::as_str)
                    .chain([label])
                    .map(str::to_owned)
                    .collect(),
            ),
            without @ Grouping::Without(_) => without.clone(),
        };
        let mut groups: Groups<Folds<Count>> = Groups::new();
        self.vector(&call.arg, grid, &mut |series| {
            for (value, column) in by_value(&series.column, grid.len) {
                let labels = series.labels.with(label, &value);
                groups
                    .of(group_labels(&grouping, &labels), false, || {
                        Folds::new(grid.len)
                    })
                    .add(&column, "", &mut Notes::default());
            }
            Ok(())
        })?;
        self.hand_on(call, groups, held, Folds::column, sink)
    }
}

/// The steps at which a column has each of its values, in the order in which they first came.
fn by_value(column: &Column, len: usize) -> Vec<(String, Column)> {
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut list: Vec<(String, Column)> = Vec::new();
    for (i, value) in column.iter() {
        // All NaN print alike.
        let bits = if value.is_nan() { f64::NAN } else { value }.to_bits();
        let place = *places.entry(bits).or_insert_with(|| {
            list.push((decimal(value), Column::empty(len)));
            list.len() - 1
        });
        list[place].1.set(i, value);
    }
    let mut texts: HashMap<String, usize> = HashMap::new();
    for (i, histogram) in column.histograms() {
        let place = *texts
            .entry(histogram.to_string())
            .or_insert_with_key(|text| {
                list.push((text.clone(), Column::empty(len)));
                list.len() - 1
            });
        list[place].1.set(i, 1.0);
    }
    list
}
