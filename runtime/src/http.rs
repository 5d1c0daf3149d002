//! The pages that every process has: `/metrics`, `/-/healthy`, `/-/ready`.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::get,
};

use crate::{Exposed, exposed::Exposition};

/// Whether the process can do its work. Clones share the answer; not ready at first.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Sets the answer of `/-/ready`.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    /// True if the process can do its work.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// `/metrics`, `/-/healthy` and `/-/ready`, with the texts that Prometheus gives.
pub fn base_router(exposed: Exposed, readiness: Readiness) -> Router {
    let ready = move || async move {
        match readiness.get() {
            true => (StatusCode::OK, "Pleiades is Ready.\n"),
            false => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable\n"),
        }
    };
    Router::new()
        .route("/-/healthy", get(async || "Pleiades is Healthy.\n"))
        .route("/-/ready", get(ready))
        .route("/metrics", get(metrics).with_state(exposed))
}

async fn metrics(State(exposed): State<Exposed>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let format = Exposition::accepted(accept.unwrap_or_default());
    let content_type = format.content_type();
    (
        [
            (header::CONTENT_TYPE, content_type),
            (header::VARY, "Accept"),
        ],
        exposed.page(format),
    )
}
