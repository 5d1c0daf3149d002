//! Long expressions over several lines, as `/api/v1/format_query` shows them.
//!
//! An expression that fits on a line stays on it. One that does not puts its parts on lines of their own, each a step
//! further in: operators between their operands, arguments between parentheses. Names, matchers and windows are never
//! broken.
//!
//! Source: Prometheus, `promql/parser/prettier.go`.
use std::fmt::Write as _;

use super::{Head, Suffix, left_side};
use crate::ast::{Aggregate, Binary, Expr, Node, Unary};

/// How many bytes an expression may have to stay on one line, its indentation not counted.
const WIDTH: usize = 100;
/// One step of indentation.
const INDENT: &str = "  ";

impl Expr {
    /// The text of the expression, over several lines where one would be too long; [`Expr`]'s `Display` is the one line.
    pub fn pretty(&self) -> String {
        pretty(self, WIDTH)
    }
}

fn pretty(expr: &Expr, width: usize) -> String {
    let mut page = Page {
        text: String::new(),
        width,
    };
    page.expr(expr, 0);
    page.text
}

struct Page {
    text: String,
    width: usize,
}

impl Page {
    /// Writes `expr`, on lines that are `level` steps in.
    fn expr(&mut self, expr: &Expr, level: usize) {
        let line = expr.to_string();
        let fits = line.len() <= self.width;
        match &expr.node {
            // Prometheus indents no subquery that fits on a line.
            Node::Subquery(_) if fits => self.text.push_str(&line),
            Node::Subquery(subquery) => {
                self.expr(&subquery.expr, level);
                self.put(Suffix(subquery));
            }
            Node::Unary(unary) => self.unary(unary, level),
            Node::Aggregate(aggregate) if !fits => self.aggregate(aggregate, level),
            Node::Binary(binary) if !fits => self.binary(binary, level),
            Node::Call(call) if !fits => {
                self.indent(level);
                self.put(call.function.name);
                self.in_parentheses(call.args.iter(), level);
            }
            Node::Paren(inner) if !fits => {
                self.indent(level);
                self.in_parentheses([&**inner], level);
            }
            _ => {
                self.indent(level);
                self.text.push_str(&line);
            }
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate, level: usize) {
        self.indent(level);
        self.put(Head(aggregate));
        let parts = aggregate.param.iter().chain([&aggregate.expr]);
        self.in_parentheses(parts.map(|part| &**part), level);
    }

    fn binary(&mut self, binary: &Binary, level: usize) {
        self.expr(&left_side(binary), level + 1);
        self.text.push('\n');
        self.indent(level);
        self.put(binary.op.as_str());
        if binary.return_bool {
            self.put(" bool");
        }
        if let Some(matching) = &binary.matching {
            self.put(matching);
        }
        self.text.push('\n');
        self.expr(&binary.rhs, level + 1);
    }

    /// The sign stands close before what it is of, wherever that begins.
    fn unary(&mut self, unary: &Unary, level: usize) {
        self.indent(level);
        self.put(unary.sign.as_str());
        let begin = self.text.len();
        self.expr(&unary.expr, level);
        let of = self.text.split_off(begin);
        self.put(of.trim());
    }

    /// `parts`, each on lines of its own.
    fn in_parentheses<'e>(&mut self, parts: impl IntoIterator<Item = &'e Expr>, level: usize) {
        self.put("(\n");
        for (i, part) in parts.into_iter().enumerate() {
            if i > 0 {
                self.put(",\n");
            }
            self.expr(part, level + 1);
        }
        self.put("\n");
        self.indent(level);
        self.put(")");
    }

    fn indent(&mut self, level: usize) {
        self.text.extend(std::iter::repeat_n(INDENT, level));
    }

    fn put(&mut self, part: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{part}");
    }
}

#[cfg(test)]
mod tests;
