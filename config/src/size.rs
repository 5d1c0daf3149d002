//! Sizes in bytes: `15MB`, `1.5GiB`, `0`.
use crate::{Error, decode::Decode, yaml::Node};

/// A number of bytes; units are powers of 1024 with and without an `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub i64);

const UNITS: [(&str, i64); 13] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("EiB", 1 << 60),
    ("KB", 1 << 10),
    ("MB", 1 << 20),
    ("GB", 1 << 30),
    ("TB", 1 << 40),
    ("PB", 1 << 50),
    ("EB", 1 << 60),
];

/// Reads a size: numbers with units, `0` needs none.
///
/// Source: `ParseBase2Bytes` in alecthomas/units.
///
/// # Errors
/// What is wrong with `text`.
pub fn parse_bytes(text: &str) -> Result<Bytes, String> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Bytes(0));
    }
    let invalid = || format!("units: invalid {text}");
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_f64;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, factor) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| format!("units: unknown unit {unit} in {text}"))?;
        total += number * factor as f64;
        rest = after;
    }
    if total >= i64::MAX as f64 {
        return Err(invalid());
    }
    Ok(Bytes(if negative {
        -(total as i64)
    } else {
        total as i64
    }))
}

impl Decode for Bytes {
    fn decode(node: &Node) -> Result<Self, Error> {
        let text = String::decode(node)?;
        parse_bytes(&text).map_err(|error| Error::invalid(node.place.line, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(parse_bytes("15MB"), Ok(Bytes(15 << 20)));
        assert_eq!(parse_bytes("1.5KiB"), Ok(Bytes(1536)));
        assert_eq!(parse_bytes("1GB512MB"), Ok(Bytes((1 << 30) + (512 << 20))));
        assert_eq!(parse_bytes("-1B"), Ok(Bytes(-1)));
        assert_eq!(parse_bytes("0"), Ok(Bytes(0)));
        assert_eq!(
            parse_bytes("100"),
            Err("units: unknown unit  in 100".to_owned())
        );
        assert_eq!(
            parse_bytes("1XB"),
            Err("units: unknown unit XB in 1XB".to_owned())
        );
        assert_eq!(parse_bytes("MB"), Err("units: invalid MB".to_owned()));
        assert_eq!(parse_bytes(""), Err("units: invalid ".to_owned()));
    }
}
