//! The media type of a Content-Type header, as Go reads and refuses it.
//!
//! Source: `mime.ParseMediaType` in Go's standard library; the messages are its own.
use std::collections::HashMap;

/// Reads the media type, in lower case.
pub(crate) fn media_type(header: &str) -> Result<String, &'static str> {
    let (base, mut rest) = match header.find(';') {
        Some(end) => header.split_at(end),
        None => (header, ""),
    };
    let base = base.trim().to_lowercase();
    check(&base)?;
    let mut parameters = HashMap::new();
    loop {
        rest = rest.trim_start();
        // A semicolon at the end begins nothing.
        if rest.is_empty() || rest.trim_end() == ";" {
            return Ok(base);
        }
        let (name, value, behind) = parameter(rest).ok_or("mime: invalid media parameter")?;
        match parameters.insert(name, value.clone()) {
            Some(other) if other != value => return Err("mime: duplicate parameter name"),
            _ => rest = behind,
        }
    }
}

fn check(media_type: &str) -> Result<(), &'static str> {
    let (kind, rest) = token(media_type);
    if kind.is_empty() {
        return Err("mime: no media type");
    }
    if rest.is_empty() {
        return Ok(());
    }
    let rest = rest
        .strip_prefix('/')
        .ok_or("mime: expected slash after first token")?;
    match token(rest) {
        ("", _) => Err("mime: expected token after slash"),
        (_, "") => Ok(()),
        _ => Err("mime: unexpected content after media subtype"),
    }
}

/// A `; name=value` with its value's quotes taken off, and what follows.
fn parameter(text: &str) -> Option<(String, String, &str)> {
    let (name, rest) = token(text.strip_prefix(';')?.trim_start());
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    if name.is_empty() {
        return None;
    }
    let name = name.to_lowercase();
    let Some(inside) = rest.strip_prefix('"') else {
        let (value, rest) = token(rest);
        return (!value.is_empty()).then(|| (name, value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = inside.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Some((name, value, &inside[i + 1..])),
            '\r' | '\n' => return None,
            '\\' => {
                let escaped = chars.next_if(|(_, c)| is_special(*c));
                value.push(escaped.map_or('\\', |(_, c)| c));
            }
            _ => value.push(c),
        }
    }
    None
}

fn token(text: &str) -> (&str, &str) {
    let ends = |c: char| !c.is_ascii_graphic() || is_special(c);
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// The `tspecials` of RFC 1521 and RFC 2045.
fn is_special(c: char) -> bool {
    "()<>@,;:\\\"/[]?=".contains(c)
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn media_types_are_read_and_refused_as_by_go() {
        for (header, expected) in [
            ("text/plain", Ok("text/plain")),
            (" Text/PLAIN ; version=0.0.4", Ok("text/plain")),
            ("text/plain;", Ok("text/plain")),
            ("text/plain; a=\"x;\\\"y\" ; b=z", Ok("text/plain")),
            ("text/plain; a=b; A=b", Ok("text/plain")),
            ("", Err("mime: no media type")),
            ("/", Err("mime: no media type")),
            ("a b", Err("mime: expected slash after first token")),
            ("invalid/", Err("mime: expected token after slash")),
            ("a/b/c", Err("mime: unexpected content after media subtype")),
            ("a/b; c", Err("mime: invalid media parameter")),
            ("a/b; c=\"", Err("mime: invalid media parameter")),
            (
                "a/b c=d",
                Err("mime: unexpected content after media subtype"),
            ),
            ("a/b; c=d; c=D", Err("mime: duplicate parameter name")),
        ] {
            assert_eq!(media_type(header), expected.map(str::to_owned), "{header}");
        }
    }
}
