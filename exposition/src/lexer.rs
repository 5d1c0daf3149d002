//! Bytes to tokens, for both syntaxes.
//!
//! Which bytes make a token depends on where in a line the lexer is, its [`State`]. Where no token can be made it
//! gives [`Token::Invalid`] and leaves `pos` at the first byte that did not fit: Prometheus' messages quote up to
//! there, so both its tokens' names and its stopping places are kept.
//!
//! Source: `promlex.l` and `openmetricslex.l` in Prometheus, `model/textparse`.
mod openmetrics;
mod text;

use std::{borrow::Cow, fmt};

use crate::Format;

/// A piece of a line, named as in Prometheus' messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Invalid,
    Eof,
    Linebreak,
    Help,
    Type,
    Unit,
    EofWord,
    Text,
    Comment,
    MetricName,
    Quoted,
    BraceOpen,
    BraceClose,
    LabelName,
    LabelValue,
    Comma,
    Equal,
    Timestamp,
    Value,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "INVALID",
            Self::Eof => "EOF",
            Self::Linebreak => "LINEBREAK",
            Self::Help => "HELP",
            Self::Type => "TYPE",
            Self::Unit => "UNIT",
            Self::EofWord => "EOFWORD",
            Self::Text => "TEXT",
            Self::Comment => "COMMENT",
            Self::MetricName => "MNAME",
            Self::Quoted => "QSTRING",
            Self::BraceOpen => "BOPEN",
            Self::BraceClose => "BCLOSE",
            Self::LabelName => "LNAME",
            Self::LabelValue => "LVALUE",
            Self::Comma => "COMMA",
            Self::Equal => "EQUAL",
            Self::Timestamp => "TIMESTAMP",
            Self::Value => "VALUE",
        })
    }
}

/// Where in a line the lexer is: what the next token may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// At the start of a line.
    Start,
    /// After `# HELP` and its like: the metric's name.
    MetadataName,
    /// After the metric's name: the rest of the line.
    MetadataText,
    /// Inside the braces of a series.
    Labels,
    /// After an equals sign.
    LabelValue,
    /// After the series.
    Value,
    /// After the value.
    Timestamp,
    /// Inside the braces of an exemplar.
    Exemplar,
    /// Inside the braces of an exemplar after an equals sign, or after them.
    ExemplarValue,
    /// After an exemplar's value.
    ExemplarTimestamp,
}

/// A page, and how far it is read.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    page: &'a [u8],
    pub(crate) format: Format,
    /// The length of the page; in the text format with the line break that is thought to end every page.
    end: usize,
    /// Where the last token begins.
    pub(crate) start: usize,
    /// Where the last token ends, or where the bytes stopped to fit.
    pub(crate) pos: usize,
    pub(crate) state: State,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(page: &'a [u8], format: Format) -> Self {
        Self {
            page,
            format,
            end: page.len() + usize::from(format == Format::Text),
            start: 0,
            pos: 0,
            state: State::Start,
        }
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Token {
        match self.format {
            Format::Text => self.next_of_text(),
            Format::OpenMetrics => self.next_of_open_metrics(),
        }
    }

    /// The byte at `at`; zero, which no token but a quoted or a free text takes, behind the end.
    fn byte(&self, at: usize) -> u8 {
        match self.page.get(at) {
            Some(byte) => *byte,
            None if at < self.end => b'\n',
            None => 0,
        }
    }

    /// The bytes that are left to read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.page[self.pos.min(self.page.len())..]
    }

    /// The bytes from `start` to `end`, both inside the page.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        &self.page[start..end.min(self.page.len())]
    }

    /// The last token's bytes.
    pub(crate) fn token(&self) -> &'a [u8] {
        self.slice(self.start, self.pos)
    }

    /// What messages show of the page from `start` on: up to the byte that did not fit, with it.
    pub(crate) fn shown(&self, start: usize) -> Cow<'a, [u8]> {
        self.shown_up_to(start, self.pos + 1)
    }

    /// What messages show of the page from `start` to before `end`.
    pub(crate) fn shown_up_to(&self, start: usize, end: usize) -> Cow<'a, [u8]> {
        let end = end.min(self.end);
        let shown = self.slice(start, end);
        if end > self.page.len() {
            Cow::Owned([shown, b"\n"].concat())
        } else {
            Cow::Borrowed(shown)
        }
    }

    /// The number of the line in which `offset` lies, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        memchr::memchr_iter(b'\n', self.slice(0, offset)).count() + 1
    }

    /// Takes one byte as `token`; the state is then `state`.
    fn take(&mut self, token: Token, state: State) -> Token {
        self.pos += 1;
        self.state = state;
        token
    }

    /// Takes a name, if one begins here. Only a metric's name has colons.
    fn take_name(&mut self, colons: bool) -> bool {
        let fits =
            |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || (colons && byte == b':');
        if !fits(self.byte(self.pos)) {
            return false;
        }
        let name = |byte: &u8| fits(*byte) || byte.is_ascii_digit();
        let rest = self.rest();
        self.pos += rest.iter().position(|b| !name(b)).unwrap_or(rest.len());
        true
    }

    /// Takes a string with its quotes, which begins here; a backslash guards any byte but a line break.
    fn take_quoted(&mut self, line_breaks: bool, zeros: bool) -> bool {
        debug_assert_eq!(self.byte(self.pos), b'"');
        self.pos += 1;
        loop {
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\n' | 0);
            let rest = self.rest();
            self.pos += rest.iter().position(special).unwrap_or(rest.len());
            let guarded = self.byte(self.pos) == b'\\';
            self.pos += usize::from(guarded);
            match self.byte(self.pos) {
                b'"' if !guarded => {
                    self.pos += 1;
                    return true;
                }
                b'\n' if guarded || !line_breaks => return false,
                // A zero behind the end is no byte.
                0 if !zeros || self.pos >= self.end => return false,
                _ => self.pos += 1,
            }
        }
    }

    /// Takes bytes up to one of `stops` or a zero byte; false if there is none to take.
    fn take_until(&mut self, stops: &[u8]) -> bool {
        let rest = self.rest();
        let length = rest
            .iter()
            .position(|byte| *byte == 0 || stops.contains(byte))
            .unwrap_or(rest.len());
        self.pos += length;
        length > 0
    }

    /// Takes the rest of the line without its end. A zero byte cannot come first, but anywhere else.
    fn take_line(&mut self) {
        let rest = self.rest();
        if rest.first() != Some(&0) {
            self.pos += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        }
    }
}
