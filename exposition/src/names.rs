//! Which names are allowed, and how a target is to write those that are not.
use std::{fmt, str::FromStr};

use model::{Labels, METRIC_NAME};

/// Which names of metrics and labels are allowed: `metric_name_validation_scheme`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ValidationScheme {
    /// Any that is not empty.
    #[default]
    Utf8,
    /// Letters, digits and underscores, in metric names also colons; no digit first.
    Legacy,
}

impl ValidationScheme {
    /// True if the names of `labels`, the metric's too, are allowed.
    ///
    /// A set that fails makes the scrape fail with `invalid metric name or label names: ` and the set.
    pub fn accepts(self, labels: &Labels) -> bool {
        let fits = |name: &str, colons: bool| match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy(name, colons),
        };
        labels
            .iter()
            .all(|(name, value)| fits(name, false) && (name != METRIC_NAME || fits(value, true)))
    }
}

fn is_legacy(name: &str, colons: bool) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || (colons && b == b':');
    !name.is_empty() && !name.as_bytes()[0].is_ascii_digit() && name.bytes().all(fits)
}

/// How a target is asked to write names that are not legacy names: `metric_name_escaping_scheme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EscapingScheme {
    /// As they are.
    AllowUtf8,
    /// Underscores in place of what is not allowed.
    Underscores,
    /// `_dot_` for a dot, two underscores for one, and so on.
    Dots,
    /// Code points in hexadecimal.
    Values,
}

impl EscapingScheme {
    /// The scheme that holds if none is configured.
    pub const fn default_for(names: ValidationScheme) -> Self {
        match names {
            ValidationScheme::Utf8 => Self::AllowUtf8,
            ValidationScheme::Legacy => Self::Underscores,
        }
    }

    /// The word in the configuration and in the Accept header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }
}

impl fmt::Display for EscapingScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such escaping scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown format scheme {0}")]
pub struct UnknownEscapingScheme(pub String);

impl FromStr for EscapingScheme {
    type Err = UnknownEscapingScheme;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::AllowUtf8, Self::Underscores, Self::Dots, Self::Values]
            .into_iter()
            .find(|scheme| scheme.as_str() == text)
            .ok_or_else(|| UnknownEscapingScheme(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_names_are_checked_for_metrics_and_labels() {
        let accepted = |scheme: ValidationScheme, metric: &str, label: &str| {
            scheme.accepts(&Labels::from_pairs([(METRIC_NAME, metric), (label, "v")]))
        };
        for (metric, label, legacy) in [
            ("a:b", "c", true),
            ("a_1", "_c1", true),
            ("a.b", "c", false),
            ("1a", "c", false),
            ("a", "c:d", false),
            ("a", "1c", false),
            ("é", "c", false),
        ] {
            assert!(accepted(ValidationScheme::Utf8, metric, label));
            assert_eq!(
                accepted(ValidationScheme::Legacy, metric, label),
                legacy,
                "{metric} {label}"
            );
        }
        assert!(!accepted(ValidationScheme::Utf8, "a", ""));
    }

    #[test]
    fn schemes_are_read_by_their_names() {
        assert_eq!("values".parse(), Ok(EscapingScheme::Values));
        assert_eq!(
            "utf8".parse::<EscapingScheme>().unwrap_err().to_string(),
            "unknown format scheme utf8"
        );
    }
}
