//! Series selectors: `name{label="value", "a.b"=~"c|d"}`.
use model::{METRIC_NAME, MatchOp, Matcher};

use super::{Failure, Parsed, Parser};
use crate::{
    ast::{BinaryOp, Edges, TimeModifiers, VectorSelector},
    lexer::token::Kind,
};

const CONSTRUCT: &str = "label matching";

impl<'a> Parser<'a> {
    /// A selector whose name has been read.
    pub(super) fn selector(&mut self, name: &str) -> Parsed<'a, VectorSelector> {
        let mut matchers = vec![Matcher::equal(METRIC_NAME, name)];
        if self.take(Kind::LeftBrace)?.is_some() {
            self.matchers(&mut matchers)?;
        }
        Ok(VectorSelector {
            name: Some(name.to_owned()),
            matchers,
            time: TimeModifiers::default(),
            edges: Edges::Plain,
        })
    }

    /// A selector without a name before its braces, the first of which has been read.
    pub(super) fn nameless_selector(&mut self) -> Parsed<'a, VectorSelector> {
        let mut matchers = Vec::new();
        self.matchers(&mut matchers)?;
        Ok(VectorSelector {
            name: None,
            matchers,
            time: TimeModifiers::default(),
            edges: Edges::Plain,
        })
    }

    /// The inside of the braces, and the closing one.
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Parsed<'a, ()> {
        loop {
            if self.take(Kind::RightBrace)?.is_some() {
                return Ok(());
            }
            matchers.push(self.matcher()?);
            match self.next()? {
                token if token.kind == Kind::RightBrace => return Ok(()),
                token if token.kind == Kind::Comma => {}
                token => {
                    let unexpected = Err(Failure::Unexpected(token));
                    return self.within(unexpected, CONSTRUCT, "\",\" or \"}\"");
                }
            }
        }
    }

    /// `label="value"`, `"label"="value"`, or `"metric name"` alone.
    fn matcher(&mut self) -> Parsed<'a, Matcher> {
        let first = self.next()?;
        let (label, quoted) = match first.kind {
            Kind::Identifier => (first.text.to_owned(), false),
            Kind::String => (self.unquoted(&first)?, true),
            _ => {
                let unexpected = Err(Failure::Unexpected(first));
                return self.within(unexpected, CONSTRUCT, "identifier or \"}\"");
            }
        };
        let op = match self.peek()? {
            Kind::Assign => MatchOp::Equal,
            Kind::Binary(BinaryOp::Ne) => MatchOp::NotEqual,
            Kind::Matches => MatchOp::Regex,
            Kind::MatchesNot => MatchOp::NotRegex,
            _ if quoted => return Ok(Matcher::equal(METRIC_NAME, &label)),
            _ => {
                let unexpected = Err(Failure::Unexpected(self.next()?));
                return self.within(unexpected, CONSTRUCT, "label matching operator");
            }
        };
        self.next()?;
        let value = self.expect(Kind::String);
        let value = self.within(value, CONSTRUCT, "string")?;
        Matcher::new(op, &label, &self.unquoted(&value)?)
            .map_err(|e| self.fail(first.start..value.end(), e.to_string()))
    }
}
