//! What a query gives.
use model::{Labels, Sample, Series, Timestamp, Value};

use crate::ast::ValueType;

/// The sample of one series at the instant of the query.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    /// The series.
    pub labels: Labels,
    /// The time of evaluation.
    pub at: Timestamp,
    /// Its value.
    pub value: Value,
}

/// The result of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryValue {
    /// One number.
    Scalar(Sample),
    /// A text.
    String {
        /// The time of evaluation.
        at: Timestamp,
        /// What was written.
        text: String,
    },
    /// One sample a series. Sorted by labels, except where `sort`, `topk` and their like gave an order.
    Vector(Vec<VectorSample>),
    /// Samples of series, sorted by labels.
    Matrix(Vec<Series>),
}

impl QueryValue {
    /// The type, which also names the result in the HTTP API.
    pub const fn value_type(&self) -> ValueType {
        match self {
            Self::Scalar(_) => ValueType::Scalar,
            Self::String { .. } => ValueType::String,
            Self::Vector(_) => ValueType::Vector,
            Self::Matrix(_) => ValueType::Matrix,
        }
    }
}
