//! String literals: checked here, read by [`crate::quote`].
use super::{Lexed, Lexer, token::Kind};
use crate::quote::is_printable;

impl Lexer<'_> {
    /// A string in `quote`s, the first of which has been read.
    pub(super) fn quoted(&mut self, quote: char) -> Lexed<Kind> {
        loop {
            match self.bump() {
                None | Some('\n') => return self.fail("unterminated quoted string"),
                Some(char::REPLACEMENT_CHARACTER) => return self.fail("invalid UTF-8 rune"),
                Some('\\') => self.escape(quote)?,
                Some(c) if c == quote => return Ok(Kind::String),
                Some(_) => {}
            }
        }
    }

    /// A string in back quotes, the first of which has been read.
    pub(super) fn raw(&mut self) -> Lexed<Kind> {
        loop {
            match self.bump() {
                None => return self.fail("unterminated raw string"),
                Some(char::REPLACEMENT_CHARACTER) => return self.fail("invalid UTF-8 rune"),
                Some('`') => return Ok(Kind::String),
                Some(_) => {}
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, quote: char) -> Lexed<()> {
        let (n, base, max, first) = match self.bump() {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => return Ok(()),
            Some(c) if c == quote => return Ok(()),
            Some(c @ '0'..='7') => (2, 8, 255, c.to_digit(8).unwrap_or(0)),
            Some('x') => (2, 16, 255, 0),
            Some('u') => (4, 16, u32::from(char::MAX), 0),
            Some('U') => (8, 16, u32::from(char::MAX), 0),
            Some(c) => return self.fail(format!("unknown escape sequence {}", code_point(c))),
            None => return self.fail("escape sequence not terminated"),
        };
        let mut code = first;
        for _ in 0..n {
            let Some(c) = self.bump() else {
                return self.fail("escape sequence not terminated");
            };
            let Some(digit) = c.to_digit(base) else {
                return self.fail(format!(
                    "illegal character {} in escape sequence",
                    code_point(c)
                ));
            };
            code = code.wrapping_mul(base).wrapping_add(digit);
        }
        if code > max || (0xd800..0xe000).contains(&code) {
            return self.fail("escape sequence is an invalid Unicode code point");
        }
        Ok(())
    }
}

/// `U+0063 'c'`, as Go's `%#U` writes it.
fn code_point(c: char) -> String {
    let code = format!("U+{:04X}", u32::from(c));
    if is_printable(c) {
        format!("{code} '{c}'")
    } else {
        code
    }
}
