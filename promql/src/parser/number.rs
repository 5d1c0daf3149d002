//! The values of numbers and durations.
use model::parse_duration;

use super::{Failure, Parsed, Parser};
use crate::{
    ast::BinaryOp,
    lexer::token::{Kind, Token},
    quote::quote,
};

impl<'a> Parser<'a> {
    /// The value of a number, or of a duration in seconds.
    pub(super) fn number(&self, token: &Token<'a>) -> Parsed<'a, f64> {
        if token.kind == Kind::Duration {
            return match parse_duration(token.text) {
                Ok(span) => Ok(span.as_seconds()),
                Err(e) => Err(self.fail(token.span(), e.to_string())),
            };
        }
        let text = token.text;
        let reason = match number(text) {
            Some(value) if value.is_infinite() && !text.eq_ignore_ascii_case("inf") => {
                "value out of range"
            }
            Some(value) => return Ok(value),
            None => "invalid syntax",
        };
        let text = quote(text);
        let message = format!("error parsing number: strconv.ParseFloat: parsing {text}: {reason}");
        Err(self.fail(token.span(), message))
    }

    /// A number or duration with or without a sign.
    pub(super) fn signed_number(&mut self) -> Parsed<'a, f64> {
        let negative = match self.peek()? {
            Kind::Binary(BinaryOp::Add | BinaryOp::Sub) => self.next()?.text == "-",
            _ => false,
        };
        let token = self.next()?;
        if !matches!(token.kind, Kind::Number | Kind::Duration) {
            return Err(Failure::Unexpected(token));
        }
        let value = self.number(&token)?;
        Ok(if negative { -value } else { value })
    }
}

/// The value of a number as Go reads it: a whole number in base 2, 8, 10 or 16 if it can be one, otherwise a decimal fraction.
///
/// Infinite if the number is too large.
pub(crate) fn number(text: &str) -> Option<f64> {
    if !underscores_separate_digits(text) {
        return None;
    }
    let digits = text.replace('_', "").to_ascii_lowercase();
    let whole = match digits.as_bytes() {
        [b'0', b'x', ..] => return i64::from_str_radix(&digits[2..], 16).ok().map(|n| n as f64),
        [b'0', _, ..] => i64::from_str_radix(&digits[1..], 8).ok(),
        _ => digits.parse().ok(),
    };
    whole.map(|n| n as f64).or_else(|| digits.parse().ok())
}

/// True if each underscore stands between digits, or between the prefix `0x` and a digit.
fn underscores_separate_digits(text: &str) -> bool {
    let prefix = text.get(..2).unwrap_or("");
    let hex = text.len() > 2 && prefix.eq_ignore_ascii_case("0x");
    let is_digit = |c: &u8| {
        if hex {
            c.is_ascii_hexdigit()
        } else {
            c.is_ascii_digit()
        }
    };
    let (digits, prefix) = if hex {
        (&text[2..], b'0')
    } else {
        (text, b'^')
    };
    let bytes = digits.as_bytes();
    bytes
        .iter()
        .enumerate()
        .filter(|(_, c)| **c == b'_')
        .all(|(i, _)| {
            let before = if i == 0 { &prefix } else { &bytes[i - 1] };
            is_digit(before) && bytes.get(i + 1).is_some_and(is_digit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_go() {
        let cases = [
            ("1", 1.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("5e-3", 0.005),
            ("0xc", 12.0),
            ("0X_1f", 31.0),
            ("0755", 493.0),
            ("08", 8.0),
            ("1_000.5_0", 1000.5),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("Inf", f64::INFINITY),
            ("1e999", f64::INFINITY),
        ];
        for (text, value) in cases {
            assert_eq!(number(text), Some(value), "{text}");
        }
        assert!(number("nAn").is_some_and(f64::is_nan));
        for bad in [
            "1__0",
            "_1",
            "1_",
            "0x",
            "1_.5",
            "0xffffffffffffffffff",
            ".5.5",
        ] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
