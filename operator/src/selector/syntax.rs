//! How keys and values of labels may be written.
//!
//! Source: `IsQualifiedName` and `IsValidLabelValue` in apimachinery's `pkg/util/validation/validation.go`.

/// How long a value, and the name of a key, may be.
const MAX_NAME: usize = 63;
/// How long the prefix of a key may be.
const MAX_PREFIX: usize = 253;

/// Why `key` is none, if so.
pub(super) fn wrong_key(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix.is_some_and(|prefix| !is_domain(prefix)) {
        return Some("the prefix of a label's key must be a DNS subdomain");
    }
    let good = !name.is_empty() && is_name(name);
    (!good).then_some(
        "the name of a label's key must be 1 to 63 letters, digits, '-', '_' or '.', with a letter or a digit at both ends",
    )
}

/// Why `value` is none, if so.
pub(super) fn wrong_value(value: &str) -> Option<&'static str> {
    let good = value.is_empty() || is_name(value);
    (!good).then_some(
        "a label's value must be empty or up to 63 letters, digits, '-', '_' or '.', with a letter or a digit at both ends",
    )
}

fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= MAX_NAME
        && bytes.iter().all(|b| inner(*b))
        && ends(bytes.first())
        && ends(bytes.last())
}

fn is_domain(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= MAX_PREFIX && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::{wrong_key, wrong_value};

    #[test]
    fn keys_and_values_are_as_kubernetes_has_them() {
        for key in ["app", "a.b-c_d", "app.kubernetes.io/name", "9"] {
            assert_eq!(wrong_key(key), None, "{key}");
        }
        let long = "a".repeat(64);
        for key in [
            "", "a/", "/a", "A.b/c", "a..b/c", "a/b/c", "-a", "a b", &long,
        ] {
            assert!(wrong_key(key).is_some(), "{key}");
        }
        for value in ["", "a", "1.2", &long[1..]] {
            assert_eq!(wrong_value(value), None, "{value}");
        }
        for value in ["a|b", "a.", ".*", &long] {
            assert!(wrong_value(value).is_some(), "{value}");
        }
    }
}
