//! Windows, steps and offsets: literals, or expressions of them.
//!
//! Source: `duration_expr` and `offset_duration_expr` in Prometheus, `promql/parser/generated_parser.y`.
use model::Millis;

use super::{
    Failure, MAX_HEIGHT, Parsed, Parser,
    binary::{LOWEST, precedence},
};
use crate::{
    ast::{BinaryOp, Length, LengthExpr, LengthNode, MAX_SECONDS},
    lexer::token::{Kind, TimeWord, Token},
};

impl<'a> Parser<'a> {
    /// The width of a window or a step: above zero, as far as can be told.
    pub(super) fn positive_length(&mut self) -> Parsed<'a, Length> {
        self.n_length_parts = 0;
        let expr = self.length_expr(LOWEST)?;
        match expr.node {
            LengthNode::Number(seconds) | LengthNode::Duration(seconds) if seconds <= 0.0 => {
                Err(self.fail(expr.span, "duration must be greater than 0"))
            }
            _ => Ok(length(expr)),
        }
    }

    /// The length of an offset: a literal, a call or something in parentheses, with or without a sign. What
    /// follows a literal or a call belongs to the expression around it.
    pub(super) fn offset_length(&mut self) -> Parsed<'a, Length> {
        self.n_length_parts = 0;
        let sign = self.sign()?;
        let expr = match (self.peek()?, &sign) {
            (Kind::Number | Kind::Duration | Kind::Time(_), _) => self.length_operand()?,
            (Kind::LeftParen, Some(_)) => self.length_operand()?,
            (_, None) => self.length_expr(LOWEST)?,
            (_, Some(sign)) => {
                let operand = self.length_expr(HIGHEST)?;
                let lhs = signed(sign, operand);
                return Ok(length(self.length_operations(lhs, LOWEST)?));
            }
        };
        Ok(length(match sign {
            Some(sign) => signed(&sign, expr),
            None => expr,
        }))
    }

    fn sign(&mut self) -> Parsed<'a, Option<Token<'a>>> {
        match self.peek()? {
            Kind::Binary(BinaryOp::Add | BinaryOp::Sub) => Ok(Some(self.next()?)),
            _ => Ok(None),
        }
    }

    /// An expression whose operators outside of parentheses have at least this precedence.
    fn length_expr(&mut self, lowest: u8) -> Parsed<'a, LengthExpr> {
        // Its parts bound the height of its tree.
        self.n_length_parts += 1;
        if self.n_length_parts > MAX_HEIGHT {
            return Err(self.too_deep(self.last_end, MAX_HEIGHT));
        }
        self.deeper(|parser| {
            let lhs = match parser.sign()? {
                Some(sign) => signed(&sign, parser.length_expr(HIGHEST)?),
                None => parser.length_operand()?,
            };
            parser.length_operations(lhs, lowest)
        })
    }

    fn length_operations(&mut self, mut lhs: LengthExpr, lowest: u8) -> Parsed<'a, LengthExpr> {
        loop {
            let op = match self.peek()? {
                Kind::Binary(op) if op.is_arithmetic() && precedence(op) >= lowest => op,
                _ => return Ok(lhs),
            };
            let token = self.next()?;
            let rhs = self.length_expr(precedence(op) + u8::from(op != BinaryOp::Pow))?;
            let by_zero =
                matches!(rhs.node, LengthNode::Number(n) | LengthNode::Duration(n) if n == 0.0);
            match op {
                BinaryOp::Div if by_zero => return Err(self.fail(token.span(), "division by zero")),
                BinaryOp::Mod if by_zero => return Err(self.fail(token.span(), "modulo by zero")),
                _ => {}
            }
            lhs = LengthExpr {
                span: lhs.span.start..rhs.span.end,
                node: LengthNode::Binary(op, Box::new([lhs, rhs])),
            };
        }
    }

    fn length_operand(&mut self) -> Parsed<'a, LengthExpr> {
        let token = self.next()?;
        match token.kind {
            Kind::Number | Kind::Duration => {
                let seconds = self.number(&token)?;
                if seconds.abs() > MAX_SECONDS {
                    return Err(self.fail(token.span(), "duration out of range"));
                }
                let node = match token.kind {
                    Kind::Duration => LengthNode::Duration(seconds),
                    _ => LengthNode::Number(seconds),
                };
                Ok(LengthExpr {
                    node,
                    span: token.span(),
                })
            }
            Kind::Time(word @ (TimeWord::Step | TimeWord::Range)) => {
                self.expect(Kind::LeftParen)?;
                self.expect(Kind::RightParen)?;
                let node = match word {
                    TimeWord::Step => LengthNode::Step,
                    _ => LengthNode::Range,
                };
                Ok(LengthExpr {
                    node,
                    span: token.start..self.last_end,
                })
            }
            Kind::Time(word @ (TimeWord::MinOf | TimeWord::MaxOf)) => {
                self.expect(Kind::LeftParen)?;
                let first = self.length_expr(LOWEST)?;
                self.expect(Kind::Comma)?;
                let second = self.length_expr(LOWEST)?;
                self.expect(Kind::RightParen)?;
                let span = first.span.start..second.span.end;
                let sides = Box::new([first, second]);
                let node = match word {
                    TimeWord::MinOf => LengthNode::MinOf(sides),
                    _ => LengthNode::MaxOf(sides),
                };
                Ok(LengthExpr { node, span })
            }
            Kind::LeftParen => {
                let inner = self.length_expr(LOWEST)?;
                self.expect(Kind::RightParen)?;
                let span = match inner.node {
                    LengthNode::Number(_) | LengthNode::Duration(_) => token.start..inner.span.end,
                    _ => inner.span.clone(),
                };
                Ok(LengthExpr {
                    node: LengthNode::Paren(Box::new(inner)),
                    span,
                })
            }
            _ => Err(Failure::Unexpected(token)),
        }
    }
}

/// The precedence of `^`, which alone binds closer than a sign.
const HIGHEST: u8 = precedence(BinaryOp::Pow);

/// An operand with its sign; the sign of a literal becomes a part of it, and a plus says nothing.
fn signed(sign: &Token<'_>, operand: LengthExpr) -> LengthExpr {
    let negative = sign.text == "-";
    let span = sign.start..operand.span.end;
    let node = match operand.node {
        LengthNode::Number(seconds) if negative => LengthNode::Number(-seconds),
        LengthNode::Duration(seconds) if negative => LengthNode::Duration(-seconds),
        node @ (LengthNode::Number(_) | LengthNode::Duration(_)) => node,
        _ if negative => LengthNode::Negated(Box::new(operand)),
        _ => return operand,
    };
    LengthExpr { node, span }
}

fn length(expr: LengthExpr) -> Length {
    match expr.node {
        LengthNode::Number(seconds) | LengthNode::Duration(seconds) => {
            Length::Fixed(millis(seconds))
        }
        _ => Length::Computed(Box::new(expr)),
    }
}

/// Seconds in milliseconds, cut from nanoseconds as Go does.
fn millis(seconds: f64) -> Millis {
    Millis::new((seconds * 1e9).round() as i64 / 1_000_000)
}
