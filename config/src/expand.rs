//! The environment in texts: `$NAME`, `${NAME}`, `$$`.
//!
//! Source: `Expand` in Go's `os`, and `Load` in Prometheus, `config/config.go`.

/// `text` with variables replaced by what `variable` gives, nothing if it gives none.
pub(crate) fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, width) = name(after);
        match name {
            // A dollar sign at the end, or before what is no name, stays.
            None if width == 0 => expanded.push('$'),
            // What was meant by broken braces cannot be told; they are left out.
            None => {}
            Some("$") => expanded.push('$'),
            Some(name) => expanded.push_str(&variable(name).unwrap_or_default()),
        }
        rest = &after[width..];
    }
    expanded.push_str(rest);
    expanded
}

/// The name that `text`, which follows a dollar sign, begins with, and how many bytes it takes.
fn name(text: &str) -> (Option<&str>, usize) {
    let special =
        |c: char| matches!(c, '*' | '#' | '$' | '@' | '!' | '?' | '-') || c.is_ascii_digit();
    match text.chars().next() {
        Some('{') => {
            let inner = &text[1..];
            if inner.starts_with(special) && inner[1..].starts_with('}') {
                return (Some(&inner[..1]), 3);
            }
            match inner.find('}') {
                Some(0) => (None, 2),
                Some(end) => (Some(&inner[..end]), end + 2),
                None => (None, 1),
            }
        }
        Some(c) if special(c) => (Some(&text[..1]), 1),
        _ => {
            let end = text
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(text.len());
            (Some(&text[..end]).filter(|name| !name.is_empty()), end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_in_go() {
        let variable = |name: &str| (name == "TEST").then(|| "value".to_owned());
        for (text, expanded) in [
            ("foo${TEST}bar", "foovaluebar"),
            ("foo$TEST", "foovalue"),
            ("foo$$bar", "foo$bar"),
            ("foo${TEST", "fooTEST"),
            ("a${NONE}b", "ab"),
            ("$", "$"),
            ("a$ b", "a$ b"),
            ("${}x", "x"),
            ("${$}", "$"),
        ] {
            assert_eq!(expand(text, variable), expanded, "{text}");
        }
    }
}
