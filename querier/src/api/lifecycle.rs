//! `/-/reload`: the leader reads the configuration anew.
use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use proto::v1;

use super::Api;

/// `POST /-/reload`
pub(super) async fn reload(State(api): State<Arc<Api>>) -> Response {
    if !api.settings.enable_lifecycle {
        return (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.").into_response();
    }
    let reload = |mut leader: runtime::DiscovererClient| async move {
        leader.reload(v1::ReloadRequest {}).await
    };
    match api.discoverers.on_leader(reload).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(status) => {
            let message = format!("failed to reload config: {}\n", status.message());
            (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        }
    }
}

/// `GET /-/reload`
pub(super) async fn wrong_method() -> (StatusCode, &'static str) {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        "Only POST or PUT requests allowed",
    )
}
