//! The lines of OpenMetrics.
//!
//! Source: `openmetricsparse.go` in Prometheus, `model/textparse`.
use model::Timestamp;

use super::{Parser, label_set::Braces};
use crate::{Entry, Exemplar, SyntaxError, lexer::Token};

const NO_END: &str = "data does not end with # EOF";

impl<'a> Parser<'a> {
    /// The next entry; nothing at `# EOF`.
    pub(super) fn open_metrics_entry(&mut self) -> Result<Option<Entry<'a>>, SyntaxError> {
        self.entry = self.lexer.pos;
        match self.lexer.next() {
            Token::EofWord => match self.lexer.next() {
                Token::Eof => Ok(None),
                _ => Err(self.error("unexpected data after # EOF".to_owned())),
            },
            Token::Eof => Err(self.error(NO_END.to_owned())),
            token @ (Token::Help | Token::Type | Token::Unit) => self.metadata(token).map(Some),
            token @ (Token::MetricName | Token::BraceOpen) => self.series(token),
            token => Err(self.unexpected("expected a valid start token", token)),
        }
    }

    /// What stands behind a value: a time in seconds, an exemplar, both or neither.
    pub(super) fn end_of_open_metrics(
        &mut self,
    ) -> Result<(Option<Timestamp>, Option<Exemplar<'a>>), SyntaxError> {
        match self.lexer.next() {
            Token::Eof => Err(self.error(NO_END.to_owned())),
            Token::Comment => Ok((None, Some(self.exemplar()?))),
            Token::Timestamp => {
                let at = self.seconds("timestamp")?;
                match self.lexer.next() {
                    Token::Linebreak => Ok((Some(at), None)),
                    Token::Comment => Ok((Some(at), Some(self.exemplar()?))),
                    token => Err(self.unexpected("expected next entry after timestamp", token)),
                }
            }
            // As in Prometheus, whatever else comes is an error of the next entry.
            _ => Ok((None, None)),
        }
    }

    /// What stands behind ` # {`.
    fn exemplar(&mut self) -> Result<Exemplar<'a>, SyntaxError> {
        let brace = self.lexer.pos - 1;
        self.label_set(Braces::OfExemplar, &mut |_| ())?;
        let text = self.lexer.slice(brace, self.lexer.pos);
        let token = self.lexer.next();
        let (_, value) = self.value(token, "exemplar labels")?;
        let timestamp = match self.lexer.next() {
            Token::Eof => return Err(self.error(NO_END.to_owned())),
            Token::Linebreak => None,
            Token::Timestamp => {
                let at = self.seconds("exemplar timestamp")?;
                match self.lexer.next() {
                    Token::Linebreak => Some(at),
                    token => {
                        let expected = "expected next entry after exemplar timestamp";
                        return Err(self.unexpected(expected, token));
                    }
                }
            }
            token => return Err(self.unexpected("expected timestamp or comment", token)),
        };
        Ok(Exemplar {
            text,
            is_message: false,
            value,
            timestamp,
        })
    }

    /// The last token as a time, cut to milliseconds.
    fn seconds(&self, what: &str) -> Result<Timestamp, SyntaxError> {
        let seconds = self.number(self.number_text())?;
        if seconds.is_finite() {
            return Ok(Timestamp::from_millis((seconds * 1000.0) as i64));
        }
        let shown = match seconds {
            f64::INFINITY => "+Inf",
            f64::NEG_INFINITY => "-Inf",
            _ => "NaN",
        };
        Err(self.error(format!("invalid {what} {shown}")))
    }
}
