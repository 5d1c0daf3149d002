//! The lines of the Prometheus text format.
//!
//! Source: `promparse.go` in Prometheus, `model/textparse`.
use model::Timestamp;

use super::Parser;
use crate::{Entry, SyntaxError, lexer::Token, quote::quoted};

impl<'a> Parser<'a> {
    /// The next entry; nothing at the end of the page.
    pub(super) fn text_entry(&mut self) -> Result<Option<Entry<'a>>, SyntaxError> {
        let mut token = Token::Linebreak;
        while token == Token::Linebreak {
            self.entry = self.lexer.pos;
            token = self.lexer.next();
        }
        match token {
            Token::Eof => Ok(None),
            Token::MetricName | Token::BraceOpen => self.series(token),
            Token::Help | Token::Type => {
                let entry = self.metadata(token)?;
                self.end_of_line("linebreak expected after metadata")?;
                Ok(Some(entry))
            }
            Token::Comment => {
                let text = self.lexer.token();
                self.end_of_line("linebreak expected after comment")?;
                Ok(Some(Entry::Comment(text)))
            }
            _ => Err(self.unexpected("expected a valid start token", token)),
        }
    }

    /// What stands behind a value: at most a time in milliseconds.
    pub(super) fn end_of_text(&mut self) -> Result<Option<Timestamp>, SyntaxError> {
        match self.lexer.next() {
            Token::Linebreak => Ok(None),
            Token::Timestamp => {
                let digits = self.lexer.token();
                let millis = self.whole_number(digits)?;
                self.end_of_line("expected next entry after timestamp")?;
                Ok(Some(Timestamp::from_millis(millis)))
            }
            token => Err(self.unexpected("expected timestamp or new record", token)),
        }
    }

    /// Reads digits, of which there is at least one.
    fn whole_number(&self, digits: &[u8]) -> Result<i64, SyntaxError> {
        let append = |n: i64, b: &u8| n.checked_mul(10)?.checked_add(i64::from(b - b'0'));
        digits.iter().try_fold(0, append).ok_or_else(|| {
            let digits = quoted(digits);
            self.while_parsing(&format!(
                "strconv.ParseInt: parsing {digits}: value out of range"
            ))
        })
    }

    fn end_of_line(&mut self, expected: &str) -> Result<(), SyntaxError> {
        match self.lexer.next() {
            Token::Linebreak => Ok(()),
            token => Err(self.unexpected(expected, token)),
        }
    }
}
