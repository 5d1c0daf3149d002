//! `/parse_query`: the tree of an expression, for interfaces that show it.
//!
//! Source: Prometheus, `web/api/v1/translate_ast.go`.
use std::sync::Arc;

use axum::extract::State;
use model::Matcher;
use promql::ast::{
    At, Binary, Call, Cardinality, Edges, Expr, Grouping, Length, Node, Subquery, TimeModifiers,
    VectorMatching, VectorSelector,
};

use super::{Answered, Api, ApiError, Params, Reply};
use crate::json::{Fields, Json};

/// `/api/v1/parse_query`
pub(super) async fn parse(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let expr = promql::parse_with(params.get("query"), api.settings.query.language);
    let expr = expr.map_err(|error| ApiError::bad_parameter("query", error))?;
    Ok(Reply::of(|json| write(json, &expr)))
}

fn write(json: &mut Json, expr: &Expr) {
    json.object(|fields| match &expr.node {
        Node::Number(_) => {
            fields
                .string("type", "numberLiteral")
                .string("val", &expr.to_string());
        }
        Node::Duration(seconds) => {
            fields
                .string("type", "numberLiteral")
                .string("val", &seconds.to_string());
        }
        Node::String(text) => {
            fields.string("type", "stringLiteral").string("val", text);
        }
        Node::Paren(inner) => {
            fields.string("type", "parenExpr");
            write(fields.key("expr"), inner);
        }
        Node::Unary(unary) => {
            fields
                .string("type", "unaryExpr")
                .string("op", unary.sign.as_str());
            write(fields.key("expr"), &unary.expr);
        }
        Node::VectorSelector(selector) => {
            fields.string("type", "vectorSelector");
            write_selector(fields, selector);
        }
        Node::MatrixSelector(matrix) => {
            fields
                .string("type", "matrixSelector")
                .integer("range", millis(&matrix.range));
            write_selector(fields, &matrix.selector);
        }
        Node::Subquery(subquery) => write_subquery(fields, subquery),
        Node::Call(call) => write_call(fields, call),
        Node::Aggregate(aggregate) => {
            fields
                .string("type", "aggregation")
                .string("op", aggregate.op.as_str());
            write(fields.key("expr"), &aggregate.expr);
            write_if(fields.key("param"), aggregate.param.as_deref(), write);
            let (labels, is_without) = match &aggregate.grouping {
                Grouping::By(labels) => (labels, false),
                Grouping::Without(labels) => (labels, true),
            };
            fields.key("grouping").strings(labels);
            fields.key("without").boolean(is_without);
        }
        Node::Binary(binary) => write_binary(fields, binary),
    });
}

/// `value`, or null.
fn write_if<T>(json: &mut Json, value: Option<T>, write: impl FnOnce(&mut Json, T)) {
    match value {
        Some(value) => write(json, value),
        None => json.raw("null"),
    }
}

fn write_selector(fields: &mut Fields<'_>, selector: &VectorSelector) {
    fields.string("name", selector.name.as_deref().unwrap_or_default());
    fields
        .key("matchers")
        .array(&selector.matchers, |json, matcher: &Matcher| {
            json.object(|fields| {
                fields
                    .string("name", matcher.name())
                    .string("value", matcher.value())
                    .string("type", matcher.op().as_str());
            });
        });
    write_time(fields, &selector.time);
    fields
        .key("anchored")
        .boolean(selector.edges == Edges::Anchored);
    fields
        .key("smoothed")
        .boolean(selector.edges == Edges::Smoothed);
}

fn write_time(fields: &mut Fields<'_>, time: &TimeModifiers) {
    fields.integer("offset", millis(&time.offset));
    let (timestamp, edge) = match time.at {
        Some(At::Instant(at)) => (Some(at.as_millis()), None),
        Some(At::Start) => (None, Some("start")),
        Some(At::End) => (None, Some("end")),
        None => (None, None),
    };
    write_if(fields.key("timestamp"), timestamp, Json::integer);
    write_if(fields.key("startOrEnd"), edge, Json::string);
}

/// The length in milliseconds; one that is computed has none before it is evaluated.
fn millis(length: &Length) -> i64 {
    match length {
        Length::Fixed(length) => length.as_millis(),
        Length::Computed(_) => 0,
    }
}

fn write_subquery(fields: &mut Fields<'_>, subquery: &Subquery) {
    fields
        .string("type", "subquery")
        .integer("range", millis(&subquery.range))
        .integer("step", subquery.step.as_ref().map_or(0, millis));
    write(fields.key("expr"), &subquery.expr);
    write_time(fields, &subquery.time);
}

fn write_call(fields: &mut Fields<'_>, call: &Call) {
    let function = call.function;
    fields.string("type", "call");
    fields.key("func").object(|fields| {
        fields.string("name", function.name);
        let types = function.args.iter().map(|of| of.as_str());
        fields.key("argTypes").strings(types);
        fields
            .integer("variadic", function.variadic.into())
            .string("returnType", function.returns.as_str());
    });
    fields.key("args").array(&call.args, write);
}

fn write_binary(fields: &mut Fields<'_>, binary: &Binary) {
    fields
        .string("type", "binaryExpr")
        .string("op", binary.op.as_str());
    write(fields.key("lhs"), &binary.lhs);
    write(fields.key("rhs"), &binary.rhs);
    write_if(
        fields.key("matching"),
        binary.matching.as_ref(),
        write_matching,
    );
    fields.key("bool").boolean(binary.return_bool);
}

fn write_matching(json: &mut Json, matching: &VectorMatching) {
    let cardinality = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    json.object(|fields| {
        fields.string("card", cardinality);
        fields.key("labels").strings(&matching.labels);
        fields.key("on").boolean(matching.on);
        fields.key("include").strings(&matching.include);
        fields.key("fillValues").object(|fields| {
            write_if(fields.key("lhs"), matching.fill.left, Json::number);
            write_if(fields.key("rhs"), matching.fill.right, Json::number);
        });
    });
}
