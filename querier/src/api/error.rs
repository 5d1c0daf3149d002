//! Refusals in Prometheus' envelope.
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use promql::EvalError;

use crate::{json::Json, query::QueryError};

/// The kinds of errors of the HTTP API.
///
/// Source: Prometheus, `web/api/v1/api.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorType {
    /// The request was refused.
    BadData,
    /// The query cannot be evaluated.
    Execution,
    /// Nobody waits for the answer any more.
    Canceled,
    /// Too much time was needed.
    Timeout,
    /// Too little of the cluster answered.
    Unavailable,
}

impl ErrorType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Canceled => "canceled",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Canceled => StatusCode::from_u16(499).expect("499 has three digits"),
            Self::Timeout | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A call that has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// What kind of trouble.
    pub(crate) error_type: ErrorType,
    /// For people.
    pub(crate) message: String,
}

impl ApiError {
    /// The request was refused.
    pub(crate) fn bad_data(message: impl Into<String>) -> Self {
        Self {
            error_type: ErrorType::BadData,
            message: message.into(),
        }
    }

    /// A parameter of the request was refused.
    pub(crate) fn bad_parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter \"{name}\": {why}"))
    }

    /// Too little of the cluster answered.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self {
            error_type: ErrorType::Unavailable,
            message: message.into(),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let error_type = match &error {
            QueryError::Parse(_) | QueryError::Eval(EvalError::RangeQueryType(_)) => {
                return Self::bad_parameter("query", error);
            }
            QueryError::Eval(EvalError::Canceled) => ErrorType::Canceled,
            QueryError::Eval(_) => ErrorType::Execution,
            QueryError::Timeout(_) => ErrorType::Timeout,
            QueryError::Unavailable(_) => ErrorType::Unavailable,
        };
        Self {
            error_type,
            message: error.to_string(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json::of(|json| {
            json.object(|fields| {
                fields
                    .string("status", "error")
                    .string("errorType", self.error_type.as_str())
                    .string("error", &self.message);
            });
        });
        let content_type = [(header::CONTENT_TYPE, "application/json")];
        (self.error_type.status(), content_type, body).into_response()
    }
}
