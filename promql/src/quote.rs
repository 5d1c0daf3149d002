//! Quoted texts with Go's escapes: reading PromQL's string literals, and writing them as Go's `%q` does.
//!
//! Source: Prometheus, `util/strutil/quote.go`; Go, `strconv/quote.go`.

/// Writes `text` in double quotes, as Go's `strconv.Quote` does.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        push_escaped(&mut quoted, c, '"');
    }
    quoted.push('"');
    quoted
}

/// Writes `c` in single quotes, as Go's `strconv.QuoteRune` does.
pub fn quote_char(c: char) -> String {
    let mut quoted = String::from("'");
    push_escaped(&mut quoted, c, '\'');
    quoted.push('\'');
    quoted
}

/// Bytes of a literal that are no UTF-8 are kept as the last characters that there are.
const INVALID_BYTES: u32 = 0x10_ff00;

/// The byte that is no UTF-8 for which `c` stands.
const fn invalid_byte(c: char) -> Option<u32> {
    match c as u32 {
        code @ 0x10_ff80.. => Some(code - INVALID_BYTES),
        _ => None,
    }
}

/// True if `text` comes from a literal with bytes that are no UTF-8.
pub(crate) fn is_invalid(text: &str) -> bool {
    text.chars().any(|c| invalid_byte(c).is_some())
}

/// True for what Go's `unicode.IsPrint` calls printable.
pub fn is_printable(c: char) -> bool {
    match c {
        c if c.is_ascii() => return matches!(c, ' '..='~'),
        // Go prints it, but PromQL reads it only as an escape.
        char::REPLACEMENT_CHARACTER => return false,
        _ => {}
    }
    // A combining mark is escaped only where nothing stands before it.
    let text = format!("a{c}");
    text.escape_debug().eq(text.chars())
}

fn push_escaped(dst: &mut String, c: char, quote: char) {
    match c {
        '\\' => dst.push_str("\\\\"),
        c if c == quote => dst.extend(['\\', c]),
        '\x07' => dst.push_str("\\a"),
        '\x08' => dst.push_str("\\b"),
        '\x0c' => dst.push_str("\\f"),
        '\n' => dst.push_str("\\n"),
        '\r' => dst.push_str("\\r"),
        '\t' => dst.push_str("\\t"),
        '\x0b' => dst.push_str("\\v"),
        c if let Some(byte) = invalid_byte(c) => dst.push_str(&format!("\\x{byte:02x}")),
        c if is_printable(c) => dst.push(c),
        c if (c as u32) < 0x80 => dst.push_str(&format!("\\x{:02x}", c as u32)),
        c if (c as u32) < 0x1_0000 => dst.push_str(&format!("\\u{:04x}", c as u32)),
        c => dst.push_str(&format!("\\U{:08x}", c as u32)),
    }
}

/// The text that a literal in single, double or back quotes stands for; `None` if it is malformed.
///
/// Bytes written as `\xff` that give no UTF-8 become U+10FFFF and the like, each by itself.
pub fn unquote(literal: &str) -> Option<String> {
    let quote = literal.chars().next().filter(|c| "\"'`".contains(*c))?;
    let inner = literal[1..].strip_suffix(quote)?;
    if quote == '`' {
        return (!inner.contains('`')).then(|| inner.to_owned());
    }
    if inner.contains('\n') {
        return None;
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(inner.len()), inner.chars());
    while let Some(c) = rest.next() {
        if c == quote {
            return None;
        }
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next()? {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            '\\' => bytes.push(b'\\'),
            c if c == quote => bytes.push(c as u8),
            'x' => bytes.push(u8::try_from(number(&mut rest, 2, 16, 0)?).ok()?),
            'u' => push_char(&mut bytes, number(&mut rest, 4, 16, 0)?),
            'U' => push_char(&mut bytes, number(&mut rest, 8, 16, 0)?),
            c => {
                let first = c.to_digit(8)?;
                bytes.push(u8::try_from(number(&mut rest, 2, 8, first)?).ok()?);
            }
        }
    }
    Some(text_of(&bytes))
}

/// The text of `bytes`; what is no UTF-8 is kept byte by byte.
fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        let kept = |byte: &u8| char::from_u32(INVALID_BYTES + u32::from(*byte));
        text.extend(chunk.invalid().iter().filter_map(kept));
    }
    text
}

fn push_char(bytes: &mut Vec<u8>, code: u32) {
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The number that `start` followed by the next `n` digits makes.
fn number(rest: &mut std::str::Chars<'_>, n: usize, base: u32, start: u32) -> Option<u32> {
    (0..n).try_fold(start, |value, _| {
        value
            .checked_mul(base)?
            .checked_add(rest.next()?.to_digit(base)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        let read = |literal| unquote(literal).unwrap();
        assert_eq!(read(r#""a\"b\\\n""#), "a\"b\\\n");
        assert_eq!(read(r"'a\'b'"), "a'b");
        assert_eq!(read(r"`a\n`"), r"a\n");
        assert_eq!(read(r#""\x41\102\u00e9\U0001F600""#), "AB\u{e9}\u{1f600}");
        assert_eq!(read(r#""\xc3\xa9\xff""#), "\u{e9}\u{10ffff}");
        assert_eq!(read(r#""""#), "");
        for bad in [
            "",
            "\"",
            "a",
            "\"a'",
            r#""\'""#,
            r#""\x4""#,
            r#""\400""#,
            "'\n'",
            "`a``",
        ] {
            assert_eq!(unquote(bad), None, "{bad}");
        }
    }

    #[test]
    fn go_quotes_are_written() {
        assert_eq!(quote("a\"\\\n\x07\0"), r#""a\"\\\n\a\x00""#);
        assert_eq!(
            quote("\u{e9}\u{301}\u{a0}\u{e000}"),
            "\"\u{e9}\u{301}\\u00a0\\ue000\""
        );
        assert_eq!(quote_char('\''), r"'\''");
        assert_eq!(quote_char('"'), "'\"'");
    }
}
