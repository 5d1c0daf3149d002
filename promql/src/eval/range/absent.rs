//! `absent_over_time` and `absent`: 1 where there is nothing.
use model::Labels;

use super::slide::{Spans, slide};
use crate::{
    eval::{
        Evaluator, Flow, Sink,
        bits::Bits,
        column::{Column, EvalSeries, Grid},
        looked_at::Counted,
    },
    plan::tree::{MatrixOp, VectorOp},
};

impl Evaluator<'_> {
    /// One series with 1 where no series has a sample.
    pub(in crate::eval) fn absent_over_time(
        &self,
        matrix: &MatrixOp,
        labels: &Labels,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let held = self.n_samples.get();
        let mut present = Bits::none(grid.len);
        let mut spans = Spans::default();
        self.samples(matrix, grid, Counted::Nowhere, &mut |labels, _, samples| {
            spans.walk(matrix, grid, samples);
            let sizes = slide(
                matrix,
                grid,
                labels,
                samples,
                &spans,
                self.canceled,
                |window| {
                    present.set(window.step);
                    Ok(())
                },
            )?;
            self.looked_at.add_windows(grid, &sizes);
            self.hold_for_now(sizes.largest)
        })?;
        self.ones_where_absent(&present, labels, held, grid, sink)
    }

    /// One series with 1 where no series has a value.
    pub(in crate::eval) fn absent(
        &self,
        arg: &VectorOp,
        labels: &Labels,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let held = self.n_samples.get();
        let mut present = Bits::none(grid.len);
        self.vector(arg, grid, &mut |series| {
            present.add(&series.column.present());
            Ok(())
        })?;
        self.ones_where_absent(&present, labels, held, grid, sink)
    }

    fn ones_where_absent(
        &self,
        present: &Bits,
        labels: &Labels,
        held: usize,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let column = Column::new(vec![1.0; grid.len], present.inverse());
        self.hold_only(held, column.weight())?;
        match column.is_empty() {
            true => Ok(()),
            false => sink(EvalSeries::named(labels.clone(), column)),
        }
    }
}
