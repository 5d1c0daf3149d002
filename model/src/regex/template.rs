//! Replacement texts: `$1`, `${name}`, `$$`.
//!
//! Source: `Regexp.Expand` in Go's `regexp`.
use super::Captures;

/// Group numbers above this are names.
const MAX_NUMBER: usize = 100_000_000;

/// `template` with the groups of `captures` put in.
pub(super) fn expand(template: &str, captures: &Captures<'_, '_>) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            text.push('$');
            rest = after;
        } else if let Some((name, after)) = group_name(rest) {
            let group = match number(name) {
                Some(number) => captures.get(number),
                None => captures.name(name),
            };
            text.push_str(group.unwrap_or(""));
            rest = after;
        } else {
            text.push('$');
        }
    }
    text.push_str(rest);
    text
}

/// The name that `text`, which follows a dollar sign, begins with, and what comes after it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let (braced, text) = match text.strip_prefix('{') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = if braced {
        rest.strip_prefix('}')?
    } else {
        rest
    };
    (!name.is_empty()).then_some((name, rest))
}

/// The group number that `name` is: digits without leading zeros.
fn number(name: &str) -> Option<usize> {
    let plain = name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    let number = name.parse().ok().filter(|n| *n <= MAX_NUMBER);
    number.filter(|_| plain)
}
