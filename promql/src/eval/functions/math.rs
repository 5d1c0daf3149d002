//! Functions of one number.

/// The function called `name`, from value to value.
pub(crate) fn named(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "sqrt" => f64::sqrt,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sgn" => sgn,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "deg" => |v| v * 180.0 / std::f64::consts::PI,
        "rad" => |v| v * std::f64::consts::PI / 180.0,
        _ => return None,
    })
}

/// The sign as 1 or -1; zero and NaN are their own.
fn sgn(value: f64) -> f64 {
    match value {
        v if v < 0.0 => -1.0,
        v if v > 0.0 => 1.0,
        v => v,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_zero_and_nan_are_themselves() {
        assert_eq!((sgn(-3.0), sgn(0.0), sgn(f64::INFINITY)), (-1.0, 0.0, 1.0));
        assert!(sgn(f64::NAN).is_nan());
    }
}
