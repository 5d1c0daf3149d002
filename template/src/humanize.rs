//! Numbers for people.
//!
//! Source: Prometheus, `template/template.go`; prometheus/common, `helpers/templates`.
use chrono::{DateTime, Utc};

use super::value::go_float;

/// `%.4g`: four significant digits, no zeros at the end.
pub(super) fn four_digits(number: f64) -> String {
    significant(number, 4)
}

/// Go's `%.{digits}g`.
pub(super) fn significant(number: f64, digits: usize) -> String {
    if !number.is_finite() || number == 0.0 {
        return go_float(number);
    }
    let scientific = format!("{number:.*e}", digits - 1);
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("the format writes an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a whole number");
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs());
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    trimmed(&format!("{number:.decimals$}"))
}

/// `1.234k`
pub(super) fn humanize(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return four_digits(number);
    }
    let (mut number, mut unit) = (number, "");
    if number.abs() >= 1.0 {
        for larger in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
            if number.abs() < 1000.0 {
                break;
            }
            (number, unit) = (number / 1000.0, larger);
        }
    } else {
        for smaller in ["m", "u", "n", "p", "f", "a", "z", "y"] {
            if number.abs() >= 1.0 {
                break;
            }
            (number, unit) = (number * 1000.0, smaller);
        }
    }
    format!("{}{unit}", four_digits(number))
}

/// `2ki`
pub(super) fn humanize1024(number: f64) -> String {
    if number.abs() <= 1.0 || !number.is_finite() {
        return four_digits(number);
    }
    let (mut number, mut unit) = (number, "");
    for larger in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
        if number.abs() < 1024.0 {
            break;
        }
        (number, unit) = (number / 1024.0, larger);
    }
    format!("{}{unit}", four_digits(number))
}

/// `1h 1m 1s`
pub(super) fn humanize_duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return four_digits(seconds);
    }
    if seconds == 0.0 {
        return "0s".to_owned();
    }
    if seconds.abs() >= 1.0 {
        let (sign, seconds) = if seconds < 0.0 {
            ("-", -seconds)
        } else {
            ("", seconds)
        };
        let whole = seconds as i64;
        let (s, m, h, d) = (
            whole % 60,
            whole / 60 % 60,
            whole / 3600 % 24,
            whole / 86_400,
        );
        return match (d, h, m) {
            (0, 0, 0) => format!("{sign}{}s", four_digits(seconds)),
            (0, 0, _) => format!("{sign}{m}m {s}s"),
            (0, _, _) => format!("{sign}{h}h {m}m {s}s"),
            _ => format!("{sign}{d}d {h}h {m}m {s}s"),
        };
    }
    let (mut number, mut unit) = (seconds, "");
    for smaller in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if number.abs() >= 1.0 {
            break;
        }
        (number, unit) = (number * 1000.0, smaller);
    }
    format!("{}{unit}s", four_digits(number))
}

/// `12.35%`
pub(super) fn humanize_percentage(ratio: f64) -> String {
    format!("{}%", four_digits(ratio * 100.0))
}

/// `2015-06-23 13:19:44.128 +0000 UTC`
pub(super) fn humanize_timestamp(seconds: f64) -> String {
    if !seconds.is_finite() {
        return four_digits(seconds);
    }
    let Some(at) = DateTime::<Utc>::from_timestamp_millis((seconds * 1000.0).round() as i64) else {
        return four_digits(seconds);
    };
    let millis = at.timestamp_subsec_millis();
    let fraction = match millis {
        0 => String::new(),
        _ => format!(".{millis:03}").trim_end_matches('0').to_owned(),
    };
    format!("{}{fraction} +0000 UTC", at.format("%Y-%m-%d %H:%M:%S"))
}
