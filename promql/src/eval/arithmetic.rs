//! The operators on numbers.
use crate::ast::BinaryOp;

/// The operator between two scalars; comparisons give 0 or 1.
///
/// Set operators stand between vectors alone, and histograms alone are trimmed; here they give NaN.
pub(crate) fn scalar_operator(op: BinaryOp) -> fn(f64, f64) -> f64 {
    match op {
        BinaryOp::Add => |l, r| l + r,
        BinaryOp::Sub => |l, r| l - r,
        BinaryOp::Mul => |l, r| l * r,
        BinaryOp::Div => |l, r| l / r,
        BinaryOp::Mod => |l, r| l % r,
        BinaryOp::Pow => f64::powf,
        BinaryOp::Atan2 => f64::atan2,
        BinaryOp::Eq => |l, r| truth(l == r),
        BinaryOp::Ne => |l, r| truth(l != r),
        BinaryOp::Gt => |l, r| truth(l > r),
        BinaryOp::Lt => |l, r| truth(l < r),
        BinaryOp::Ge => |l, r| truth(l >= r),
        BinaryOp::Le => |l, r| truth(l <= r),
        BinaryOp::TrimUpper
        | BinaryOp::TrimLower
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Unless => |_, _| f64::NAN,
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// The greater of two as in Go: NaN wins over all but infinity.
pub(crate) fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// The lesser of two as in Go: NaN wins over all but minus infinity.
pub(crate) fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_wins_over_all_but_infinity() {
        assert!(max(f64::NAN, 1.0).is_nan());
        assert_eq!(max(f64::NAN, f64::INFINITY), f64::INFINITY);
        assert!(min(1.0, f64::NAN).is_nan());
        assert_eq!(min(f64::NEG_INFINITY, f64::NAN), f64::NEG_INFINITY);
        assert_eq!((max(1.0, 2.0), min(1.0, 2.0)), (2.0, 1.0));
    }
}
