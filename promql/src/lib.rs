//! PromQL as a pure language: text -> [`ast::Expr`] -> [`Plan`] -> evaluation over a [`source::Source`].
//!
//! Semantics are those of Prometheus 3.14. Nothing here does IO or looks at a clock: the shell fetches the
//! series that a plan asks for, then evaluation runs over them.
//!
//! ```text
//! parse(text)                           Expr
//! plan(&expr, steps, &options)          what to fetch: Plan::selections
//! evaluate(&plan, &source, &canceled)   Evaluation { value: QueryValue, annotations, samples }
//! ```

pub mod annotations;
pub mod ast;
mod calendar;
mod error;
mod eval;
pub mod functions;
mod lexer;
mod parser;
mod plan;
mod position;
mod printer;
pub mod quote;
pub mod script;
pub mod source;
mod value;

pub(crate) use model::number;

pub use error::{ErrorKind, EvalError, Side};
pub use eval::{Evaluation, SampleCounts, evaluate};
pub use parser::{
    MAX_HEIGHT, Options, ParseError, ParseErrorKind, parse, parse_selector, parse_with,
};
pub use plan::{Plan, QueryOptions, plan};
pub use position::Position;
pub use value::{QueryValue, VectorSample};
