//! Numbers as Go reads and writes them.
use crate::quote::quoted;

/// The one NaN that pages give: Go's `math.NaN()`, never Prometheus' staleness marker.
const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Reads a number as Prometheus reads it from a page; the error is its message.
///
/// Source: `parseFloat` in Prometheus, `model/textparse/promparse.go`, over Go's `strconv.ParseFloat`.
pub(crate) fn parse(text: &[u8]) -> Result<f64, String> {
    match parse_short(text) {
        Some((value, length)) if length == text.len() => return Ok(value),
        _ => {}
    }
    if text.iter().any(|b| matches!(b, b'p' | b'P' | b'_')) {
        return Err("unsupported character in float".to_owned());
    }
    parse_any(text).map_err(|why| format!("strconv.ParseFloat: parsing {}: {why}", quoted(text)))
}

/// Reads the number that `text` begins with, and its length, if it is short enough to be exact in one operation: at
/// most 2^53 as digits, times or by an exact power of ten. `None` says nothing about the text.
pub(crate) fn parse_short(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let first = usize::from(negative);
    let (mut mantissa, mut end) = (0_u64, first);
    let mut point = None;
    while let Some(byte) = text.get(end) {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa
                    .wrapping_mul(10)
                    .wrapping_add(u64::from(byte - b'0'));
            }
            b'.' if point.is_none() => point = Some(end),
            _ => break,
        }
        end += 1;
    }
    let n_digits = end - first - usize::from(point.is_some());
    // Nineteen digits cannot have overflowed 64 bits.
    if n_digits == 0 || n_digits > 19 || mantissa > 1 << 53 {
        return None;
    }
    let mut scale = point.map_or(0, |point| -((end - point - 1) as i32));
    if let Some(b'e' | b'E') = text.get(end) {
        let (exponent, length) = parse_exponent(&text[end + 1..])?;
        scale += exponent;
        end += 1 + length;
    }
    let power = *POWERS.get(scale.unsigned_abs() as usize)?;
    let value = if scale < 0 {
        mantissa as f64 / power
    } else {
        mantissa as f64 * power
    };
    Some((if negative { -value } else { value }, end))
}

/// Reads the exponent of up to three digits that `text` begins with, and its length.
fn parse_exponent(text: &[u8]) -> Option<(i32, usize)> {
    let (sign, first) = match text.first() {
        Some(b'-') => (-1, 1),
        Some(b'+') => (1, 1),
        _ => (1, 0),
    };
    let digits = &text[first..];
    let n_digits = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if n_digits == 0 || n_digits > 3 {
        return None;
    }
    let digits = &digits[..n_digits];
    let number = digits.iter().fold(0, |n, b| n * 10 + i32::from(b - b'0'));
    Some((sign * number, first + n_digits))
}

/// Reads any decimal number, infinity or NaN; the error is Go's reason.
fn parse_any(text: &[u8]) -> Result<f64, &'static str> {
    const SYNTAX: &str = "invalid syntax";
    let value: f64 = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(SYNTAX)?;
    let unsigned = text.strip_prefix(b"-").or(text.strip_prefix(b"+"));
    let named = matches!(
        unsigned.unwrap_or(text).first(),
        Some(b'i' | b'I' | b'n' | b'N')
    );
    match value {
        // Rust takes a sign before NaN, Go does not.
        _ if value.is_nan() && unsigned.is_some() => Err(SYNTAX),
        _ if value.is_nan() => Ok(NORMAL_NAN),
        _ if value.is_infinite() && !named => Err("value out of range"),
        _ => Ok(value),
    }
}

/// Writes the number in the label value `text` as OpenMetrics does, or gives nothing if it is no number.
///
/// Source: `normalizeFloatsInLabelValues` in Prometheus, `model/textparse/openmetricsparse.go`.
pub(crate) fn normalized(text: &str) -> Option<String> {
    parse_any(text.as_bytes()).ok().map(open_metrics)
}

/// `value`, of which every NaN is the one that pages give.
pub(crate) const fn without_payload(value: f64) -> f64 {
    match value.is_nan() {
        true => NORMAL_NAN,
        false => value,
    }
}

/// Appends a number as OpenMetrics writes it.
pub(crate) fn put_open_metrics(dst: &mut Vec<u8>, value: f64) {
    dst.extend_from_slice(open_metrics(value).as_bytes());
}

/// Writes a number in Go's shortest form, with `.0` behind it if it would look like a whole number.
///
/// Source: `FormatOpenMetricsFloat` in Prometheus, `model/labels/float.go`.
fn open_metrics(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    // Minus zero is written as zero.
    if value == 0.0 {
        return "0.0".to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific
        .split_once('e')
        .expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a whole exponent");
    if (-4..6).contains(&exponent) {
        let plain = format!("{value}");
        let whole = !plain.contains('.');
        return plain + if whole { ".0" } else { "" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_long_way(text in "-?[0-9]{0,20}(\\.[0-9]{0,20})?([eE][-+]?[0-9]{0,4})?") {
            if let Some((short, length)) = parse_short(text.as_bytes()) {
                let long = parse_any(&text.as_bytes()[..length]);
                prop_assert_eq!(Ok(short.to_bits()), long.map(f64::to_bits));
            }
        }

        #[test]
        fn every_double_is_read_back_bit_for_bit(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            for text in [value.to_string(), format!("{value:e}")] {
                prop_assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Ok(bits));
            }
        }
    }

    #[test]
    fn names_and_forms_of_go_are_read() {
        for (text, value) in [
            ("+Inf", f64::INFINITY),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("iNf", f64::INFINITY),
            (".5", 0.5),
            ("5.", 5.0),
            ("+7", 7.0),
            ("-0", -0.0),
            ("1E3", 1000.0),
            ("1e-400", 0.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
        ] {
            assert_eq!(
                parse(text.as_bytes()).map(f64::to_bits),
                Ok(value.to_bits()),
                "{text}"
            );
        }
        for nan in ["NaN", "nan", "NAN"] {
            assert_eq!(
                parse(nan.as_bytes()).map(f64::to_bits),
                Ok(0x7ff8_0000_0000_0001)
            );
        }
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        let refusal = |text: &[u8]| parse(text).unwrap_err();
        for text in [
            "", "-", ".", "e5", "1e", "+nan", "-NaN", "0x10", "in", "1 ", "infinit",
        ] {
            assert_eq!(
                refusal(text.as_bytes()),
                format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")
            );
        }
        assert_eq!(
            refusal(b"1e999"),
            "strconv.ParseFloat: parsing \"1e999\": value out of range"
        );
        assert_eq!(
            refusal(b"\xff"),
            "strconv.ParseFloat: parsing \"\\xff\": invalid syntax"
        );
        for text in ["1_2", "0x1p-3", "0x1P-3"] {
            assert_eq!(refusal(text.as_bytes()), "unsupported character in float");
        }
    }

    #[test]
    fn bounds_are_written_as_open_metrics_writes_them() {
        let forms = [
            "1", "0", "-0", "-1", "10", "2.50", "1e1", "+Inf", "inf", "-inf", "NaN", "100000",
            "1000000", "1234567", "1e21", "0.0001", "0.00001", "1e-7", "123456.5",
        ]
        .map(|text| normalized(text).unwrap());
        expect_test::expect![[r#"1.0 0.0 0.0 -1.0 10.0 2.5 10.0 +Inf +Inf -Inf NaN 100000.0 1e+06 1.234567e+06 1e+21 0.0001 1e-05 1e-07 123456.5"#]]
            .assert_eq(&forms.join(" "));
        assert_eq!(normalized("x"), None);
    }
}
