//! PromQL as a pure language: text -> [`ast::Expr`] -> plan -> evaluation over a [`source::Source`].
//!
//! Semantics are those of Prometheus 3.14. Nothing here does IO or looks at a clock: the shell fetches the
//! series that a plan asks for, then evaluation runs over them.

pub mod ast;
pub mod functions;
mod lexer;
mod parser;
mod position;
mod printer;
pub mod quote;
pub mod script;
pub mod source;

pub use parser::{
    MAX_HEIGHT, Options, ParseError, ParseErrorKind, parse, parse_selector, parse_with,
};
pub use position::Position;
