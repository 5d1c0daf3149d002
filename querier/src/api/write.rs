//! `POST /api/v1/write`: samples that others push.
//!
//! Source: Prometheus, `storage/remote/write_handler.go`.
use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use runtime::WriteError;
use tonic::Code;

use super::Api;
use crate::{
    metrics::WriteMetrics,
    write::{self, DecodeError, Taken},
};

/// The largest compressed body that is taken; Prometheus itself sends far less than a megabyte.
const MAX_BODY_BYTES: usize = 32 << 20;
/// The largest body once it is decompressed.
const MAX_DECODED_BYTES: usize = 128 << 20;
/// How many requests are decoded and held at once; more wait.
const CONCURRENCY: usize = 32;
/// How long ingesters may take; Prometheus gives up after 30 s by default.
const TIMEOUT: Duration = Duration::from_secs(25);
/// What senders are told to wait, in seconds, when the cluster cannot take samples.
const RETRY_AFTER: &str = "5";
const CONTENT_TYPE: &str = "application/x-protobuf";
const V1: &str = "prometheus.WriteRequest";
const V2: &str = "io.prometheus.write.v2.Request";

/// What bounds the receiver.
#[derive(Debug)]
pub(crate) struct Receiver {
    places: tokio::sync::Semaphore,
    metrics: WriteMetrics,
}

impl Receiver {
    /// A receiver that tells `metrics`.
    pub(crate) const fn new(metrics: WriteMetrics) -> Self {
        let places = tokio::sync::Semaphore::const_new(CONCURRENCY);
        Self { places, metrics }
    }
}

/// Why a request, or a part of it, was not stored.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("remote write receiver needs to be enabled with --web.enable-remote-write-receiver")]
    Disabled,
    #[error("{0}")]
    MediaType(String),
    #[error("the body is larger than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    #[error("{0}")]
    Body(String),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("{0}")]
    Samples(String),
    #[error("{0}")]
    Cluster(&'static str),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::Disabled => StatusCode::NOT_FOUND,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(_) | Self::Decode(_) | Self::Samples(_) => StatusCode::BAD_REQUEST,
            Self::Cluster(_) | Self::Write(WriteError::NoMap | WriteError::NoReplica { .. }) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Write(WriteError::Replica { code, .. }) => match code {
                Code::Unavailable | Code::ResourceExhausted | Code::Cancelled => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }
}

impl IntoResponse for Refused {
    /// As Go's `http.Error` answers.
    fn into_response(self) -> Response {
        let status = self.status();
        let headers = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        let mut response = (status, headers, format!("{self}\n")).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let after = header::HeaderValue::from_static(RETRY_AFTER);
            response.headers_mut().insert(header::RETRY_AFTER, after);
        }
        response
    }
}

/// `POST /api/v1/write`
pub(super) async fn write(State(api): State<Arc<Api>>, headers: HeaderMap, body: Body) -> Response {
    let taken = receive(&api, &headers, body).await;
    let status = match &taken {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(refused) => refused.status(),
    };
    api.receiver.metrics.answered(status);
    match taken {
        Ok(()) => status.into_response(),
        Err(refused) => {
            tracing::debug!(%status, error = %refused, "a remote write was refused");
            refused.into_response()
        }
    }
}

async fn receive(api: &Api, headers: &HeaderMap, body: Body) -> Result<(), Refused> {
    if !api.settings.enable_remote_write_receiver {
        return Err(Refused::Disabled);
    }
    let text = |name| headers.get(name).map_or("", |v| v.to_str().unwrap_or("?"));
    check_content_type(text(header::CONTENT_TYPE))?;
    check_encoding(text(header::CONTENT_ENCODING))?;
    let places = &api.receiver.places;
    let _place = places.acquire().await.expect("it is never closed");
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let body = body.map_err(|error| match error.is::<LengthLimitError>() {
        true => Refused::TooLarge,
        false => Refused::Body(error.to_string()),
    })?;
    let (body, now) = (body.to_bytes(), api.engine.components.clock.now());
    let decoded = api.engine.components.offload.run(move || {
        let request = write::decompress(&body, MAX_DECODED_BYTES)?;
        write::take(&request, now).map_err(DecodeError::from)
    });
    let taken = decoded.await?;
    store(api, taken).await
}

/// Writes what was taken; the reason is told if any of it was refused.
async fn store(api: &Api, taken: Taken) -> Result<(), Refused> {
    let metrics = &api.receiver.metrics;
    metrics.invalid_labels.inc_by(taken.n_invalid);
    let cluster = api.engine.cluster();
    let cluster = cluster.map_err(|_| Refused::Cluster("the cluster is not known yet"))?;
    let channels = &api.engine.components.channels;
    let written = runtime::write(&taken.push, &cluster, channels);
    let written = tokio::time::timeout(TIMEOUT, written).await;
    let written = written.map_err(|_| Refused::Cluster("the ingesters took too long"))??;
    metrics
        .samples
        .inc_by(taken.n_samples.saturating_sub(written.n_refused));
    metrics
        .refused_samples
        .inc_by(taken.n_refused + written.n_refused);
    let later = (written.n_refused > 0).then_some(written.reason);
    match taken.reason.or(later) {
        None => Ok(()),
        Some(reason) => Err(Refused::Samples(reason)),
    }
}

/// Refuses what is not version 1; no type at all stands for it.
fn check_content_type(given: &str) -> Result<(), Refused> {
    let given = given.trim();
    let refused = |text: String| Err(Refused::MediaType(text));
    let mut parts = given.split(';');
    match parts.next() {
        Some("") if given.is_empty() => return Ok(()),
        Some(CONTENT_TYPE) => {}
        _ => {
            return refused(format!(
                "expected {CONTENT_TYPE} as the first (media) part, got {given} content-type"
            ));
        }
    }
    for part in parts {
        match part.split('=').collect::<Vec<_>>()[..] {
            ["proto", V1] => return Ok(()),
            ["proto", V2] => {
                return refused(format!(
                    "{V2} protobuf message is not accepted by this server; accepted [{V1}]"
                ));
            }
            ["proto", other] => {
                return refused(format!(
                    "got {given} content type; unknown type for remote write protobuf message {other}, \
                     supported: {V1}, {V2}"
                ));
            }
            [_, _] => {}
            _ => {
                return refused(format!(
                    "as per https://www.rfc-editor.org/rfc/rfc9110#parameter expected parameters to be \
                     key-values, got {part} in {given} content-type"
                ));
            }
        }
    }
    Ok(())
}

/// Refuses what is not snappy; no encoding at all stands for it.
fn check_encoding(given: &str) -> Result<(), Refused> {
    match given.is_empty() || given.eq_ignore_ascii_case("snappy") {
        true => Ok(()),
        false => Err(Refused::MediaType(format!(
            "{given} encoding (compression) is not accepted by this server; only snappy is acceptable"
        ))),
    }
}
