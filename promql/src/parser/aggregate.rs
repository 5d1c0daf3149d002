//! Aggregations: `sum by (a) (x)`, `sum(x) by (a)`, `topk(3, x)`.
use super::{Parsed, Parser};
use crate::{
    ast::{Aggregate, AggregateOp, Expr, Grouping, Node, Span},
    lexer::token::{Keyword, Kind, Token},
};

impl<'a> Parser<'a> {
    /// What follows the operator.
    pub(super) fn aggregate(&mut self, op: AggregateOp, name: &Token<'a>) -> Parsed<'a, Expr> {
        let parsed = self.grouping_and_arguments();
        let (grouping, mut args) = self.within(parsed, "aggregation", "")?;
        self.grow(self.height, name.start)?;
        let span = name.start..self.last_end;
        self.check_arguments(op, args.len(), &span)?;
        let expr = args.pop().expect("the number of arguments was checked");
        let node = Node::Aggregate(Aggregate {
            op,
            grouping: grouping.unwrap_or(Grouping::By(Vec::new())),
            param: args.pop().map(Box::new),
            expr: Box::new(expr),
        });
        Ok(Expr { node, span })
    }

    fn check_arguments(&self, op: AggregateOp, got: usize, span: &Span) -> Parsed<'a, ()> {
        let wanted = 1 + usize::from(op.has_param());
        if got == 0 {
            let message = "no arguments for aggregate expression provided";
            return Err(self.fail(span.clone(), message));
        }
        if op.is_experimental() && !self.options.experimental_functions {
            let message = format!(
                "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
                op.as_str()
            );
            return Err(self.disabled(span.clone(), message));
        }
        if got != wanted {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {got}"
            );
            return Err(self.fail(span.clone(), message));
        }
        Ok(())
    }

    fn grouping_and_arguments(&mut self) -> Parsed<'a, (Option<Grouping>, Vec<Expr>)> {
        let before = self.grouping()?;
        let args = self.arguments()?;
        let grouping = match before {
            Some(before) => Some(before),
            None => {
                let height = self.height;
                let after = self.grouping()?;
                self.height = height;
                after
            }
        };
        Ok((grouping, args))
    }

    fn grouping(&mut self) -> Parsed<'a, Option<Grouping>> {
        Ok(match self.peek()? {
            Kind::Keyword(Keyword::By) => {
                self.next()?;
                Some(Grouping::By(self.label_list()?))
            }
            Kind::Keyword(Keyword::Without) => {
                self.next()?;
                Some(Grouping::Without(self.label_list()?))
            }
            _ => None,
        })
    }
}
