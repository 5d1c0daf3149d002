//! Kubernetes' selectors, checked for their form before they are sent to the API server.
//!
//! Source: `pkg/fields/selector.go` and `pkg/labels/selector.go` in kubernetes/apimachinery.

/// Checks a field selector: `metadata.name=a,status.phase!=Running`.
pub(crate) fn check_fields(selector: &str) -> Result<(), String> {
    // A backslash takes the meaning from the comma or equals sign after it.
    let plain = selector
        .replace(r"\\", "")
        .replace(r"\,", "")
        .replace(r"\=", "");
    plain
        .split(',')
        .filter(|term| !term.is_empty())
        .find(|term| !term.contains('='))
        .map_or(Ok(()), |term| {
            Err(format!(
                "invalid selector: '{selector}'; can't understand '{term}'"
            ))
        })
}

/// Checks a label selector: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
pub(crate) fn check_labels(selector: &str) -> Result<(), String> {
    if selector.trim().is_empty() {
        return Ok(());
    }
    requirements(selector)
        .into_iter()
        .try_for_each(check_requirement)
        .map_err(|what| format!("unable to parse requirement: {what}"))
}

/// The parts between the commas that stand outside of parentheses.
fn requirements(selector: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in selector.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&selector[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&selector[start..]);
    parts
}

fn check_requirement(text: &str) -> Result<(), String> {
    let text = text.trim();
    let (negated, rest) = match text.strip_prefix('!') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let end = rest
        .find(|c: char| c.is_whitespace() || "=!<>()".contains(c))
        .unwrap_or(rest.len());
    let (key, rest) = rest.split_at(end);
    check_key(key)?;
    let rest = rest.trim();
    if rest.is_empty() {
        return Ok(());
    }
    if negated {
        return Err(format!("found '{rest}', expected: ',' or end of string"));
    }
    let set = ["notin", "in"].into_iter().find_map(|operator| {
        let set = rest.strip_prefix(operator)?;
        set.starts_with(|c: char| c.is_whitespace() || c == '(')
            .then_some(set.trim())
    });
    if let Some(set) = set {
        let values = set.strip_prefix('(').and_then(|set| set.strip_suffix(')'));
        let values = values.ok_or_else(|| format!("found '{set}', expected: '(' … ')'"))?;
        return values
            .split(',')
            .try_for_each(|value| check_value(value.trim()));
    }
    if let Some(number) = rest.strip_prefix(['<', '>']) {
        let number = number.trim();
        return number.parse::<i64>().map(drop).map_err(|_| {
            format!("for 'Gt', 'Lt' operators, the value must be an integer: {number:?}")
        });
    }
    let value = ["==", "!=", "="]
        .into_iter()
        .find_map(|operator| rest.strip_prefix(operator))
        .ok_or_else(|| format!("found '{rest}', expected: in, notin, =, ==, !=, gt, lt"))?;
    check_value(value.trim())
}

/// A name, with a DNS name and a slash before it if need be.
fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let dns = |prefix: &str| {
        prefix.len() <= 253
            && prefix.split('.').all(|part| {
                is_framed(
                    part,
                    |c| c.is_ascii_lowercase() || c.is_ascii_digit(),
                    |c| c == '-',
                )
            })
    };
    match is_name(name) && prefix.is_none_or(dns) {
        true => Ok(()),
        false => Err(format!("key: Invalid value: {key:?}")),
    }
}

fn check_value(value: &str) -> Result<(), String> {
    match value.is_empty() || is_name(value) {
        true => Ok(()),
        false => Err(format!("values: Invalid value: {value:?}")),
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 63
        && is_framed(
            name,
            |c| c.is_ascii_alphanumeric(),
            |c| matches!(c, '-' | '_' | '.'),
        )
}

/// True if `text` is made of `frame` and `inner` characters and begins and ends with `frame`.
fn is_framed(text: &str, frame: impl Fn(char) -> bool, inner: impl Fn(char) -> bool) -> bool {
    text.starts_with(&frame) && text.ends_with(&frame) && text.chars().all(|c| frame(c) || inner(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_of_labels_are_checked() {
        for good in [
            "",
            "a",
            "!a",
            "a=b,c!=d",
            "a == b",
            "app in (x, y),tier notin (z)",
            "a.b/c=",
            "a>1",
            "in=1",
        ] {
            check_labels(good).unwrap();
        }
        for bad in [
            "a b", "=b", "a=b c", "a in x", "a=,,b", "a>x", "-a", "!a=b", "A/b",
        ] {
            assert!(check_labels(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn selectors_of_fields_are_checked() {
        for good in ["", "metadata.name=a", "a!=b,c==d", r"a=b\,c"] {
            check_fields(good).unwrap();
        }
        assert_eq!(
            check_fields("metadata.status-Running").unwrap_err(),
            "invalid selector: 'metadata.status-Running'; can't understand 'metadata.status-Running'"
        );
    }
}
