//! A small page for people: an expression as table or graph, targets, rules, alerts, status.
use std::sync::Arc;

use axum::{Router, response::Html, routing::get};

use crate::api::Api;

/// The page, which asks the HTTP API for everything that it shows.
const PAGE: &str = include_str!("page.html");

/// The paths under which the page stands; it shows the part that its path names.
pub(crate) fn router() -> Router<Arc<Api>> {
    let paths = [
        "/", "/graph", "/query", "/targets", "/rules", "/alerts", "/status",
    ];
    paths.into_iter().fold(Router::new(), |router, path| {
        router.route(path, get(async || Html(PAGE)))
    })
}
