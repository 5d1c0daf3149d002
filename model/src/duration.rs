//! Durations as Prometheus writes them: `1h30m`, `15s`, `0`.
use crate::Millis;

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing was written.
    #[error("empty duration string")]
    Empty,
    /// Not of the form `1w2d3h4m5s6ms`, largest unit first.
    #[error("not a valid duration string: {0:?}")]
    Syntax(String),
    /// A unit that there is not, such as `1x`.
    #[error("unknown unit {unit:?} in duration {text:?}")]
    Unit {
        /// What stands behind the number.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// Longer than 64 bits of nanoseconds hold, some 292 years.
    #[error("duration out of range")]
    OutOfRange,
}

/// Units, largest first, in milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration: whole numbers with units, each unit once, largest first; `0` needs none.
///
/// Source: `ParseDuration` in prometheus/common, `model/time.go`.
///
/// # Errors
/// [`DurationError`], with Prometheus' texts.
pub fn parse_duration(text: &str) -> Result<Millis, DurationError> {
    match text {
        "0" => return Ok(Millis::ZERO),
        "" => return Err(DurationError::Empty),
        _ => {}
    }
    let syntax = || DurationError::Syntax(text.to_owned());
    let (mut rest, mut units, mut total) = (text, &UNITS[..], 0_i64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..]
            .bytes()
            .take_while(|b| !b.is_ascii_digit())
            .count();
        let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
        if digits == 0 || letters == 0 {
            return Err(syntax());
        }
        if UNITS.iter().all(|(name, _)| *name != unit) {
            return Err(DurationError::Unit {
                unit: unit.to_owned(),
                text: text.to_owned(),
            });
        }
        let place = units
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(syntax)?;
        let span = number
            .parse::<i64>()
            .ok()
            .and_then(|n| n.checked_mul(units[place].1))
            .and_then(|span| total.checked_add(span));
        total = span
            .filter(|total| *total <= i64::MAX / 1_000_000)
            .ok_or(DurationError::OutOfRange)?;
        units = &units[place + 1..];
        rest = &rest[digits + letters..];
    }
    Ok(Millis::new(total))
}

/// Writes a duration as Prometheus does: `1h30m`, whole days only as the largest unit, `0s` for none.
///
/// Source: `Duration.String` in prometheus/common, `model/time.go`.
pub fn format_duration(span: Millis) -> String {
    let mut left = span.as_millis();
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    if left < 0 {
        text.push('-');
        left = -left;
    }
    for (unit, millis) in UNITS {
        // Years, weeks and days are used only if nothing smaller is left over.
        let exact = matches!(unit, "y" | "w" | "d");
        if left >= millis && (!exact || left % millis == 0) {
            text.push_str(&format!("{}{unit}", left / millis));
            left %= millis;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_in_prometheus() {
        let millis = |text| parse_duration(text).map(Millis::as_millis);
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis("1y"), Ok(31_536_000_000));
        assert_eq!(millis("4d1h"), Ok(349_200_000));
        assert_eq!(millis("0"), Ok(0));
        assert_eq!(millis("0s"), Ok(0));
        for bad in ["1", "1m1h", "m", "-1w", "d", "1s1s"] {
            assert_eq!(millis(bad), Err(DurationError::Syntax(bad.to_owned())));
        }
        let unknown = |text| millis(text).unwrap_err().to_string();
        assert_eq!(unknown("1.5d"), "unknown unit \".\" in duration \"1.5d\"");
        assert_eq!(
            unknown("5y1hs"),
            "unknown unit \"hs\" in duration \"5y1hs\""
        );
        assert_eq!(millis("294y"), Err(DurationError::OutOfRange));
    }

    #[test]
    fn durations_print_as_in_prometheus() {
        let text = |ms| format_duration(Millis::new(ms));
        assert_eq!(text(0), "0s");
        assert_eq!(text(324), "324ms");
        assert_eq!(text(5_400_000), "1h30m");
        assert_eq!(text(86_400_000), "1d");
        assert_eq!(text(349_200_000), "97h");
        assert_eq!(text(-5_000), "-5s");
    }
}
