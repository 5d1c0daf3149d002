//! The tokens of OpenMetrics: one space stands before a text, a value and a time, and nowhere else.
use super::{Lexer, State, Token};

impl Lexer<'_> {
    /// The next token; texts, values and times with the space before them.
    pub(super) fn next_of_open_metrics(&mut self) -> Token {
        if self.pos >= self.end {
            return Token::Eof;
        }
        self.start = self.pos;
        let byte = self.byte(self.pos);
        match (self.state, byte) {
            (State::Start, b'#') => self.keyword(),
            (State::Start, b'{') => self.take(Token::BraceOpen, State::Labels),
            (State::Start, _) if self.take_name(true) => {
                self.becomes(Token::MetricName, State::Value)
            }
            (State::MetadataName, b'"') if self.take_quoted(true, false) => {
                self.becomes(Token::MetricName, State::MetadataText)
            }
            (State::MetadataName, _) if byte != b'"' && self.take_name(true) => {
                self.becomes(Token::MetricName, State::MetadataText)
            }
            (State::MetadataText, b' ') => self.spaced_line(),
            (State::Labels, b'"') if self.take_quoted(true, false) => Token::Quoted,
            (State::Labels, b'}') => self.take(Token::BraceClose, State::Value),
            (State::Labels, b'=') => self.take(Token::Equal, State::LabelValue),
            (State::Labels, b',') => self.take(Token::Comma, State::Labels),
            (State::Labels, _) if byte != b'"' && self.take_name(false) => Token::LabelName,
            (State::LabelValue, b'"') if self.take_quoted(false, true) => {
                self.becomes(Token::LabelValue, State::Labels)
            }
            (State::Value, b'{') => self.take(Token::BraceOpen, State::Labels),
            (State::Value, b' ') if self.take_spaced() => {
                self.becomes(Token::Value, State::Timestamp)
            }
            (State::Timestamp, b'\n') => self.take(Token::Linebreak, State::Start),
            (State::Timestamp, b' ') => self.timestamp_or_exemplar(),
            (State::Exemplar, b'"') if self.take_quoted(false, false) => Token::Quoted,
            (State::Exemplar, b'}') => self.take(Token::BraceClose, State::ExemplarValue),
            (State::Exemplar, b'=') => self.take(Token::Equal, State::ExemplarValue),
            (State::Exemplar, b',') => self.take(Token::Comma, State::Exemplar),
            (State::Exemplar, _) if byte != b'"' && self.take_name(false) => Token::LabelName,
            (State::ExemplarValue, b'"') if self.take_quoted(false, false) => {
                self.becomes(Token::LabelValue, State::Exemplar)
            }
            (State::ExemplarValue, b' ') if self.take_spaced() => {
                self.becomes(Token::Value, State::ExemplarTimestamp)
            }
            (State::ExemplarTimestamp, b' ') if self.take_spaced() => Token::Timestamp,
            (State::ExemplarTimestamp, b'\n') => self.take(Token::Linebreak, State::Start),
            _ => Token::Invalid,
        }
    }

    fn becomes(&mut self, token: Token, state: State) -> Token {
        self.state = state;
        token
    }

    /// What `# ` begins: metadata or the end.
    fn keyword(&mut self) -> Token {
        const KEYWORDS: [(&[u8], Token, State); 4] = [
            (b"# HELP ", Token::Help, State::MetadataName),
            (b"# TYPE ", Token::Type, State::MetadataName),
            (b"# UNIT ", Token::Unit, State::MetadataName),
            (b"# EOF", Token::EofWord, State::Start),
        ];
        let rest = self.rest();
        for (keyword, token, state) in KEYWORDS {
            if rest.starts_with(keyword) {
                self.pos += keyword.len();
                if token == Token::EofWord && self.byte(self.pos) == b'\n' {
                    self.pos += 1;
                }
                return self.becomes(token, state);
            }
        }
        let common = |keyword: &[u8]| rest.iter().zip(keyword).take_while(|(a, b)| a == b).count();
        self.pos += KEYWORDS
            .map(|(keyword, ..)| common(keyword))
            .into_iter()
            .max()
            .unwrap_or(0);
        Token::Invalid
    }

    /// The rest of the line with its end, without which it does not count.
    fn spaced_line(&mut self) -> Token {
        self.pos += 1;
        let rest = self.rest();
        match memchr::memchr(b'\n', rest) {
            Some(length) => {
                self.pos += length + 1;
                self.becomes(Token::Text, State::Start)
            }
            None => {
                self.pos += rest.len();
                Token::Invalid
            }
        }
    }

    /// ` 1.5`, or the ` # {` that begins an exemplar.
    fn timestamp_or_exemplar(&mut self) -> Token {
        let rest = self.rest();
        if rest.starts_with(b" # {") {
            self.pos += 4;
            return self.becomes(Token::Comment, State::Exemplar);
        }
        if rest.starts_with(b" # ") {
            self.pos += 3;
            return Token::Invalid;
        }
        if self.take_spaced() {
            Token::Timestamp
        } else {
            Token::Invalid
        }
    }

    /// Takes a space and at least one byte up to the next space or line break.
    fn take_spaced(&mut self) -> bool {
        self.pos += 1;
        self.take_until(b" \n")
    }
}
