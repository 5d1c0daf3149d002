//! Numbers and durations: where they end; [`crate::parser`] reads their values.
use super::{Lexed, Lexer, is_alphanumeric, token::Kind};
use crate::quote::quote;

impl Lexer<'_> {
    /// A number or a duration, whose first character has been read.
    pub(super) fn number_or_duration(&mut self) -> Lexed<Kind> {
        self.at = self.start;
        if self.number() {
            return Ok(Kind::Number);
        }
        if self.rest_of_duration() {
            return Ok(Kind::Duration);
        }
        let text = quote(&self.text[self.start..self.at]);
        self.fail(format!("bad number or duration syntax: {text}"))
    }

    /// Reads as far as the text may be a number; false if it is none, with the offending character read.
    fn number(&mut self) -> bool {
        let dot = |c| c == '.';
        let exponent = |c| c == 'e' || c == 'E';
        let underscore = |c| c == '_';
        let hex = self.accept(|c| c == '0') && self.accept(|c| c == 'x' || c == 'X');
        if hex {
            self.accept(underscore);
        }
        let digit = |c: char| {
            if hex {
                c.is_ascii_hexdigit()
            } else {
                c.is_ascii_digit()
            }
        };
        self.accept(dot);
        self.accept(digit);
        let (mut seen_dot, mut seen_exponent) = (false, false);
        while let Some(c) = self.peek() {
            if dot(c) {
                self.bump();
                // One dot, none in hexadecimal numbers, and a digit after it or the end.
                if seen_dot || self.accept(|c| dot(c) || underscore(c)) || hex {
                    return false;
                }
                seen_dot = true;
            } else if exponent(c) {
                self.bump();
                if seen_exponent {
                    return false;
                }
                seen_exponent = true;
                self.accept(|c| c == '+' || c == '-');
                if self.accept(|c| dot(c) || underscore(c) || exponent(c)) || self.peek().is_none()
                {
                    return false;
                }
            } else if underscore(c) {
                self.bump();
                if self.accept(|c| dot(c) || underscore(c) || exponent(c)) || self.peek().is_none()
                {
                    return false;
                }
            } else if digit(c) {
                self.accept_while(digit);
            } else {
                break;
            }
        }
        !self.peek().is_some_and(is_alphanumeric)
    }

    /// Reads on after the digits of a duration; false if it is none, with the offending character read.
    fn rest_of_duration(&mut self) -> bool {
        if !self.accept(|c| "smhdwy".contains(c)) {
            return false;
        }
        self.accept(|c| c == 's');
        while self.accept(|c| c.is_ascii_digit()) {
            self.accept_while(|c| c.is_ascii_digit());
            if !self.accept(|c| "smhdw".contains(c)) {
                return false;
            }
            self.accept(|c| c == 's');
        }
        !self.accept(is_alphanumeric)
    }
}
