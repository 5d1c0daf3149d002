//! A page that comes again: what the previous one had in the same place is compared, not parsed.
use model::Timestamp;

use super::Parser;
use crate::{Entry, Expected, Format, Print, Series, SyntaxError, float, lexer::State};

impl<'a> Parser<'a> {
    /// The next entry, found faster if it is the series `expected`.
    ///
    /// Series are the same as those of [`next`](Iterator::next), but for [`Series::expected`]; if the lines before the
    /// series are as expected too, they are skipped.
    pub fn next_expecting(
        &mut self,
        expected: &Expected,
    ) -> Option<Result<Entry<'a>, SyntaxError>> {
        if self.ended || self.lexer.state != State::Start || expected.text.length == 0 {
            return self.next();
        }
        let lines = self.lexer.rest();
        let before = match expected.before {
            Print { length: 0, .. } => None,
            _ if self.lexer.pos != self.last_series => None,
            before => before.split(lines),
        };
        let (skipped, line) = before.map_or((0, lines), |(before, line)| (before.len(), line));
        let Some((text, behind)) = expected.text.split(line) else {
            return self.next();
        };
        let plain = behind.strip_prefix(b" ").and_then(|behind| {
            let ends = |length: usize| matches!(behind.get(length), Some(b'\n' | b' '));
            let (value, length) = float::parse_short(behind).filter(|(_, length)| ends(*length))?;
            let (timestamp, end) = self.plain_end(&behind[length..])?;
            Some((&behind[..length], value, timestamp, end))
        });
        if plain.is_none() && !is_whole(text, behind) {
            return self.next();
        }
        if skipped > 0
            && let Some(kind) = expected.typed
        {
            self.kind = kind;
            self.typed = true;
        }
        self.entry = self.lexer.pos + skipped;
        self.lexer.pos = self.entry + text.len();
        if let Some((value_text, value, timestamp, end)) = plain {
            self.lexer.pos += 1 + value_text.len() + end;
            return Some(Ok(Entry::Series(Series {
                expected: true,
                timestamp,
                ..self.series_of(text, value_text, value)
            })));
        }
        self.lexer.state = State::Value;
        let token = self.lexer.next();
        let series = self.end_of_series(text, token).map(|series| {
            Some(Entry::Series(Series {
                expected: true,
                ..series
            }))
        });
        self.given(series)
    }

    /// The time in `behind`, in the text format, and the length of the rest of the line with its end.
    fn plain_end(&self, behind: &[u8]) -> Option<(Option<Timestamp>, usize)> {
        let digits = match behind {
            [b'\n', ..] => return Some((None, 1)),
            [b' ', digits @ ..] if self.lexer.format == Format::Text => digits,
            _ => return None,
        };
        // Eighteen digits always fit.
        let length = digits
            .iter()
            .take(19)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if !(1..19).contains(&length) || digits.get(length) != Some(&b'\n') {
            return None;
        }
        let append = |n: i64, byte: &u8| n * 10 + i64::from(byte - b'0');
        let millis = digits[..length].iter().fold(0, append);
        Some((Some(Timestamp::from_millis(millis)), length + 2))
    }
}

/// True if the text of a series ends before `behind`: a label set may follow a bare name, in the text format also
/// after blanks.
fn is_whole(text: &[u8], behind: &[u8]) -> bool {
    let begins_value =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    text.ends_with(b"}") || matches!(behind, [b' ', byte, ..] if begins_value(byte))
}
