//! The table of functions: names, argument types, and what calls are checked against.
//!
//! Source: Prometheus, `promql/parser/functions.go`.
use crate::ast::ValueType;

/// A function's signature.
#[derive(Debug, PartialEq)]
pub struct Function {
    /// Its name in PromQL.
    pub name: &'static str,
    /// The types of its arguments.
    pub args: &'static [ValueType],
    /// 0: all arguments are needed; n > 0: up to n of the last may be left out or, beyond `args`, repeated; below 0: any number.
    pub variadic: i8,
    /// What it gives.
    pub returns: ValueType,
    /// Only with `--enable-feature=promql-experimental-functions`.
    pub experimental: bool,
}
