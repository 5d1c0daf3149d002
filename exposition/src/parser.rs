//! Tokens to entries: what both syntaxes share. What a page's lines are in each stands in `text` and `openmetrics`.
mod expected;
mod label_set;
mod metadata;
mod openmetrics;
mod text;

use model::MetricType;

pub(crate) use self::label_set::Part;
use crate::{
    Entry, Series, SyntaxError, float,
    lexer::{Lexer, Token},
    quote::quoted,
};

/// The syntax of a page of lines. Neither changes with the version that a target names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text, 0.0.4 and 1.0.0.
    Text,
    /// OpenMetrics, 0.0.1 and 1.0.0.
    OpenMetrics,
}

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Lines, for a [`Parser`].
    Lines(Format),
    /// Messages, for [`read_protobuf`](crate::read_protobuf).
    Protobuf,
}

/// The entries of a page in their order, up to its end or its first error.
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    lexer: Lexer<'a>,
    /// Where the entry that is being read begins.
    entry: usize,
    /// Where the last series ended.
    last_series: usize,
    /// What the last `# TYPE` line said.
    kind: MetricType,
    /// True if that line came after the last series.
    typed: bool,
    ended: bool,
}

impl<'a> Parser<'a> {
    /// A parser of `page`; any bytes will do.
    pub fn new(page: &'a [u8], format: Format) -> Self {
        Self {
            lexer: Lexer::new(page, format),
            entry: 0,
            last_series: 0,
            kind: MetricType::Unknown,
            typed: false,
            ended: false,
        }
    }

    /// The number of the line on which the last entry begins, from 1; counted anew each time.
    pub fn line(&self) -> usize {
        self.lexer.line(self.entry)
    }

    /// Remembers that nothing comes after the end or an error.
    fn given(
        &mut self,
        entry: Result<Option<Entry<'a>>, SyntaxError>,
    ) -> Option<Result<Entry<'a>, SyntaxError>> {
        self.ended = !matches!(entry, Ok(Some(_)));
        entry.transpose()
    }

    /// A series whose first token is `first`.
    fn series(&mut self, first: Token) -> Result<Option<Entry<'a>>, SyntaxError> {
        let (text, token) = self.series_text(first, &mut |_| ())?;
        self.end_of_series(text, token)
            .map(|series| Some(Entry::Series(series)))
    }

    /// What stands behind the series `text`, from `token` on to the end of the line.
    fn end_of_series(&mut self, text: &'a [u8], token: Token) -> Result<Series<'a>, SyntaxError> {
        let (value_text, value) = self.value(token, "metric")?;
        let (timestamp, exemplar) = match self.lexer.format {
            Format::Text => (self.end_of_text()?, None),
            Format::OpenMetrics => self.end_of_open_metrics()?,
        };
        Ok(Series {
            timestamp,
            exemplar,
            ..self.series_of(text, value_text, value)
        })
    }

    /// The series whose line ends here.
    fn series_of(&mut self, text: &'a [u8], value_text: &'a [u8], value: f64) -> Series<'a> {
        let before = self.lexer.slice(self.last_series, self.entry);
        let typed = std::mem::take(&mut self.typed);
        self.last_series = self.lexer.pos;
        Series {
            before,
            text,
            expected: false,
            kind: self.kind,
            typed,
            value_text,
            value,
            timestamp: None,
            exemplar: None,
        }
    }

    /// The value that `token` is, as written and as read.
    fn value(&self, token: Token, after: &str) -> Result<(&'a [u8], f64), SyntaxError> {
        if token != Token::Value {
            return Err(self.unexpected(&format!("expected value after {after}"), token));
        }
        let text = self.number_text();
        Ok((text, self.number(text)?))
    }

    /// The last token, which is a number, without the space that OpenMetrics counts to it.
    fn number_text(&self) -> &'a [u8] {
        let token = self.lexer.token();
        match self.lexer.format {
            Format::Text => token,
            Format::OpenMetrics => token.strip_prefix(b" ").unwrap_or(token),
        }
    }

    fn number(&self, text: &[u8]) -> Result<f64, SyntaxError> {
        float::parse(text).map_err(|reason| self.while_parsing(&reason))
    }

    /// Another token than `expected` says.
    fn unexpected(&self, expected: &str, token: Token) -> SyntaxError {
        self.error(format!(
            "{expected}, got {} (\"{token}\") while parsing: {}",
            quoted(&self.lexer.shown(self.lexer.start)),
            quoted(&self.lexer.shown(self.entry)),
        ))
    }

    /// A token of the right kind that says something wrong.
    fn while_parsing(&self, reason: &str) -> SyntaxError {
        let shown = self.lexer.shown_up_to(self.entry, self.lexer.pos);
        self.error(format!("{reason} while parsing: {}", quoted(&shown)))
    }

    fn error(&self, message: String) -> SyntaxError {
        SyntaxError {
            line: self.line(),
            offset: self.lexer.pos,
            message,
        }
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Entry<'a>, SyntaxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = match self.lexer.format {
            Format::Text => self.text_entry(),
            Format::OpenMetrics => self.open_metrics_entry(),
        };
        self.given(entry)
    }
}
