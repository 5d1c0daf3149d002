//! Text -> words. Which characters are words depends on what is open: braces, brackets or neither.
//!
//! Words are made on demand, so that an error of the grammar is reported before one of a later word.
//!
//! Source: Prometheus, `promql/parser/lex.go`.
mod number;
mod text;
pub(crate) mod token;

use crate::{ast::BinaryOp, parser::ParseError, quote::quote_char};
use token::{Keyword, Kind, Token, keyword, length_word};

/// Where the next word is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Anywhere else.
    Expression,
    /// Between `{` and `}`.
    Braces,
    /// After `[`, up to the first number.
    Duration,
}

/// The words of a text, one at a time.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    /// Where the word being read begins.
    start: usize,
    /// The next character.
    at: usize,
    mode: Mode,
    n_open_parens: usize,
    in_brackets: bool,
    /// A colon was seen in these brackets.
    seen_colon: bool,
    /// A number was seen in any brackets.
    seen_duration: bool,
}

type Lexed<T> = Result<T, ParseError>;

impl<'a> Lexer<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self {
            text,
            start: 0,
            at: 0,
            mode: Mode::Expression,
            n_open_parens: 0,
            in_brackets: false,
            seen_colon: false,
            seen_duration: false,
        }
    }

    /// The whole text.
    pub(crate) const fn text(&self) -> &'a str {
        self.text
    }

    /// The next word; after the last one [`Kind::Eof`] for ever.
    pub(crate) fn next(&mut self) -> Lexed<Token<'a>> {
        self.accept_while(is_space);
        while self.mode != Mode::Duration && self.peek() == Some('#') {
            self.accept_while(|c| c != '\n' && c != '\r');
            self.accept_while(is_space);
        }
        self.start = self.at;
        let kind = match self.mode {
            Mode::Expression => self.in_expression()?,
            Mode::Braces => self.in_braces()?,
            Mode::Duration => self.in_duration()?,
        };
        Ok(Token {
            kind,
            text: &self.text[self.start..self.at],
            start: self.start,
        })
    }

    fn in_expression(&mut self) -> Lexed<Kind> {
        let Some(c) = self.bump() else {
            return match () {
                () if self.n_open_parens > 0 => self.fail("unclosed left parenthesis"),
                () if self.in_brackets => self.fail("unclosed left bracket"),
                () => Ok(Kind::Eof),
            };
        };
        Ok(match c {
            ',' => Kind::Comma,
            '@' => Kind::At,
            '=' => match self.peek() {
                Some('=') => self.wide(Kind::Binary(BinaryOp::Eq)),
                Some('~') => return self.fail("unexpected character after '=': '~'"),
                _ => Kind::Assign,
            },
            '!' => match self.bump() {
                Some('=') => Kind::Binary(BinaryOp::Ne),
                other => return self.fail_at(other, "unexpected character after '!'"),
            },
            '<' => match self.peek() {
                Some('=') => self.wide(Kind::Binary(BinaryOp::Le)),
                Some('/') => self.wide(Kind::Binary(BinaryOp::TrimUpper)),
                _ => Kind::Binary(BinaryOp::Lt),
            },
            '>' => match self.peek() {
                Some('=') => self.wide(Kind::Binary(BinaryOp::Ge)),
                Some('/') => self.wide(Kind::Binary(BinaryOp::TrimLower)),
                _ => Kind::Binary(BinaryOp::Gt),
            },
            '0'..='9' => return self.number_or_duration(),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                return self.number_or_duration();
            }
            '"' | '\'' => return self.quoted(c),
            '`' => return self.raw(),
            '(' | ')' => return self.paren(c),
            '{' => {
                self.mode = Mode::Braces;
                Kind::LeftBrace
            }
            '[' if self.in_brackets => return self.fail("unexpected left bracket '['"),
            '[' => {
                self.seen_colon = false;
                self.in_brackets = true;
                self.mode = Mode::Duration;
                Kind::LeftBracket
            }
            ']' if !self.in_brackets => return self.fail("unexpected right bracket ']'"),
            ']' => self.close_bracket(),
            ':' if self.in_brackets => {
                if self.seen_colon {
                    return self.fail("unexpected colon ':'");
                }
                self.seen_colon = true;
                Kind::Colon
            }
            c if is_alpha(c) && self.in_brackets => match self.length_word(c) {
                Some(kind) => kind,
                None => {
                    return self.fail(format!(
                        "unexpected character: {}, expected ':'",
                        quote_char(c)
                    ));
                }
            },
            c if is_alpha(c) || c == ':' => self.name(),
            c => match arithmetic(c) {
                Some(op) => Kind::Binary(op),
                None => return self.fail_at(Some(c), "unexpected character"),
            },
        })
    }

    fn in_braces(&mut self) -> Lexed<Kind> {
        let Some(c) = self.bump() else {
            return self.fail("unexpected end of input inside braces");
        };
        Ok(match c {
            c if is_alpha(c) => {
                self.accept_while(is_alphanumeric);
                Kind::Identifier
            }
            ',' => Kind::Comma,
            '"' | '\'' => return self.quoted(c),
            '`' => return self.raw(),
            '=' => match self.peek() {
                Some('~') => self.wide(Kind::Matches),
                _ => Kind::Assign,
            },
            '!' => match self.bump() {
                Some('~') => Kind::MatchesNot,
                Some('=') => Kind::Binary(BinaryOp::Ne),
                other => {
                    return self.fail_at(other, "unexpected character after '!' inside braces");
                }
            },
            '{' => return self.fail("unexpected left brace '{'"),
            '}' => {
                self.mode = Mode::Expression;
                Kind::RightBrace
            }
            c => return self.fail_at(Some(c), "unexpected character inside braces"),
        })
    }

    fn in_duration(&mut self) -> Lexed<Kind> {
        let Some(c) = self.bump() else {
            return self.fail("unexpected end of input in duration expression");
        };
        Ok(match c {
            ']' => self.close_bracket(),
            ':' if !self.seen_duration => {
                return self.fail_behind("unexpected colon before duration in duration expression");
            }
            ':' if self.seen_colon => {
                return self.fail_behind("unexpected repeated colon in duration expression");
            }
            ':' => {
                self.seen_colon = true;
                Kind::Colon
            }
            '(' | ')' => return self.paren(c),
            ',' => Kind::Comma,
            '0'..='9' | '.' if c != '.' || self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                self.seen_duration = true;
                self.mode = Mode::Expression;
                return self.number_or_duration();
            }
            c => match arithmetic(c)
                .map(Kind::Binary)
                .or_else(|| self.length_word(c))
            {
                Some(kind) => kind,
                None => {
                    return self.fail_at(Some(c), "unexpected character in duration expression");
                }
            },
        })
    }

    fn paren(&mut self, c: char) -> Lexed<Kind> {
        if c == '(' {
            self.n_open_parens += 1;
            return Ok(Kind::LeftParen);
        }
        match self.n_open_parens.checked_sub(1) {
            Some(n) => {
                self.n_open_parens = n;
                Ok(Kind::RightParen)
            }
            None => self.fail_behind("unexpected right parenthesis ')'"),
        }
    }

    fn close_bracket(&mut self) -> Kind {
        self.in_brackets = false;
        self.mode = Mode::Expression;
        Kind::RightBracket
    }

    /// A keyword or a name; its first character has been read.
    fn name(&mut self) -> Kind {
        self.accept_while(|c| is_alphanumeric(c) || c == ':');
        let word = &self.text[self.start..self.at];
        match keyword(word) {
            Some(Kind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.paren_follows() =>
            {
                Kind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        }
    }

    fn paren_follows(&self) -> bool {
        self.text[self.at..]
            .trim_start_matches(is_space)
            .starts_with('(')
    }

    /// `step`, `range`, `max_of` or `min_of`, whose first character `first` has been read.
    fn length_word(&mut self, first: char) -> Option<Kind> {
        if !matches!(first.to_ascii_lowercase(), 's' | 'r' | 'm') {
            return None;
        }
        self.accept_while(is_alpha);
        length_word(&self.text[self.start..self.at])
    }

    /// The kind of a word of two characters, the second of which is still to be read.
    fn wide(&mut self, kind: Kind) -> Kind {
        self.bump();
        kind
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        if found {
            self.bump();
        }
        found
    }

    fn accept_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.accept(&wanted) {}
    }

    /// An error of the word being read.
    fn fail<T>(&self, message: impl Into<String>) -> Lexed<T> {
        Err(ParseError::new(
            self.text,
            self.start..self.text.len(),
            message,
        ))
    }

    /// An error that Prometheus places behind the word it is about.
    fn fail_behind<T>(&mut self, message: &str) -> Lexed<T> {
        self.start = self.at;
        self.fail(message)
    }

    /// An error that ends with the character it is about; Go shows U+FFFD for the end of the text.
    fn fail_at<T>(&self, c: Option<char>, message: &str) -> Lexed<T> {
        let c = quote_char(c.unwrap_or(char::REPLACEMENT_CHARACTER));
        self.fail(format!("{message}: {c}"))
    }
}

const fn arithmetic(c: char) -> Option<BinaryOp> {
    Some(match c {
        '+' => BinaryOp::Add,
        '-' => BinaryOp::Sub,
        '*' => BinaryOp::Mul,
        '/' => BinaryOp::Div,
        '%' => BinaryOp::Mod,
        '^' => BinaryOp::Pow,
        _ => return None,
    })
}

const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

const fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

const fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || c.is_ascii_digit()
}
