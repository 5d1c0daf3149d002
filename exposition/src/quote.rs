//! Go's `%q`: how Prometheus shows bytes in its messages.
use std::fmt::Write;

/// Quotes `bytes` as Go's `strconv.Quote` does; what is no UTF-8 is shown byte by byte as `\xff`.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(&mut text, c));
        for byte in chunk.invalid() {
            escape(&mut text, format_args!("\\x{byte:02x}"));
        }
    }
    text.push('"');
    text
}

fn push(text: &mut String, c: char) {
    match c {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\t' => text.push_str("\\t"),
        '\r' => text.push_str("\\r"),
        '\x07' => text.push_str("\\a"),
        '\x08' => text.push_str("\\b"),
        '\x0c' => text.push_str("\\f"),
        '\x0b' => text.push_str("\\v"),
        ' '..='~' => text.push(c),
        _ if c.is_ascii() => escape(text, format_args!("\\x{:02x}", u32::from(c))),
        _ if is_printable(c) => text.push(c),
        _ if u32::from(c) < 0x1_0000 => escape(text, format_args!("\\u{:04x}", u32::from(c))),
        _ => escape(text, format_args!("\\U{:08x}", u32::from(c))),
    }
}

/// True for letters, numbers, punctuation and symbols. A combining mark, which Go shows as it is, counts as not
/// printable: the tables of Rust's library end there.
fn is_printable(c: char) -> bool {
    c.escape_debug().len() == 1
}

fn escape(text: &mut String, escape: std::fmt::Arguments<'_>) {
    text.write_fmt(escape)
        .expect("a String takes whatever is written");
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn bytes_are_shown_as_go_shows_them() {
        assert_eq!(
            quoted("a\"\\\n\t\0\x7f\u{e9}\u{a0}\u{1f600}\u{e0001}".as_bytes()),
            "\"a\\\"\\\\\\n\\t\\x00\\x7f\u{e9}\\u00a0\u{1f600}\\U000e0001\""
        );
        assert_eq!(quoted(b"{\xff\xc3"), "\"{\\xff\\xc3\"");
    }
}
