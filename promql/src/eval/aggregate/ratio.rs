//! `limit_ratio`: a share of the series, always the same ones.
use super::params::prometheus_hash;
use crate::{
    annotations::Note,
    error::EvalError,
    eval::{Evaluator, Flow, Sink, bits::Bits, column::Grid},
    plan::tree::{AggregateCall, Param},
};

impl Evaluator<'_> {
    pub(super) fn limit_ratio(
        &self,
        call: &AggregateCall,
        param: &Param,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Flow {
        let ratios = self.param(param, grid)?;
        if ratios.0.iter().all(|ratio| *ratio == 0.0) {
            return Ok(());
        }
        if ratios.has_nan() {
            return Err(EvalError::RatioNan);
        }
        if ratios.max() > 1.0 {
            self.annotate(Note::InvalidRatio(ratios.max(), 1.0), &param.span);
        }
        if ratios.min() < -1.0 {
            self.annotate(Note::InvalidRatio(ratios.min(), -1.0), &param.span);
        }
        let held = self.n_samples.get();
        let mut n_out = 0;
        self.vector(&call.arg, grid, &mut |mut series| {
            let place = prometheus_hash(&series.labels) as f64 / u64::MAX as f64;
            let mut wanted = Bits::none(grid.len);
            (0..grid.len)
                .filter(|i| is_in(place, ratios.0[*i].clamp(-1.0, 1.0)))
                .for_each(|i| wanted.set(i));
            series.column.keep(&wanted);
            n_out += series.column.weight();
            match series.column.is_empty() {
                true => Ok(()),
                false => sink(series),
            }
        })?;
        self.hold_only(held, n_out)
    }
}

/// True if a series at `place`, from 0 to 1, is in the share; a share below zero is what the other leaves.
fn is_in(place: f64, ratio: f64) -> bool {
    (ratio >= 0.0 && place < ratio) || (ratio < 0.0 && place >= 1.0 + ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_and_its_complement_are_all() {
        for place in [0.0, 0.3, 0.4, 0.99] {
            assert_ne!(is_in(place, 0.4), is_in(place, -0.6));
        }
    }
}
