//! Literals, parentheses, selectors, calls and aggregations, with the modifiers behind them.
use super::{Failure, Parsed, Parser, binary::LOWEST};
use crate::{
    ast::{Call, Expr, Node},
    functions::Function,
    lexer::token::{Keyword, Kind, Token},
    quote::{quote, unquote},
};

impl<'a> Parser<'a> {
    pub(super) fn primary(&mut self) -> Parsed<'a, Expr> {
        let expr = self.bare()?;
        self.modified(expr)
    }

    /// An expression without modifiers. What recurs is kept apart from what does not, which keeps the stack small.
    fn bare(&mut self) -> Parsed<'a, Expr> {
        self.height = 1;
        let token = self.next()?;
        match token.kind {
            Kind::LeftParen => self.parens(token.start),
            Kind::Aggregate(op) if self.aggregation_follows()? => self.aggregate(op, &token),
            Kind::Identifier | Kind::Time(_) if self.peek()? == Kind::LeftParen => {
                self.call(&token)
            }
            _ => self.leaf(token),
        }
    }

    fn parens(&mut self, start: usize) -> Parsed<'a, Expr> {
        let inner = Box::new(self.expr(LOWEST)?);
        self.expect(Kind::RightParen)?;
        self.grow(self.height, start)?;
        Ok(Expr {
            node: Node::Paren(inner),
            span: start..self.last_end,
        })
    }

    fn leaf(&mut self, token: Token<'a>) -> Parsed<'a, Expr> {
        let node = match token.kind {
            Kind::LeftBrace => Node::VectorSelector(self.nameless_selector()?),
            Kind::Number => Node::Number(self.number(&token)?),
            Kind::Duration => Node::Duration(self.number(&token)?),
            Kind::String => Node::String(self.unquoted(&token)?),
            kind if kind.may_name_metric() => Node::VectorSelector(self.selector(token.text)?),
            _ => return Err(Failure::Unexpected(token)),
        };
        Ok(Expr {
            node,
            span: token.start..self.last_end,
        })
    }

    fn aggregation_follows(&mut self) -> Parsed<'a, bool> {
        Ok(matches!(
            self.peek()?,
            Kind::LeftParen | Kind::Keyword(Keyword::By | Keyword::Without)
        ))
    }

    fn call(&mut self, name: &Token<'a>) -> Parsed<'a, Expr> {
        let args = self.arguments()?;
        self.grow(self.height, name.start)?;
        let function = self.function(name)?;
        Ok(Expr {
            node: Node::Call(Call { function, args }),
            span: name.start..self.last_end,
        })
    }

    fn function(&self, name: &Token<'a>) -> Parsed<'a, &'static Function> {
        let quoted = || quote(name.text);
        let Some(function) = Function::named(name.text) else {
            let message = format!("unknown function with name {}", quoted());
            return Err(self.fail(name.span(), message));
        };
        if function.experimental && !self.options.experimental_functions {
            let message = format!("function {} is not enabled", quoted());
            return Err(self.disabled(name.span(), message));
        }
        Ok(function)
    }

    /// `(a, b)`; the height is then that of the tallest of them.
    pub(super) fn arguments(&mut self) -> Parsed<'a, Vec<Expr>> {
        self.expect(Kind::LeftParen)?;
        let (mut args, mut tallest) = (Vec::new(), 0);
        if self.take(Kind::RightParen)?.is_none() {
            loop {
                args.push(self.expr(LOWEST)?);
                tallest = self.height.max(tallest);
                let Some(comma) = self.take(Kind::Comma)? else {
                    break;
                };
                if !self.peek()?.may_begin_expr() {
                    let message = "trailing commas not allowed in function call args";
                    return Err(self.fail(comma.span(), message));
                }
            }
            self.expect(Kind::RightParen)?;
        }
        self.height = tallest;
        Ok(args)
    }

    pub(super) fn unquoted(&self, token: &Token<'a>) -> Parsed<'a, String> {
        unquote(token.text).ok_or_else(|| {
            let message = format!(
                "error unquoting string {}: invalid syntax",
                quote(token.text)
            );
            self.fail(token.span(), message)
        })
    }
}
