//! Binary and unary operators: precedence, associativity, and the clauses between operator and right side.
use super::{Failure, Parsed, Parser};
use crate::{
    ast::{Binary, BinaryOp, Cardinality, Expr, Fill, Node, Sign, Unary, VectorMatching},
    lexer::token::{Keyword, Kind},
};

/// The precedence of `or`.
pub(super) const LOWEST: u8 = 1;
/// The precedence of `^`, which alone binds closer than a sign.
const HIGHEST: u8 = 6;

pub(super) const fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => LOWEST,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Gt
        | BinaryOp::Lt
        | BinaryOp::Ge
        | BinaryOp::Le
        | BinaryOp::TrimUpper
        | BinaryOp::TrimLower => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 5,
        BinaryOp::Pow => HIGHEST,
    }
}

impl<'a> Parser<'a> {
    /// An expression whose operators outside of parentheses have at least this precedence.
    pub(super) fn expr(&mut self, lowest: u8) -> Parsed<'a, Expr> {
        self.deeper(|parser| parser.operations(lowest))
    }

    fn operations(&mut self, lowest: u8) -> Parsed<'a, Expr> {
        let mut lhs = self.signed()?;
        loop {
            let op = match self.peek()? {
                Kind::Binary(op) if precedence(op) >= lowest => op,
                _ => return Ok(lhs),
            };
            self.next()?;
            let below_lhs = self.height;
            let (return_bool, matching) = self.binary_clauses()?;
            // `^` groups to the right, all others to the left.
            let next = precedence(op) + u8::from(op != BinaryOp::Pow);
            let rhs = self.expr(next)?;
            self.grow(below_lhs.max(self.height), lhs.span.start)?;
            let span = lhs.span.start..rhs.span.end;
            if matching.fill != Fill::NONE && !self.options.fill_modifiers {
                let message = "binop fill modifiers are experimental and not enabled";
                return Err(self.disabled(span, message));
            }
            let node = Node::Binary(Binary {
                op,
                lhs: Box::new(lhs),
                rhs: Box::new(rhs),
                matching: Some(matching),
                return_bool,
            });
            lhs = Expr { node, span };
        }
    }

    /// `-a`, `+a`, or an expression without a sign; the sign of a number becomes a part of it.
    fn signed(&mut self) -> Parsed<'a, Expr> {
        let sign = match self.peek()? {
            Kind::Binary(BinaryOp::Add) => Sign::Plus,
            Kind::Binary(BinaryOp::Sub) => Sign::Minus,
            _ => return self.primary(),
        };
        let start = self.next()?.start;
        let expr = self.expr(HIGHEST)?;
        let span = start..expr.span.end;
        let literal = match expr.node {
            Node::Number(value) if sign == Sign::Minus => Some(Node::Number(-value)),
            Node::Duration(value) if sign == Sign::Minus => Some(Node::Duration(-value)),
            Node::Number(_) | Node::Duration(_) => Some(expr.node.clone()),
            _ => None,
        };
        if let Some(node) = literal {
            return Ok(Expr { node, span });
        }
        self.grow(self.height, start)?;
        let node = Node::Unary(Unary {
            sign,
            expr: Box::new(expr),
        });
        Ok(Expr { node, span })
    }

    /// `bool on (a) group_left (b)`: what stands between the operator and its right side.
    fn binary_clauses(&mut self) -> Parsed<'a, (bool, VectorMatching)> {
        let return_bool = self.take(Kind::Keyword(Keyword::Bool))?.is_some();
        let mut matching = VectorMatching {
            cardinality: Cardinality::OneToOne,
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill: Fill::NONE,
        };
        if let Kind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = self.peek()? {
            self.next()?;
            matching.on = keyword == Keyword::On;
            matching.labels = self.label_list()?;
            if let Kind::Keyword(keyword @ (Keyword::GroupLeft | Keyword::GroupRight)) =
                self.peek()?
            {
                self.next()?;
                matching.cardinality = match keyword {
                    Keyword::GroupLeft => Cardinality::ManyToOne,
                    _ => Cardinality::OneToMany,
                };
                if self.peek()? == Kind::LeftParen {
                    matching.include = self.label_list()?;
                }
            }
        }
        matching.fill = self.fill()?;
        Ok((return_bool, matching))
    }

    /// `fill(0)`, or `fill_left(0)` and `fill_right(0)` in either order, or one of them.
    fn fill(&mut self) -> Parsed<'a, Fill> {
        let mut fill = Fill::NONE;
        match self.peek()? {
            Kind::Keyword(Keyword::Fill) => {
                fill.left = Some(self.fill_value()?);
                fill.right = fill.left;
            }
            Kind::Keyword(Keyword::FillLeft) => {
                fill.left = Some(self.fill_value()?);
                if self.peek()? == Kind::Keyword(Keyword::FillRight) {
                    fill.right = Some(self.fill_value()?);
                }
            }
            Kind::Keyword(Keyword::FillRight) => {
                fill.right = Some(self.fill_value()?);
                if self.peek()? == Kind::Keyword(Keyword::FillLeft) {
                    fill.left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(fill)
    }

    /// The keyword and `(0)`.
    fn fill_value(&mut self) -> Parsed<'a, f64> {
        self.next()?;
        self.expect(Kind::LeftParen)?;
        let value = self.signed_number()?;
        self.expect(Kind::RightParen)?;
        Ok(value)
    }

    /// `(a, "b.c", by)`: the labels of a clause.
    pub(super) fn label_list(&mut self) -> Parsed<'a, Vec<String>> {
        const CONSTRUCT: &str = "grouping opts";
        let open = self.expect(Kind::LeftParen);
        self.within(open, CONSTRUCT, "\"(\"")?;
        let mut labels = Vec::new();
        loop {
            if self.take(Kind::RightParen)?.is_some() {
                return Ok(labels);
            }
            let label = self.label();
            labels.push(self.within(label, CONSTRUCT, "label")?);
            match self.next()? {
                token if token.kind == Kind::RightParen => return Ok(labels),
                token if token.kind == Kind::Comma => {}
                token => {
                    let unexpected = Err(Failure::Unexpected(token));
                    return self.within(unexpected, CONSTRUCT, "\",\" or \")\"");
                }
            }
        }
    }

    fn label(&mut self) -> Parsed<'a, String> {
        let token = self.next()?;
        let label = match token.kind {
            Kind::String => self.unquoted(&token)?,
            kind if kind.may_name_label() => token.text.to_owned(),
            _ => return Err(Failure::Unexpected(token)),
        };
        if label.is_empty() {
            return Err(self.fail(token.span(), "invalid label name for grouping: \"\""));
        }
        Ok(label)
    }
}
