//! Numbers as Go prints them, since they show in labels and messages.

/// Prints as Go's `%g`: the shortest digits that read back the same, or `digits` of them.
pub fn general(value: f64, digits: Option<usize>) -> String {
    if !value.is_finite() {
        return special(value);
    }
    // `d.ddde-7`; without a precision Rust, too, prints the shortest digits.
    let scientific = match digits {
        Some(n) => format!("{value:.*e}", n.max(1) - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("Rust's scientific form has an exponent");
    let exponent: i32 = exponent
        .parse()
        .expect("Rust's exponents are whole numbers");
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let n_digits = mantissa.bytes().filter(u8::is_ascii_digit).count() as i32;
    let threshold = match digits {
        None => 6,
        Some(n) if n as i32 > n_digits && n_digits > exponent => n_digits,
        Some(n) => n as i32,
    };
    if exponent < -4 || exponent >= threshold {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let decimals = (n_digits - 1 - exponent).max(0) as usize;
    format!("{value:.decimals$}")
}

/// Prints as Go's `%f` with the shortest digits: never an exponent.
pub fn decimal(value: f64) -> String {
    if value.is_finite() {
        value.to_string()
    } else {
        special(value)
    }
}

/// Prints as OpenMetrics writes the values of `le` and `quantile`: `1.0`, `0.5`, `1e+06`, `+Inf`.
pub fn open_metrics(value: f64) -> String {
    let text = general(value, None);
    match value.is_finite() && !text.contains(['e', '.']) {
        true => text + ".0",
        false => text,
    }
}

fn special(value: f64) -> String {
    let text = match value {
        v if v.is_nan() => "NaN",
        v if v > 0.0 => "+Inf",
        _ => "-Inf",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_in_go() {
        let shortest = |v| general(v, None);
        assert_eq!(shortest(1.5), "1.5");
        assert_eq!(shortest(-0.0001), "-0.0001");
        assert_eq!(shortest(0.00001), "1e-05");
        assert_eq!(shortest(123_456.0), "123456");
        assert_eq!(shortest(1e6), "1e+06");
        assert_eq!(shortest(f64::INFINITY), "+Inf");
        assert_eq!(general(0.0, Some(2)), "0");
        assert_eq!(general(10.0, Some(2)), "10");
        assert_eq!(general(104.0, Some(2)), "1e+02");
        assert_eq!(general(0.123, Some(2)), "0.12");
        assert_eq!(decimal(1e21), "1000000000000000000000");
        assert_eq!(open_metrics(1.0), "1.0");
        assert_eq!(open_metrics(0.25), "0.25");
    }
}
