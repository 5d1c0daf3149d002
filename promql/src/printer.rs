//! [`Expr`] -> text, in the one form that Prometheus prints: parsing it gives the same tree again.
//!
//! Source: Prometheus, `promql/parser/printer.go`.
mod length;
mod pretty;

use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter},
};

use model::{METRIC_NAME, MatchOp, Matcher};

use crate::{
    ast::{
        Aggregate, At, Binary, Cardinality, Edges, Expr, Fill, Grouping, Length, MatrixSelector,
        Node, Subquery, TimeModifiers, VectorMatching, VectorSelector,
    },
    number::general,
    quote::quote,
};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Number(value) => f.write_str(&number(*value)),
            Node::Duration(seconds) => f.write_str(&length::duration(*seconds)),
            Node::String(text) => f.write_str(&quote(text)),
            Node::VectorSelector(selector) => {
                let TimeModifiers { at, offset } = &selector.time;
                write!(f, "{selector}")?;
                write_at(f, *at)?;
                write_edges(f, selector.edges)?;
                write_offset(f, offset)
            }
            Node::MatrixSelector(matrix) => matrix.fmt(f),
            Node::Subquery(subquery) => subquery.fmt(f),
            Node::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                join(f, &call.args, ", ")?;
                f.write_str(")")
            }
            Node::Aggregate(aggregate) => aggregate.fmt(f),
            Node::Binary(binary) => binary.fmt(f),
            Node::Unary(unary) => {
                write!(f, "{}{}", unary.sign.as_str(), unary.expr)
            }
            Node::Paren(inner) => write!(f, "({inner})"),
        }
    }
}

/// A number as Go's `FormatFloat(value, 'f', -1, 64)` writes it: all digits, no exponent.
pub(crate) fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

fn join<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

impl Display for VectorSelector {
    /// Name and matchers without `@` and `offset`, which a window stands before.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("");
        let is_name = |m: &&Matcher| {
            m.name() == METRIC_NAME
                && m.op() == MatchOp::Equal
                && m.value() == name
                && !name.is_empty()
        };
        let mut matchers: Vec<String> = self
            .matchers
            .iter()
            .filter(|m| !is_name(m))
            .map(|m| format!("{}{}{}", label(m.name()), m.op().as_str(), quote(m.value())))
            .collect();
        matchers.sort_unstable();
        f.write_str(name)?;
        // Prometheus prints nothing at all for `info(x, {})`, which it cannot read.
        if matchers.is_empty() && !name.is_empty() {
            return Ok(());
        }
        f.write_str("{")?;
        join(f, &matchers, ",")?;
        f.write_str("}")
    }
}

fn write_at(f: &mut Formatter<'_>, at: Option<At>) -> fmt::Result {
    match at {
        None => Ok(()),
        Some(At::Instant(at)) => write!(f, " @ {:.3}", at.as_seconds()),
        Some(At::Start) => f.write_str(" @ start()"),
        Some(At::End) => f.write_str(" @ end()"),
    }
}

fn write_edges(f: &mut Formatter<'_>, edges: Edges) -> fmt::Result {
    f.write_str(match edges {
        Edges::Plain => "",
        Edges::Anchored => " anchored",
        Edges::Smoothed => " smoothed",
    })
}

fn write_offset(f: &mut Formatter<'_>, offset: &Length) -> fmt::Result {
    match offset {
        offset if *offset == Length::ZERO => Ok(()),
        Length::Computed(expr) if !expr.is_offset() => write!(f, " offset ({expr})"),
        offset => write!(f, " offset {offset}"),
    }
}

impl Display for TimeModifiers {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_at(f, self.at)?;
        write_offset(f, &self.offset)
    }
}

impl Display for MatrixSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.selector, self.range)?;
        write_edges(f, self.selector.edges)?;
        self.selector.time.fmt(f)
    }
}

impl Display for Subquery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.expr, Suffix(self))
    }
}

/// What a subquery has after its expression.
struct Suffix<'s>(&'s Subquery);

impl Display for Suffix<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Subquery {
            range, step, time, ..
        } = self.0;
        write!(f, "[{range}:")?;
        if let Some(step) = step {
            step.fmt(f)?;
        }
        write!(f, "]{time}")
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Head(self).fmt(f)?;
        match &self.param {
            Some(param) => write!(f, "({param}, {})", self.expr),
            None => write!(f, "({})", self.expr),
        }
    }
}

/// What an aggregation has before its parentheses.
struct Head<'a>(&'a Aggregate);

impl Display for Head<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.as_str())?;
        match &self.0.grouping {
            Grouping::By(labels) if labels.is_empty() => Ok(()),
            Grouping::By(labels) => write!(f, " by ({}) ", label_list(labels)),
            Grouping::Without(labels) => write!(f, " without ({}) ", label_list(labels)),
        }
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", left_side(self), self.op.as_str())?;
        if self.return_bool {
            f.write_str(" bool")?;
        }
        if let Some(matching) = &self.matching {
            matching.fmt(f)?;
        }
        write!(f, " {}", self.rhs)
    }
}

/// The left side, in parentheses if its offset would take the operator in: `x offset (5s) @ 3 + 1` has `@` moved before
/// the offset. Prometheus prints that as text that it reads otherwise.
fn left_side(binary: &Binary) -> Cow<'_, Expr> {
    match binary.op.is_arithmetic() && ends_in_open_offset(&binary.lhs) {
        true => Cow::Owned(Expr {
            node: Node::Paren(binary.lhs.clone()),
            span: binary.lhs.span.clone(),
        }),
        false => Cow::Borrowed(&binary.lhs),
    }
}

fn ends_in_open_offset(expr: &Expr) -> bool {
    let offset = match &expr.node {
        Node::VectorSelector(selector) => &selector.time.offset,
        Node::MatrixSelector(matrix) => &matrix.selector.time.offset,
        Node::Subquery(subquery) => &subquery.time.offset,
        Node::Unary(unary) => return ends_in_open_offset(&unary.expr),
        Node::Binary(binary) => return ends_in_open_offset(&binary.rhs),
        _ => return false,
    };
    match offset {
        Length::Computed(expr) => !expr.is_offset() || expr.begins_with_parentheses(),
        Length::Fixed(_) => false,
    }
}

impl Display for VectorMatching {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let side = match self.cardinality {
            Cardinality::ManyToOne => Some("left"),
            Cardinality::OneToMany => Some("right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if self.on || !self.labels.is_empty() || side.is_some() {
            let clause = if self.on { "on" } else { "ignoring" };
            write!(f, " {clause} ({})", label_list(&self.labels))?;
        }
        if let Some(side) = side {
            write!(f, " group_{side} ({})", label_list(&self.include))?;
        }
        let Fill { left, right } = self.fill;
        if let (Some(left), Some(right)) = (left, right)
            && left == right
        {
            return write!(f, " fill ({})", general(left, None));
        }
        for (side, value) in [("left", left), ("right", right)] {
            if let Some(value) = value {
                write!(f, " fill_{side} ({})", general(value, None))?;
            }
        }
        Ok(())
    }
}

fn label_list(labels: &[String]) -> String {
    let labels: Vec<String> = labels.iter().map(|name| label(name)).collect();
    labels.join(", ")
}

/// A label's name, in quotes if it is no plain word.
fn label(name: &str) -> String {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.to_owned() } else { quote(name) }
}
