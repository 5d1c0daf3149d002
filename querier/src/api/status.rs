//! `/status/…`: what there is to know of this server.
use std::sync::Arc;

use axum::extract::State;
use model::{TimeRange, format_duration};
use proto::v1;

use super::{Answered, Api, ApiError, Params, Reply, times::rfc3339};
use crate::fanout::{AskError, Ingester};

/// The version of Prometheus whose API this is: clients decide by it what they may ask for.
const PROMETHEUS_VERSION: &str = "3.14.0";

/// `/api/v1/status/buildinfo`; without `features`, which Grafana takes for the sign of another product.
pub(super) async fn build_info() -> Reply {
    Reply::of(|json| {
        json.object(|fields| {
            fields
                .string("version", PROMETHEUS_VERSION)
                .string("revision", concat!("pleiades-", env!("CARGO_PKG_VERSION")))
                .string("branch", "")
                .string("buildUser", "")
                .string("buildDate", "")
                .string("goVersion", "");
        });
    })
}

/// `/api/v1/status/config`
pub(super) async fn config(State(api): State<Arc<Api>>) -> Reply {
    let configuration = api.engine.configuration();
    Reply::of(|json| {
        json.object(|fields| {
            fields.string("yaml", &configuration.shown);
        });
    })
}

/// `/api/v1/status/flags`
pub(super) async fn flags(State(api): State<Arc<Api>>) -> Reply {
    let settings = &api.settings;
    let query = &settings.query;
    let flags = [
        ("discoverers", settings.discoverers.join(",")),
        ("grpc.listen-address", settings.grpc.clone()),
        ("id", settings.identity.id.clone()),
        (
            "query.lookback-delta",
            format_duration(query.lookback_delta),
        ),
        ("query.max-concurrency", query.max_concurrency.to_string()),
        ("query.max-samples", query.max_samples.to_string()),
        ("query.timeout", format_duration(query.timeout.into())),
        (
            "web.enable-lifecycle",
            settings.enable_lifecycle.to_string(),
        ),
        (
            "web.enable-remote-write-receiver",
            settings.enable_remote_write_receiver.to_string(),
        ),
        ("web.listen-address", settings.http.clone()),
    ];
    Reply::of(|json| {
        json.object(|fields| {
            for (name, value) in flags {
                fields.string(name, &value);
            }
        });
    })
}

/// `/api/v1/status/runtimeinfo`
pub(super) async fn runtime_info(State(api): State<Arc<Api>>) -> Reply {
    let now = api.engine.components.clock.now();
    let configuration = api.engine.configuration();
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    Reply::of(|json| {
        json.object(|fields| {
            fields
                .string("startTime", &rfc3339(api.started))
                .string("CWD", "/")
                .string("hostname", &api.settings.identity.id)
                .string("serverTime", &rfc3339(now));
            fields
                .key("reloadConfigSuccess")
                .boolean(configuration.is_read);
            fields
                .string("lastConfigTime", &rfc3339(configuration.taken))
                .integer("corruptionCount", 0)
                .integer("goroutineCount", 0)
                .integer("GOMAXPROCS", n_threads as i64)
                .integer("GOMEMLIMIT", 0)
                .string("GOGC", "")
                .string("GODEBUG", "")
                .string("storageRetention", "");
        });
    })
}

/// `/api/v1/status/tsdb`: the head's figures over all ingesters, each series counted once.
pub(super) async fn tsdb(State(api): State<Arc<Api>>, params: Params) -> Answered {
    match params.get("limit") {
        "" => {}
        text => match text.parse::<i64>() {
            Ok(1..=10_000) => {}
            Ok(10_001..) => return Err(ApiError::bad_data("limit must not exceed 10000")),
            _ => return Err(ApiError::bad_data("limit must be a positive number")),
        },
    }
    let ask = |mut ingester: Ingester| async move {
        let answer = ingester.stats(v1::StatsRequest {}).await?;
        Ok::<_, AskError>(answer.into_inner())
    };
    let now = api.engine.components.clock.now();
    let asked = api.ask(TimeRange::at(now), ask).await?;
    let warning = asked.warning();
    let stats = || asked.answers.iter().map(|(_, stats)| stats);
    let n_held: u64 = stats().map(|s| s.n_series).sum();
    let copies = api.engine.cluster()?.replication_factor.max(1);
    let copies = copies.min(asked.answers.len().max(1)) as u64;
    let filled = || stats().filter(|s| s.n_series > 0);
    let reply = Reply::of(|json| {
        json.object(|fields| {
            fields.key("headStats").object(|fields| {
                fields
                    .integer("numSeries", (n_held / copies) as i64)
                    .integer("numLabelPairs", 0)
                    .integer("chunkCount", 0)
                    .integer(
                        "minTime",
                        filled().map(|s| s.min_time_millis).min().unwrap_or(0),
                    )
                    .integer(
                        "maxTime",
                        filled().map(|s| s.max_time_millis).max().unwrap_or(0),
                    );
            });
            for list in [
                "seriesCountByMetricName",
                "labelValueCountByLabelName",
                "memoryInBytesByLabelName",
                "seriesCountByLabelValuePair",
            ] {
                fields.key(list).raw("[]");
            }
        });
    });
    Ok(reply.with_warnings(warning))
}

/// `/api/v1/status/walreplay`: a querier has nothing to replay, so it has always replayed all.
pub(super) async fn wal_replay() -> Reply {
    Reply::of(|json| {
        json.object(|fields| {
            fields
                .integer("min", 0)
                .integer("max", 0)
                .integer("current", 0);
        });
    })
}

/// `/api/v1/notifications`: there is nothing that people must be told on every page.
pub(super) async fn notifications() -> Reply {
    Reply::of(|json| json.raw("[]"))
}
