//! The tokens of the Prometheus text format: blanks may stand between any two.
use super::{Lexer, State, Token};

impl Lexer<'_> {
    /// The next token that is not blank.
    pub(super) fn next_of_text(&mut self) -> Token {
        loop {
            if self.pos >= self.end {
                return Token::Eof;
            }
            self.start = self.pos;
            if self.state == State::MetadataText {
                if let Some(token) = self.metadata_text() {
                    return token;
                }
                continue;
            }
            if !self.take_blanks() {
                return self.text_token();
            }
        }
    }

    fn text_token(&mut self) -> Token {
        let byte = self.byte(self.pos);
        match (self.state, byte) {
            (State::Start, _) => self.line_start(byte),
            (State::MetadataName, b'"') if self.take_quoted(true, false) => self.metadata_name(),
            (State::MetadataName, _) if byte != b'"' && self.take_name(true) => {
                self.metadata_name()
            }
            (State::Labels, b'"') if self.take_quoted(true, false) => Token::Quoted,
            (State::Labels, b'}') => self.take(Token::BraceClose, State::Value),
            (State::Labels, b'=') => self.take(Token::Equal, State::LabelValue),
            (State::Labels, b',') => self.take(Token::Comma, State::Labels),
            (State::Labels, _) if byte != b'"' && self.take_name(false) => Token::LabelName,
            (State::LabelValue, b'"') if self.take_quoted(true, true) => {
                self.state = State::Labels;
                Token::LabelValue
            }
            (State::Value, b'{') => self.take(Token::BraceOpen, State::Labels),
            (State::Value, _) if self.take_until(b"{ \t\n") => {
                self.state = State::Timestamp;
                Token::Value
            }
            (State::Timestamp, b'\n') => self.take(Token::Linebreak, State::Start),
            (State::Timestamp, b'0'..=b'9') => {
                while self.byte(self.pos).is_ascii_digit() {
                    self.pos += 1;
                }
                Token::Timestamp
            }
            _ => Token::Invalid,
        }
    }

    fn line_start(&mut self, byte: u8) -> Token {
        match byte {
            // As in Prometheus, a zero byte here ends the page.
            0 => self.take(Token::Eof, State::Start),
            b'\n' => self.take(Token::Linebreak, State::Start),
            b'{' => self.take(Token::BraceOpen, State::Labels),
            b'#' => self.hash(),
            _ if self.take_name(true) => {
                self.state = State::Value;
                Token::MetricName
            }
            _ => Token::Invalid,
        }
    }

    /// What a hash begins: metadata if its keyword comes next and a blank after it, else a comment.
    fn hash(&mut self) -> Token {
        self.pos += 1;
        if self.take_blanks() {
            for (keyword, token) in [(b"HELP", Token::Help), (b"TYPE", Token::Type)] {
                if self.rest().starts_with(keyword)
                    && matches!(self.byte(self.pos + 4), b' ' | b'\t')
                {
                    self.pos += 4;
                    self.take_blanks();
                    self.state = State::MetadataName;
                    return token;
                }
            }
        }
        if self.byte(self.pos) == 0 {
            return Token::Eof;
        }
        self.take_line();
        Token::Comment
    }

    fn metadata_name(&mut self) -> Token {
        self.state = State::MetadataText;
        Token::MetricName
    }

    /// The rest of the line with the blanks before it; nothing yet if only blanks are left, which are skipped.
    fn metadata_text(&mut self) -> Option<Token> {
        self.take_line();
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        if self.start < self.pos && self.token().iter().all(blank) {
            return None;
        }
        self.state = State::Start;
        Some(Token::Text)
    }

    fn take_blanks(&mut self) -> bool {
        let from = self.pos;
        while matches!(self.byte(self.pos), b' ' | b'\t') {
            self.pos += 1;
        }
        self.pos > from
    }
}
