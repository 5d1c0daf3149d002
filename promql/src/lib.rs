//! PromQL as a pure language: text -> [`ast::Expr`] -> plan -> evaluation over a [`source::Source`].
//!
//! Semantics are those of Prometheus 3.14. Nothing here does IO or looks at a clock: the shell fetches the
//! series that a plan asks for, then evaluation runs over them.

pub mod ast;
pub mod functions;
pub mod source;
