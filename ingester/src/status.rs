//! The HTTP pages of an ingester: its state and its targets as JSON, beside those that every process has.
use std::sync::{Arc, OnceLock};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use model::Labels;
use serde_json::{Map, Value, json};

use crate::{
    scrape::{Health, TargetState},
    shared::Shared,
};

/// Set once the database is open.
pub(crate) type Opened = Arc<OnceLock<Arc<Shared>>>;

/// `/` and `/status`: figures; `/targets`: each target and how it went last.
pub(crate) fn router(shared: Opened) -> Router {
    Router::new()
        .route("/", get(state))
        .route("/status", get(state))
        .route("/targets", get(targets))
        .with_state(shared)
}

async fn state(State(opened): State<Opened>) -> Result<Json<Value>, StatusCode> {
    let shared = opened.get().ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let db = shared.db.clone();
    let stats = shared.offload().run(move || db.stats()).await;
    let time = |at: model::Timestamp| at.as_seconds();
    Ok(Json(json!({
        "role": "ingester",
        "node": shared.node().0,
        "epoch": shared.epoch(),
        "nTargets": shared.targets.len(),
        "nGroups": stats.n_groups,
        "nSeries": stats.n_series,
        "nActiveSeries": stats.n_active_series,
        "nHeldRows": stats.n_held_rows,
        "rowsTotal": stats.rows_total,
        "samplesTotal": stats.samples_total,
        "rowsRefusedTotal": stats.rows_refused_total,
        "damagedTotal": stats.damaged_total,
        "minTime": stats.time_range.map(|range| time(range.start())),
        "maxTime": stats.time_range.map(|range| time(range.end())),
    })))
}

async fn targets(State(opened): State<Opened>) -> Result<Json<Value>, StatusCode> {
    let shared = opened.get().ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let targets = shared.targets.all();
    Ok(Json(targets.iter().map(|state| target(state)).collect()))
}

fn target(state: &TargetState) -> Value {
    let last = state.last();
    json!({
        "key": state.key.to_string(),
        "rank": state.rank,
        "job": state.target.job,
        "labels": labels(&state.target.labels),
        "discoveredLabels": labels(&state.target.discovered),
        "scrapeUrl": state.target.url(),
        "health": match last.health {
            Health::Unknown => "unknown",
            Health::Up => "up",
            Health::Down => "down",
        },
        "lastError": last.error,
        "lastScrape": last.began.map(model::Timestamp::as_seconds),
        "lastScrapeDuration": last.took_seconds,
    })
}

fn labels(labels: &Labels) -> Value {
    let pairs = labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(pairs.collect::<Map<_, _>>())
}
