//! Hosts whose pages are functions of time, so that every stored value can be judged.
use std::{fmt::Write as _, sync::Arc};

use axum::{Router, extract::State, http::header, routing::get};
use model::Timestamp;
use runtime::{Clock, Components, serve_http};
use tokio_util::sync::CancellationToken;

use crate::dice::mixed;

/// The metric that holds the exporter's time, in milliseconds of the run.
pub(crate) const CLOCK: &str = "exporter_clock_milliseconds";
/// A metric that the clock's value decides, and the label `part`.
pub(crate) const DERIVED: &str = "exporter_derived";
/// How many series [`DERIVED`] has.
pub(crate) const PARTS: u64 = 4;

/// The value of a part of [`DERIVED`] on the page whose clock showed `clock`.
pub(crate) fn derived(clock: u64, part: u64) -> f64 {
    (mixed(clock * PARTS + part) >> 12) as f64
}

/// The page at `clock`.
fn page(clock: u64) -> String {
    let mut page = format!("# TYPE {CLOCK} gauge\n{CLOCK} {clock}\n# TYPE {DERIVED} gauge\n");
    for part in 0..PARTS {
        let value = derived(clock, part);
        // Writing into a string cannot fail.
        let _ = writeln!(page, "{DERIVED}{{part=\"{part}\"}} {value}");
    }
    page
}

/// Serves pages for ever; clocks count from `epoch`.
pub(crate) async fn run(components: Components, epoch: Timestamp) -> turmoil::Result {
    let listener = components.network.listen("0.0.0.0:9100".to_owned()).await?;
    let show = move |State(clock): State<Arc<dyn Clock>>| async move {
        let clock = (clock.now() - epoch).as_millis().unsigned_abs();
        (
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
            page(clock),
        )
    };
    let router = Router::new()
        .route("/metrics", get(show))
        .with_state(components.clock);
    serve_http(listener, router, CancellationToken::new()).await?;
    Ok(())
}
