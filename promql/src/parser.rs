//! Words -> [`Expr`], by precedence climbing; then the types are checked.
//!
//! Stops at the first error: Prometheus collects more, but shows the first alone. A word that the grammar does
//! not allow is told by the nearest construct around it that has something to say ([`Failure::Unexpected`]
//! travels up until [`Parser::within`]), which is how the states of Prometheus' generated parser behave.
//!
//! Source: Prometheus, `promql/parser/generated_parser.y` and `parse.go`.
mod aggregate;
mod binary;
mod check;
mod length;
mod modifier;
mod number;
mod primary;
mod selector;
#[cfg(test)]
mod tests;

use model::Matcher;
pub(crate) use number::number as number_value;

use crate::{
    Position,
    ast::{Expr, Span},
    lexer::{
        Lexer,
        token::{Kind, Token},
    },
};

/// How deep parentheses, arguments, signs and right sides may stand in each other, so that no query exhausts the parser's stack.
const MAX_NESTING: usize = 128;

/// The height of the tallest tree that is given out, so that no query exhausts the stack of what walks over it.
pub const MAX_HEIGHT: usize = 400;

/// What the language may hold besides its stable part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--enable-feature=promql-experimental-functions`
    pub experimental_functions: bool,
    /// `--enable-feature=promql-binop-fill-modifiers`
    pub fill_modifiers: bool,
    /// `--enable-feature=promql-extended-range-selectors`
    pub extended_ranges: bool,
}

impl Options {
    /// Everything that there is.
    pub const ALL: Self = Self {
        experimental_functions: true,
        fill_modifiers: true,
        extended_ranges: true,
    };
}

/// What can be done about a [`ParseError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// Write another query.
    Invalid,
    /// The query needs a feature that is off, or left out.
    Disabled,
}

/// A text that is no valid query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: parse error: {message}")]
pub struct ParseError {
    /// The bytes that are wrong.
    pub span: Span,
    /// The line and column of the first of them.
    pub position: Position,
    /// What is wrong, in Prometheus' words.
    pub message: String,
    /// What can be done about it.
    pub kind: ParseErrorKind,
}

impl ParseError {
    pub(crate) fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        Self {
            position: Position::of(text, span.start),
            span,
            message: message.into(),
            kind: ParseErrorKind::Invalid,
        }
    }
}

/// Reads a query and checks its types; experimental functions are refused.
///
/// # Errors
/// [`ParseError`], the first one that Prometheus tells of.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    parse_with(text, Options::default())
}

/// Reads a query and checks its types.
///
/// # Errors
/// [`ParseError`], the first one that Prometheus tells of.
pub fn parse_with(text: &str, options: Options) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text, options);
    let mut expr = parser.whole_expr().map_err(|f| parser.error_of(f))?;
    check::check(text, &mut expr)?;
    Ok(expr)
}

/// Reads a series selector without modifiers, such as the HTTP API's `match[]`.
///
/// # Errors
/// [`ParseError`] if it is anything else.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::new(text, Options::default());
    parser.whole_selector().map_err(|f| parser.error_of(f))
}

/// What goes on while parsing.
struct Parser<'a> {
    lexer: Lexer<'a>,
    options: Options,
    /// The next word, once it was looked at.
    peeked: Option<Token<'a>>,
    /// The byte after the word that was read last.
    last_end: usize,
    /// How many parts the length being read has.
    n_length_parts: usize,
    /// How many constructs the next word stands in.
    depth: usize,
    /// The height of the expression that was built last.
    height: usize,
}

/// Why parsing stops.
enum Failure<'a> {
    /// The grammar has no place for this word; nobody has said so yet.
    Unexpected(Token<'a>),
    /// Told.
    Error(ParseError),
}

impl From<ParseError> for Failure<'_> {
    fn from(error: ParseError) -> Self {
        Self::Error(error)
    }
}

type Parsed<'a, T> = Result<T, Failure<'a>>;

impl<'a> Parser<'a> {
    const fn new(text: &'a str, options: Options) -> Self {
        Self {
            lexer: Lexer::new(text),
            options,
            peeked: None,
            last_end: 0,
            n_length_parts: 0,
            depth: 0,
            height: 0,
        }
    }

    fn whole_expr(&mut self) -> Parsed<'a, Expr> {
        if self.peek()? == Kind::Eof {
            return Err(self.fail(0..0, "no expression found in input"));
        }
        let expr = self.expr(binary::LOWEST)?;
        self.expect(Kind::Eof)?;
        Ok(expr)
    }

    fn whole_selector(&mut self) -> Parsed<'a, Vec<Matcher>> {
        let token = self.next()?;
        let selector = match token.kind {
            Kind::LeftBrace => self.nameless_selector()?,
            kind if kind.may_name_metric() => self.selector(token.text)?,
            _ => return Err(Failure::Unexpected(token)),
        };
        self.expect(Kind::Eof)?;
        Ok(selector.matchers)
    }

    /// The kind of the next word, which stays where it is.
    fn peek(&mut self) -> Parsed<'a, Kind> {
        match &self.peeked {
            Some(token) => Ok(token.kind),
            None => Ok(self.peeked.insert(self.lexer.next()?).kind),
        }
    }

    fn next(&mut self) -> Parsed<'a, Token<'a>> {
        let token = match self.peeked.take() {
            Some(token) => token,
            None => self.lexer.next()?,
        };
        self.last_end = token.end();
        Ok(token)
    }

    /// The next word, if it is of this kind; otherwise it stays where it is.
    fn take(&mut self, kind: Kind) -> Parsed<'a, Option<Token<'a>>> {
        Ok(if self.peek()? == kind {
            Some(self.next()?)
        } else {
            None
        })
    }

    fn expect(&mut self, kind: Kind) -> Parsed<'a, Token<'a>> {
        let token = self.next()?;
        if token.kind == kind {
            Ok(token)
        } else {
            Err(Failure::Unexpected(token))
        }
    }

    fn fail(&self, span: Span, message: impl Into<String>) -> Failure<'a> {
        Failure::Error(ParseError::new(self.lexer.text(), span, message))
    }

    fn disabled(&self, span: Span, message: impl Into<String>) -> Failure<'a> {
        let error = ParseError::new(self.lexer.text(), span, message);
        Failure::Error(ParseError {
            kind: ParseErrorKind::Disabled,
            ..error
        })
    }

    fn error_of(&self, failure: Failure<'a>) -> ParseError {
        match failure {
            Failure::Error(error) => error,
            Failure::Unexpected(token) => self.unexpected(&token, ""),
        }
    }

    fn unexpected(&self, token: &Token<'a>, context: &str) -> ParseError {
        let message = format!("unexpected {}{context}", token.describe());
        ParseError::new(self.lexer.text(), token.span(), message)
    }

    /// Tells of an unexpected word inside `construct`, where `wanted` (or, if empty, nothing certain) was.
    fn within<T>(&self, parsed: Parsed<'a, T>, construct: &str, wanted: &str) -> Parsed<'a, T> {
        parsed.map_err(|failure| match failure {
            Failure::Unexpected(token) => {
                let mut context = format!(" in {construct}");
                if !wanted.is_empty() {
                    context.push_str(", expected ");
                    context.push_str(wanted);
                }
                Failure::Error(self.unexpected(&token, &context))
            }
            told => told,
        })
    }

    /// Parses one level deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<'a, T>) -> Parsed<'a, T> {
        self.depth += 1;
        self.check_depth()?;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn check_depth(&mut self) -> Parsed<'a, ()> {
        if self.depth > MAX_NESTING {
            let start = self.next()?.start;
            return Err(self.too_deep(start, MAX_NESTING));
        }
        Ok(())
    }

    /// Notes that an expression was built over parts of which the tallest is `below`.
    fn grow(&mut self, below: usize, start: usize) -> Parsed<'a, ()> {
        self.height = below + 1;
        if self.height > MAX_HEIGHT {
            return Err(self.too_deep(start, MAX_HEIGHT));
        }
        Ok(())
    }

    fn too_deep(&self, start: usize, levels: usize) -> Failure<'a> {
        let message = format!("expression is nested more than {levels} levels deep");
        self.fail(start..self.lexer.text().len(), message)
    }
}
