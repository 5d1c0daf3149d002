//! Queries of rulers: `Querier.Instant`.
use model::{Labels, Steps, Timestamp, Value};
use promql::{EvalError, QueryValue};
use proto::v1::{self, querier_server::Querier};
use tonic::{Request, Response, Status};

use crate::query::{Answer, Completeness, Engine, Query, QueryError};

/// The service over an engine.
pub(crate) struct Service(pub(crate) Engine);

#[tonic::async_trait]
impl Querier for Service {
    async fn instant(
        &self,
        request: Request<v1::InstantRequest>,
    ) -> Result<Response<v1::InstantResponse>, Status> {
        let request = request.into_inner();
        let query = Query {
            text: request.query,
            steps: Steps::Instant(Timestamp::from_millis(request.time_millis)),
            timeout: None,
            lookback_delta: None,
            per_step_stats: false,
            completeness: match request.complete {
                true => Completeness::Required,
                false => Completeness::Warned,
            },
        };
        let answer = self.0.answer(query).await.map_err(status)?;
        response(answer).map(Response::new)
    }
}

/// The gRPC status of a query without a result.
fn status(error: QueryError) -> Status {
    let text = error.to_string();
    match error {
        QueryError::Parse(_) => Status::invalid_argument(text),
        QueryError::Eval(EvalError::Canceled) => Status::cancelled(text),
        QueryError::Eval(EvalError::TooManySamples) => Status::resource_exhausted(text),
        // It may well have a result over other data.
        QueryError::Eval(_) => Status::failed_precondition(text),
        QueryError::Timeout(_) => Status::deadline_exceeded(text),
        QueryError::Unavailable(_) => Status::unavailable(text),
    }
}

fn response(answer: Answer) -> Result<v1::InstantResponse, Status> {
    let sample = |labels: &Labels, sample: model::Sample| v1::InstantSample {
        labels: Some(labels.into()),
        time_millis: sample.at.as_millis(),
        value: sample.value,
        histogram: None,
    };
    let (samples, scalar) = match answer.value {
        QueryValue::Scalar(value) => (vec![sample(&Labels::empty(), value)], true),
        QueryValue::Vector(mut samples) => {
            samples.sort_by(|a, b| a.labels.cmp(&b.labels));
            let message = |s: &promql::VectorSample| {
                let (value, histogram) = match &s.value {
                    Value::Float(value) => (*value, None),
                    Value::Histogram(histogram) => (histogram.sum, Some((&**histogram).into())),
                };
                v1::InstantSample {
                    histogram,
                    ..sample(&s.labels, model::Sample { at: s.at, value })
                }
            };
            (samples.iter().map(message).collect(), false)
        }
        QueryValue::String { .. } | QueryValue::Matrix(_) => {
            return Err(Status::failed_precondition(
                "rule result is not a vector or scalar",
            ));
        }
    };
    Ok(v1::InstantResponse {
        samples,
        warnings: answer.warnings,
        scalar,
    })
}
