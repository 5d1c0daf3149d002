//! Which functions may look beyond the edges of their windows.
use super::build::unwrapped;
use crate::{
    ast::{Call, Edges, Node},
    error::EvalError,
};

/// With `anchored`, sorted.
const ANCHORED: &[&str] = &["changes", "delta", "increase", "rate", "resets"];
/// With `smoothed`, sorted.
const SMOOTHED: &[&str] = &["delta", "increase", "rate"];

/// Refuses a call whose window says `anchored` or `smoothed` where the function cannot do with that.
pub(super) fn check(call: &Call) -> Result<(), EvalError> {
    for arg in &call.args {
        let Node::MatrixSelector(matrix) = &unwrapped(arg).node else {
            continue;
        };
        let (modifier, functions) = match matrix.selector.edges {
            Edges::Plain => continue,
            Edges::Anchored => ("anchored", ANCHORED),
            Edges::Smoothed => ("smoothed", SMOOTHED),
        };
        if !functions.contains(&call.function.name) {
            return Err(EvalError::Edges {
                modifier,
                functions: functions.join(", "),
                function: call.function.name,
            });
        }
    }
    Ok(())
}
