//! `/api/v1/admin/tsdb`: what changes or copies stored data.
use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use axum::{extract::State, http::StatusCode};
use chrono::DateTime;
use model::{TimeRange, Timestamp};
use proto::v1;
use tokio::time::Instant;
use tonic::Status;

use super::{Answered, Api, ApiError, Params, Reply};
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
    every(&api, "delete series", delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `/api/v1/admin/tsdb/clean_tombstones`
pub(super) async fn clean_tombstones(State(api): State<Arc<Api>>) -> Result<StatusCode, ApiError> {
    enabled(&api)?;
    let clean = |mut ingester: Ingester| async move {
        let request = v1::CleanTombstonesRequest {};
        ingester.clean_tombstones(request).await.map(drop)
    };
    every(&api, "clean tombstones", clean).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `/api/v1/admin/tsdb/snapshot`: every ingester copies its store beside its data.
///
/// Copies hold the newest rows as well, whatever `skip_head` says.
pub(super) async fn snapshot(State(api): State<Arc<Api>>, params: Params) -> Answered {
    enabled(&api)?;
    let skip_head = params.get("skip_head");
    let is_boolean =
        ["", "0", "1", "t", "f", "true", "false"].contains(&&*skip_head.to_lowercase());
    if !is_boolean {
        let why = format!("unable to parse boolean \"{skip_head}\"");
        return Err(ApiError::bad_parameter("skip_head", why));
    }
    let random = RandomState::new().hash_one(0) >> 1;
    let name = name(api.engine.components.clock.now(), random);
    let copy = |mut ingester: Ingester| {
        let request = v1::SnapshotRequest { name: name.clone() };
        async move { ingester.snapshot(request).await.map(drop) }
    };
    every(&api, "create snapshot", copy).await?;
    Ok(Reply::of(|json| {
        json.object(|fields| {
            fields.string("name", &name);
        });
    }))
}

/// The name of a snapshot: `20231114T221320Z-2be650b6d019eb54`.
fn name(at: Timestamp, random: u64) -> String {
    let at = DateTime::from_timestamp_millis(at.as_millis()).unwrap_or_default();
    format!("{}-{random:x}", at.format("%Y%m%dT%H%M%SZ"))
}

/// Refuses unless the admin API was asked for.
fn enabled(api: &Api) -> Result<(), ApiError> {
    match api.settings.enable_admin_api {
        true => Ok(()),
        false => Err(ApiError::unavailable("admin APIs disabled")),
    }
}

/// Has every ingester do it: what one of them does not delete comes back from it.
async fn every<F>(api: &Api, what: &str, ask: impl Fn(Ingester) -> F) -> Result<(), ApiError>
where
    F: Future<Output = Result<(), Status>>,
{
    let deadline = Instant::now() + api.engine.timeout();
    let cluster = api.engine.cluster()?;
    let done = api.engine.ingesters.every(&cluster, deadline, ask).await;
    done.map_err(|failure| {
        let message = format!("{what} on every ingester: {failure}; it can be tried again");
        ApiError::unavailable(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_named_after_its_time() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(name(at, 0x2be6), "20231114T221320Z-2be6");
    }
}
