//! Answers in Prometheus' envelope.
use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use super::ApiError;
use crate::json::Json;

/// What a handler gives.
pub(crate) type Answered = Result<Reply, ApiError>;

/// How many warnings, and how many infos, are told; the rest is counted.
const TOLD: usize = 10;

/// A successful answer.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// The envelope up to the end of the data.
    body: Json,
    /// What is wrong or missing.
    warnings: Vec<String>,
    /// What may not be what was meant.
    infos: Vec<String>,
}

impl Reply {
    /// An answer with the data that `data` writes.
    pub(crate) fn of(data: impl FnOnce(&mut Json)) -> Self {
        let mut body = Json::default();
        body.raw("{\"status\":\"success\",\"data\":");
        data(&mut body);
        Self {
            body,
            ..Self::default()
        }
    }

    /// The same with warnings.
    pub(crate) fn with_warnings(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// The same with infos.
    pub(crate) fn with_infos(mut self, infos: impl IntoIterator<Item = String>) -> Self {
        self.infos.extend(infos);
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let Self {
            mut body,
            warnings,
            infos,
        } = self;
        for (name, mut notes, what) in [("warnings", warnings, "warning"), ("infos", infos, "info")]
        {
            if notes.is_empty() {
                continue;
            }
            let n_left = notes.len().saturating_sub(TOLD);
            notes.truncate(TOLD);
            if n_left > 0 {
                notes.push(format!("{n_left} more {what} annotations omitted"));
            }
            body.raw(",");
            body.string(name);
            body.raw(":");
            body.strings(notes);
        }
        body.raw("}");
        let content_type = [(header::CONTENT_TYPE, "application/json")];
        (content_type, body.finish()).into_response()
    }
}
