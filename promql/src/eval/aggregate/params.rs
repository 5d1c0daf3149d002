//! The numbers that some aggregations take, one for each step.
use model::Labels;

use crate::{
    error::EvalError,
    eval::{Evaluator, column::Grid},
    number::general,
    plan::tree::Param,
};

/// The values of a parameter at all steps.
pub(super) struct Values(pub(super) Vec<f64>);

impl Values {
    pub(super) fn has_nan(&self) -> bool {
        self.0.iter().any(|v| v.is_nan())
    }

    /// The greatest but NaN.
    pub(super) fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The least but NaN.
    pub(super) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// How many series are wanted at each step; `None` if none is wanted at any.
    pub(super) fn counts(&self) -> Result<Option<Vec<usize>>, EvalError> {
        if self.max() < 1.0 && !self.has_nan() {
            return Ok(None);
        }
        if self.has_nan() {
            return Err(EvalError::ParameterNan);
        }
        if self.min() <= i64::MIN as f64 {
            return Err(EvalError::Underflow(general(self.min(), None)));
        }
        // The largest number below 2^63 that Prometheus takes.
        if self.max() >= 9_223_372_036_854_774_784.0 {
            return Err(EvalError::Overflow(general(self.max(), None)));
        }
        // Below zero is none; what does not fit is more than there can be.
        let count = |v: &f64| v.max(0.0) as usize;
        Ok(Some(self.0.iter().map(count).collect()))
    }
}

impl Evaluator<'_> {
    /// The values of a parameter.
    pub(super) fn param(&self, param: &Param, grid: Grid) -> Result<Values, EvalError> {
        self.scalar(&param.op, grid).map(Values)
    }
}

/// The hash by which Prometheus tells label sets apart: XXH64 over names and values, each after its length.
///
/// Source: `Hash` in Prometheus, `model/labels/labels_stringlabels.go`.
pub(super) fn prometheus_hash(labels: &Labels) -> u64 {
    let mut bytes = Vec::new();
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        match u8::try_from(text.len()) {
            Ok(len) if len < 255 => bytes.push(len),
            _ => {
                bytes.push(255);
                bytes.extend_from_slice(&(text.len() as u32).to_le_bytes()[..3]);
            }
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    xxhash_rust::xxh64::xxh64(&bytes, 0)
}
