//! Prometheus' HTTP API.
//!
//! Source: Prometheus, `web/api/v1/api.go`; which of it Grafana relies upon decides what is here.
mod admin;
mod cors;
mod error;
mod exemplars;
mod features;
mod labels;
mod lifecycle;
mod metadata;
mod params;
mod query;
mod relabelling;
mod reply;
mod rules;
mod status;
mod targets;
mod times;
mod tree;
mod tsdb;
mod write;

use std::{future::Future, sync::Arc};

use axum::{
    Router,
    http::StatusCode,
    middleware,
    routing::{get, post},
};
use model::{NodeId, TimeRange, Timestamp};
use runtime::{Cluster, Discoverers};
use tokio::time::Instant;

pub(crate) use error::ApiError;
pub(crate) use params::Params;
pub(crate) use reply::{Answered, Reply};
pub(crate) use write::Receiver;

use crate::{
    Settings,
    fanout::{Answers, AskError, Ingester},
    query::{Engine, QueryError},
};

/// What the calls are answered from.
pub(crate) struct Api {
    /// Queries, and the way to the ingesters.
    pub(crate) engine: Engine,
    /// The way to the leader.
    pub(crate) discoverers: Discoverers,
    /// What bounds remote write.
    pub(crate) receiver: Receiver,
    /// As the querier was started.
    pub(crate) settings: Settings,
    /// When the querier was started.
    pub(crate) started: Timestamp,
}

impl Api {
    /// Makes `ask` on every ingester.
    async fn ask<T, F>(
        &self,
        range: TimeRange,
        ask: impl Fn(Ingester) -> F,
    ) -> Result<Answers<T>, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AskError>> + Send + 'static,
    {
        let cluster = self.engine.cluster()?;
        self.ask_each(&cluster, range, |_, ingester| ask(ingester))
            .await
    }

    /// Makes `ask` on every ingester of `cluster`, to each as it is for its node.
    async fn ask_each<T, F>(
        &self,
        cluster: &Cluster,
        range: TimeRange,
        ask: impl Fn(NodeId, Ingester) -> F,
    ) -> Result<Answers<T>, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AskError>> + Send + 'static,
    {
        let deadline = Instant::now() + self.engine.timeout();
        let asked = self.engine.ingesters.ask(cluster, range, deadline, ask);
        asked.await.map_err(|stop| QueryError::from(stop).into())
    }
}

/// Every path of the API and of the page over it.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let v1 = Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route(
            "/query_exemplars",
            get(exemplars::query).post(exemplars::query),
        )
        .route("/format_query", get(query::format).post(query::format))
        .route("/parse_query", get(tree::parse).post(tree::parse))
        .route("/labels", get(labels::names).post(labels::names))
        .route("/label/{name}/values", get(labels::values))
        .route("/series", get(labels::series).post(labels::series))
        .route("/targets", get(targets::targets))
        .route("/targets/metadata", get(metadata::of_targets))
        .route("/targets/relabel_steps", get(relabelling::steps))
        .route("/scrape_pools", get(targets::pools))
        .route("/metadata", get(metadata::of_metrics))
        .route("/rules", get(rules::rules))
        .route("/alerts", get(rules::alerts))
        .route("/alertmanagers", get(rules::alertmanagers))
        .route("/write", post(write::write))
        .route(
            "/admin/tsdb/delete_series",
            post(admin::delete_series).put(admin::delete_series),
        )
        .route(
            "/admin/tsdb/clean_tombstones",
            post(admin::clean_tombstones).put(admin::clean_tombstones),
        )
        .route(
            "/admin/tsdb/snapshot",
            post(admin::snapshot).put(admin::snapshot),
        )
        .route("/status/buildinfo", get(status::build_info))
        .route("/status/config", get(status::config))
        .route("/status/flags", get(status::flags))
        .route("/status/runtimeinfo", get(status::runtime_info))
        .route("/status/walreplay", get(status::wal_replay))
        .route("/notifications", get(status::notifications))
        .route("/features", get(features::features))
        .route("/status/tsdb", get(tsdb::tsdb))
        .layer(middleware::from_fn(cors::allow));
    Router::new()
        .nest("/api/v1", v1)
        .route(
            "/-/reload",
            post(lifecycle::reload)
                .put(lifecycle::reload)
                .get(lifecycle::wrong_method),
        )
        .merge(crate::page::router())
        .fallback(async || (StatusCode::NOT_FOUND, "404 page not found\n"))
        .with_state(api)
}
