//! The text of a series: a name, labels in braces, or a quoted name among the labels.
use super::Parser;
use crate::{
    Format, SyntaxError,
    lexer::{State, Token},
};

/// What the text of a series consists of; names and values without quotes, their escapes unresolved.
pub(crate) enum Part<'a> {
    /// The metric's name.
    Metric(&'a [u8]),
    /// A label's name and value.
    Label(&'a [u8], &'a [u8]),
}

impl<'a> Parser<'a> {
    /// A parser for [`series_parts`](Self::series_parts) of a series' text, from either syntax: what OpenMetrics
    /// allows there, the text format allows too.
    pub(crate) fn of_series_text(text: &'a [u8]) -> Self {
        Self::new(text, Format::Text)
    }

    /// A parser for [`exemplar_parts`](Self::exemplar_parts) of an exemplar's text.
    pub(crate) fn of_exemplar_text(text: &'a [u8]) -> Self {
        Self::new(text, Format::OpenMetrics)
    }

    /// Gives `sink` the parts of the series' text that is the whole page.
    pub(crate) fn series_parts(
        mut self,
        sink: &mut impl FnMut(Part<'a>),
    ) -> Result<(), SyntaxError> {
        match self.lexer.next() {
            first @ (Token::MetricName | Token::BraceOpen) => {
                self.series_text(first, sink).map(|_| ())
            }
            token => Err(self.unexpected("expected a valid start token", token)),
        }
    }

    /// Gives `sink` the labels of the exemplar's text, braces and all, that is the whole page.
    pub(crate) fn exemplar_parts(
        mut self,
        sink: &mut impl FnMut(Part<'a>),
    ) -> Result<(), SyntaxError> {
        self.lexer.next();
        self.lexer.state = State::Exemplar;
        self.label_set(Braces::OfExemplar, sink).map(|_| ())
    }

    /// The text of the series that begins with the token `first`, and the token behind it.
    pub(super) fn series_text(
        &mut self,
        first: Token,
        sink: &mut impl FnMut(Part<'a>),
    ) -> Result<(&'a [u8], Token), SyntaxError> {
        let braces = if first == Token::MetricName {
            // As in Prometheus, blanks before a bare name belong to it.
            let text = self.lexer.slice(self.entry, self.lexer.pos);
            sink(Part::Metric(text));
            let token = self.lexer.next();
            if token != Token::BraceOpen {
                return Ok((text, token));
            }
            Braces::Named
        } else {
            Braces::Unnamed
        };
        let named = self.label_set(braces, sink)?;
        let text = self.lexer.slice(self.entry, self.lexer.pos);
        let token = self.lexer.next();
        if named {
            Ok((text, token))
        } else {
            Err(self.while_parsing("metric name not set"))
        }
    }

    /// The labels up to the closing brace; true if the metric's name is known behind it.
    pub(super) fn label_set(
        &mut self,
        braces: Braces,
        sink: &mut impl FnMut(Part<'a>),
    ) -> Result<bool, SyntaxError> {
        let mut named = braces == Braces::Named;
        let mut token = self.lexer.next();
        loop {
            let name = match token {
                Token::BraceClose => return Ok(named),
                Token::LabelName => self.lexer.token(),
                Token::Quoted => self.inside_quotes(),
                _ => return Err(self.unexpected("expected label name", token)),
            };
            let was_quoted = token == Token::Quoted;
            token = self.lexer.next();
            // A quoted string without a value is the metric's name.
            if was_quoted && matches!(token, Token::Comma | Token::BraceClose) {
                if braces == Braces::OfExemplar {
                    return Err(self.unexpected("expected label name", token));
                }
                if named {
                    return Err(self.while_parsing("metric name already set"));
                }
                named = true;
                sink(Part::Metric(name));
                if token == Token::Comma {
                    token = self.lexer.next();
                }
                continue;
            }
            if token != Token::Equal {
                return Err(self.unexpected("expected equal", token));
            }
            sink(Part::Label(name, self.label_value()?));
            token = self.behind_label()?;
        }
    }

    /// The token behind a label and its comma. The text format needs no comma, and takes one before the brace;
    /// OpenMetrics forbids that one, and Prometheus 2 refuses it, though 3 lets it pass.
    fn behind_label(&mut self) -> Result<Token, SyntaxError> {
        let token = self.lexer.next();
        match (token, self.lexer.format) {
            (Token::Comma, Format::Text) => Ok(self.lexer.next()),
            (Token::Comma, Format::OpenMetrics) => match self.lexer.next() {
                brace @ Token::BraceClose => Err(self.unexpected("expected label name", brace)),
                token => Ok(token),
            },
            (Token::BraceClose, _) | (_, Format::Text) => Ok(token),
            _ => Err(self.unexpected("expected comma or brace close", token)),
        }
    }

    fn label_value(&mut self) -> Result<&'a [u8], SyntaxError> {
        let token = self.lexer.next();
        if token != Token::LabelValue {
            return Err(self.unexpected("expected label value", token));
        }
        let value = self.lexer.token();
        if std::str::from_utf8(value).is_err() {
            let shown = crate::quote::quoted(value);
            return Err(self.error(format!("invalid UTF-8 label value: {shown}")));
        }
        Ok(self.inside_quotes())
    }

    fn inside_quotes(&self) -> &'a [u8] {
        self.lexer.slice(self.lexer.start + 1, self.lexer.pos - 1)
    }
}

/// What a label set belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Braces {
    /// A series whose name stands before the braces.
    Named,
    /// A series whose name must stand inside them.
    Unnamed,
    /// An exemplar, which has no name.
    OfExemplar,
}
