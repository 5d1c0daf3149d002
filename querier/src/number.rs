//! Numbers as Prometheus' HTTP API writes them.
use std::fmt::Write as _;

/// Appends `value`: the shortest digits that read back as it, with an exponent below 1e-6 and from 1e21.
///
/// Source: `MarshalFloat` in Prometheus, `util/jsonutil/marshal.go`.
pub(crate) fn push_float(text: &mut String, value: f64) {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        return push_exponent(text, value);
    }
    // Most values are counts; the integer's way is the faster one. Minus zero keeps its sign.
    let whole = value as i64;
    if size < 1e15 && whole as f64 == value && !(whole == 0 && value.is_sign_negative()) {
        return push_whole(text, whole);
    }
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(value);
    match shortest.contains('e') || shortest.ends_with(".0") {
        // Too large or too small for it to leave the exponent out.
        true => push(text, format_args!("{value}")),
        false => text.push_str(shortest),
    }
}

/// Appends a whole number.
pub(crate) fn push_whole(text: &mut String, value: i64) {
    text.push_str(itoa::Buffer::new().format(value));
}

/// Appends `value` with an exponent of at least two digits: Go's `strconv.FormatFloat(value, 'e', -1, 64)`.
pub(crate) fn push_exponent(text: &mut String, value: f64) {
    if value.is_nan() {
        return text.push_str("NaN");
    }
    if value.is_infinite() {
        return text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    }
    let written = format!("{value:e}");
    let (digits, exponent) = written
        .split_once('e')
        .expect("this format writes an exponent");
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    push(text, format_args!("{digits}e{sign}{exponent:0>2}"));
}

fn push(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args)
        .expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn float(value: f64) -> String {
        let mut text = String::new();
        push_float(&mut text, value);
        text
    }

    #[test]
    fn numbers_look_as_go_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (1e6, "1000000"),
            (1e15, "1000000000000000"),
            (123_456_789_012_345_680.0, "123456789012345680"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-2.5e300, "-2.5e+300"),
            (0.000_001, "0.000001"),
            (0.000_000_999, "9.99e-07"),
            (5e-324, "5e-324"),
            (1.0 / 3.0, "0.3333333333333333"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(float(value), text);
        }
        let mut text = String::new();
        push_exponent(&mut text, 12.5);
        assert_eq!(text, "1.25e+01");
    }

    proptest! {
        #[test]
        fn each_number_reads_back_bit_for_bit(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            let text = float(value);
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
            let size = value.abs();
            let is_plain = size == 0.0 || (1e-6..1e21).contains(&size) || size.is_infinite();
            prop_assert_eq!(is_plain, !text.contains('e'));
        }
    }
}
