//! What may follow an expression: `[5m]`, `[5m:1m]`, `offset 5m`, `@ 0`. These bind closer than any operator.
use model::Timestamp;

use super::{Failure, Parsed, Parser};
use crate::{
    ast::{At, Edges, Expr, Length, MatrixSelector, Node, Subquery, TimeModifiers},
    lexer::token::{Keyword, Kind, TimeWord},
};

impl<'a> Parser<'a> {
    /// `expr` with all modifiers that follow.
    pub(super) fn modified(&mut self, mut expr: Expr) -> Parsed<'a, Expr> {
        loop {
            match self.peek()? {
                Kind::LeftBracket => expr = self.brackets(expr)?,
                Kind::Keyword(Keyword::Offset) => self.offset(&mut expr)?,
                Kind::At => self.at(&mut expr)?,
                Kind::Keyword(Keyword::Anchored) => self.edges(&mut expr, Edges::Anchored)?,
                Kind::Keyword(Keyword::Smoothed) => self.edges(&mut expr, Edges::Smoothed)?,
                _ => return Ok(expr),
            }
        }
    }

    fn brackets(&mut self, expr: Expr) -> Parsed<'a, Expr> {
        let open = self.next()?.start;
        let range = self.positive_length();
        let range = self.within(
            range,
            "subquery or range selector",
            "number, duration, step(), or range()",
        )?;
        let token = self.next()?;
        let start = expr.span.start;
        let node = match token.kind {
            Kind::RightBracket => {
                let refused = match &expr.node {
                    Node::VectorSelector(s) if s.time.offset != Length::ZERO => {
                        "no offset modifiers allowed before range"
                    }
                    Node::VectorSelector(s) if s.time.at.is_some() => {
                        "no @ modifiers allowed before range"
                    }
                    _ => "ranges only allowed for vector selectors",
                };
                match expr.node {
                    Node::VectorSelector(selector) if selector.time == TimeModifiers::default() => {
                        Node::MatrixSelector(MatrixSelector { selector, range })
                    }
                    _ => return Err(self.fail(open..token.end(), refused)),
                }
            }
            Kind::Colon => {
                let step = self.subquery_step()?;
                self.grow(self.height, start)?;
                Node::Subquery(Subquery {
                    expr: Box::new(expr),
                    range,
                    step,
                    time: TimeModifiers::default(),
                })
            }
            _ => {
                let unexpected = Err(Failure::Unexpected(token));
                return self.within(unexpected, "subquery or range", "\":\" or \"]\"");
            }
        };
        Ok(Expr {
            node,
            span: start..self.last_end,
        })
    }

    /// What stands between the colon and `]`, and the latter.
    fn subquery_step(&mut self) -> Parsed<'a, Option<Length>> {
        const CONSTRUCT: &str = "subquery selector";
        if self.take(Kind::RightBracket)?.is_some() {
            return Ok(None);
        }
        let step = self.positive_length();
        let wanted = "number, duration, step(), range(), or \"]\"";
        let step = self.within(step, CONSTRUCT, wanted)?;
        let close = self.expect(Kind::RightBracket);
        self.within(close, CONSTRUCT, "\"]\"")?;
        Ok(Some(step))
    }

    fn offset(&mut self, expr: &mut Expr) -> Parsed<'a, ()> {
        self.next()?;
        let offset = self.offset_length();
        let offset = self.within(offset, "offset", "number, duration, step(), or range()")?;
        let Some(time) = time_of(expr) else {
            return Err(self.misplaced("offset", expr));
        };
        if time.offset != Length::ZERO {
            return Err(self.fail(expr.span.clone(), "offset may not be set multiple times"));
        }
        time.offset = offset;
        expr.span.end = self.last_end;
        Ok(())
    }

    fn at(&mut self, expr: &mut Expr) -> Parsed<'a, ()> {
        self.next()?;
        let at = self.instant(expr);
        let at = self.within(at, "@", "timestamp")?;
        let Some(time) = time_of(expr) else {
            return Err(self.misplaced("@", expr));
        };
        if time.at.is_some() {
            let message = "@ <timestamp> may not be set multiple times";
            return Err(self.fail(expr.span.clone(), message));
        }
        time.at = Some(at);
        expr.span.end = self.last_end;
        Ok(())
    }

    /// `anchored` or `smoothed`.
    fn edges(&mut self, expr: &mut Expr, edges: Edges) -> Parsed<'a, ()> {
        let word = self.next()?.text.to_ascii_lowercase();
        let span = expr.span.clone();
        if !self.options.extended_ranges {
            let message = format!("{word} modifier is experimental and not enabled");
            return Err(self.disabled(span, message));
        }
        let held = match &mut expr.node {
            Node::VectorSelector(selector) => &mut selector.edges,
            Node::MatrixSelector(matrix) => &mut matrix.selector.edges,
            Node::Subquery(_) => {
                let message = format!("{word} modifier is not supported for subqueries");
                return Err(self.fail(span, message));
            }
            _ => return Err(self.fail(span, format!("{word} modifier not implemented"))),
        };
        if !matches!(held, Edges::Plain) && *held != edges {
            let message = "anchored and smoothed modifiers cannot be used together";
            return Err(self.fail(span, message));
        }
        *held = edges;
        Ok(())
    }

    fn instant(&mut self, expr: &Expr) -> Parsed<'a, At> {
        let at = match self.peek()? {
            Kind::Time(TimeWord::Start) => At::Start,
            Kind::Time(TimeWord::End) => At::End,
            _ => {
                let seconds = self.signed_number()?;
                // Milliseconds are what must fit; Prometheus asks for less, and wraps round.
                if !seconds.is_finite() || seconds.abs() >= i64::MAX as f64 {
                    let seconds = go_float(seconds);
                    let message = format!("timestamp out of bounds for @ modifier: {seconds}");
                    return Err(self.fail(expr.span.clone(), message));
                }
                let millis = (seconds * 1000.0).round() as i64;
                return Ok(At::Instant(Timestamp::from_millis(millis)));
            }
        };
        self.next()?;
        self.expect(Kind::LeftParen)?;
        self.expect(Kind::RightParen)?;
        Ok(at)
    }

    fn misplaced(&self, modifier: &str, expr: &Expr) -> Failure<'a> {
        let message = format!(
            "{modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery"
        );
        self.fail(expr.span.clone(), message)
    }
}

/// What `offset` and `@` behind `expr` change, if they may stand there.
fn time_of(expr: &mut Expr) -> Option<&mut TimeModifiers> {
    match &mut expr.node {
        Node::VectorSelector(selector) => Some(&mut selector.time),
        Node::MatrixSelector(matrix) => Some(&mut matrix.selector.time),
        Node::Subquery(subquery) => Some(&mut subquery.time),
        _ => None,
    }
}

/// Go's `%f`.
fn go_float(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => format!("{value:.6}"),
    }
}
