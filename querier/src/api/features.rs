//! `/features`: what this server can do, for interfaces that ask before they offer it.
//!
//! Source: Prometheus, `util/features` and `promql/parser/features.go`.
use std::sync::Arc;

use axum::extract::State;
use promql::{
    ast::{AggregateOp, BinaryOp},
    functions::FUNCTIONS,
};

use super::{Api, Reply};

/// What the HTTP API has; Prometheus names more that it may have.
const API: [&str; 6] = [
    "exclude_alerts",
    "label_values_match",
    "query_stats",
    "query_warnings",
    "time_range_labels",
    "time_range_series",
];
/// The words of PromQL that are always understood.
const KEYWORDS: [&str; 8] = [
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "offset",
    "on",
    "without",
];

/// `/api/v1/features`
pub(super) async fn features(State(api): State<Arc<Api>>) -> Reply {
    let language = api.settings.query.language;
    let all = |names: &[&'static str]| names.iter().map(|name| (*name, true)).collect::<Vec<_>>();
    let mut of_api = all(&API);
    of_api.extend([
        ("admin", false),
        ("lifecycle", api.settings.enable_lifecycle),
        (
            "remote_write_receiver",
            api.settings.enable_remote_write_receiver,
        ),
    ]);
    let mut keywords = all(&KEYWORDS);
    for name in ["anchored", "smoothed"] {
        keywords.push((name, language.extended_ranges));
    }
    for name in ["fill", "fill_left", "fill_right"] {
        keywords.push((name, language.fill_modifiers));
    }
    let may = |is_experimental: bool| !is_experimental || language.experimental_functions;
    let mut operators = all(&["=~", "!~", "@"]);
    operators.extend(BinaryOp::ALL.map(|op| (op.as_str(), true)));
    operators.extend(AggregateOp::ALL.map(|op| (op.as_str(), may(op.is_experimental()))));
    let functions = FUNCTIONS.iter().map(|f| (f.name, may(f.experimental)));
    let categories = [
        ("api", of_api),
        ("promql", keywords),
        ("promql_functions", functions.collect()),
        ("promql_operators", operators),
    ];
    Reply::of(|json| {
        json.object(|fields| {
            for (category, mut features) in categories {
                features.sort_unstable();
                fields.key(category).object(|fields| {
                    for (name, is_on) in features {
                        fields.key(name).boolean(is_on);
                    }
                });
            }
        });
    })
}
