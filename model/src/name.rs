//! Which names metrics and labels may have.

/// Which names are valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NameValidation {
    /// Any text that is not empty.
    #[default]
    Utf8,
    /// Letters, digits and underscores of ASCII, no digit in front; colons too in metric names.
    Legacy,
}

impl NameValidation {
    /// True if `name` may name a label.
    pub fn is_label_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy(name, |b| b.is_ascii_alphabetic() || b == b'_'),
        }
    }

    /// True if `name` may name a metric.
    pub fn is_metric_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy(name, |b| {
                b.is_ascii_alphabetic() || matches!(b, b'_' | b':')
            }),
        }
    }
}

fn is_legacy(name: &str, may_begin: impl Fn(u8) -> bool) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(&may_begin) && bytes.all(|b| may_begin(b) || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_names_are_identifiers() {
        let legacy = NameValidation::Legacy;
        assert!(legacy.is_label_name("a_1") && legacy.is_metric_name("a:b"));
        for bad in ["", "1a", "a:b", "a-b", "é"] {
            assert!(!legacy.is_label_name(bad), "{bad}");
        }
        assert!(NameValidation::Utf8.is_label_name("é.b"));
        assert!(!NameValidation::Utf8.is_metric_name(""));
    }
}
