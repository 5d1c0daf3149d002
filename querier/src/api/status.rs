//! `/status/…`: what there is to know of this server.
use std::sync::Arc;

use axum::extract::State;
use model::format_duration;

use super::{Api, Reply, times::rfc3339};

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
