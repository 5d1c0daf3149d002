//! `/api/v1/admin/tsdb`: what changes stored data.
use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use model::{TimeRange, Timestamp};
use proto::v1;
use tokio::time::Instant;
use tonic::Status;

use super::{Api, ApiError, Params};
use crate::fanout::Ingester;

/// `/api/v1/admin/tsdb/delete_series`
pub(super) async fn delete_series(
    State(api): State<Arc<Api>>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    enabled(&api)?;
    let selectors: Vec<v1::Selector> = (params.all("match[]"))
        .map(|text| match promql::parse_selector(text) {
            Ok(matchers) => Ok((&matchers[..]).into()),
            Err(error) => Err(ApiError::bad_parameter("match[]", error)),
        })
        .collect::<Result<_, _>>()?;
    if selectors.is_empty() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let start = params.time_or("start", Timestamp::MIN)?;
    let end = params.time_or("end", Timestamp::MAX)?;
    let Ok(range) = TimeRange::new(start, end) else {
        // A range that ends before it begins has nothing to delete.
        return Ok(StatusCode::NO_CONTENT);
    };
    let request = v1::DeleteRequest {
        selectors,
        range: Some(range.into()),
    };
    let delete = |mut ingester: Ingester| {
        let request = request.clone();
        async move { ingester.delete(request).await.map(drop) }
    };
    every(&api, "delete series", delete).await
}

/// `/api/v1/admin/tsdb/clean_tombstones`
pub(super) async fn clean_tombstones(State(api): State<Arc<Api>>) -> Result<StatusCode, ApiError> {
    enabled(&api)?;
    let clean = |mut ingester: Ingester| async move {
        let request = v1::CleanTombstonesRequest {};
        ingester.clean_tombstones(request).await.map(drop)
    };
    every(&api, "clean tombstones", clean).await
}

fn enabled(api: &Api) -> Result<(), ApiError> {
    match api.settings.enable_admin_api {
        true => Ok(()),
        false => Err(ApiError::unavailable("admin APIs disabled")),
    }
}

/// Has every ingester do it: what one of them does not delete comes back from it.
async fn every<F>(
    api: &Api,
    what: &str,
    ask: impl Fn(Ingester) -> F,
) -> Result<StatusCode, ApiError>
where
    F: Future<Output = Result<(), Status>>,
{
    let deadline = Instant::now() + api.engine.timeout();
    let cluster = api.engine.cluster()?;
    let done = api.engine.ingesters.every(&cluster, deadline, ask).await;
    done.map_err(|failure| {
        let message = format!("{what} on every ingester: {failure}; it can be tried again");
        ApiError::unavailable(message)
    })?;
    Ok(StatusCode::NO_CONTENT)
}
