//! Targets that the test itself plays: good ones, bad ones, and an Alertmanager that writes down what it is sent.
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::header,
    response::Redirect,
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;

use super::native;

const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];

/// A server on a free port, for as long as the test's runtime lives.
pub(crate) struct Pages {
    address: SocketAddr,
    seen: Arc<Seen>,
}

/// What the server was asked for, and sent.
#[derive(Default)]
struct Seen {
    /// How often each target was scraped.
    scrapes: Mutex<BTreeMap<usize, u64>>,
    /// Counts on, so that each page differs from the one before.
    total: AtomicU64,
    alerts: Mutex<Vec<Value>>,
}

impl Pages {
    /// Starts the server.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(Seen::default());
        let router = Router::new()
            .route("/t/{number}", get(page))
            .route("/known/{number}", get(known))
            .route("/native", get(native_page))
            .route("/wide/{number}", get(wide))
            .route("/garbage", get(async || (TEXT, "a 1\nthis is {no page\n")))
            .route("/endless", get(endless))
            .route("/never", get(std::future::pending::<()>))
            .route("/loop", get(async || Redirect::temporary("/loop")))
            .route("/api/v2/alerts", post(alerts))
            .with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// The alerts that were posted so far.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        self.seen.alerts.lock().unwrap().clone()
    }

    /// How often target `number` was scraped.
    pub(crate) fn scrapes(&self, number: usize) -> u64 {
        let scrapes = self.seen.scrapes.lock().unwrap();
        scrapes.get(&number).copied().unwrap_or_default()
    }

    /// [`Pages::config`] for targets whose values follow from their times.
    pub(crate) fn config_of_known(&self, n_targets: usize, interval: &str) -> String {
        self.config(n_targets, interval).replace("/t/", "/known/")
    }

    /// [`Pages::config`] for targets that take much room.
    pub(crate) fn config_of_wide(&self, n_targets: usize, interval: &str) -> String {
        self.config(n_targets, interval).replace("/t/", "/wide/")
    }

    /// A configuration that scrapes the targets from 0 up to `n_targets` as job "pages".
    pub(crate) fn config(&self, n_targets: usize, interval: &str) -> String {
        let mut text = format!(
            "global:\n  scrape_interval: {interval}\n  scrape_timeout: {interval}\n  evaluation_interval: 1s\n\
             scrape_configs:\n- job_name: pages\n  static_configs:\n"
        );
        for number in 0..n_targets {
            text.push_str(&format!(
                "  - targets: [{:?}]\n    labels: {{__metrics_path__: /t/{number}, number: \"{number}\"}}\n",
                self.address()
            ));
        }
        text
    }
}

/// A page of one native histogram, which counts on and once in a while begins anew.
async fn native_page(
    State(seen): State<Arc<Seen>>,
) -> ([(header::HeaderName, &'static str); 1], Vec<u8>) {
    let total = seen.total.fetch_add(1, Ordering::Relaxed);
    let kind = [(header::CONTENT_TYPE, native::CONTENT_TYPE)];
    (kind, native::page("native", total % 16))
}

async fn page(
    State(seen): State<Arc<Seen>>,
    Path(number): Path<usize>,
) -> ([(header::HeaderName, &'static str); 1], String) {
    *seen.scrapes.lock().unwrap().entry(number).or_default() += 1;
    let total = seen.total.fetch_add(1, Ordering::Relaxed);
    let page = format!(
        "# HELP pages_total Pages that were sent.\n# TYPE pages_total counter\npages_total {total}\n\
         # TYPE level gauge\nlevel{{of=\"half\"}} 0.5\nlevel{{of=\"number\"}} {number}\n"
    );
    (TEXT, page)
}

/// How many series a page of known values has.
const N_KNOWN: u64 = 25;
/// The grid of their times, in milliseconds.
const KNOWN_GRID: i64 = 100;

const N_WIDE: u64 = 5000;

/// What the series `place` of target `number` is at a time.
pub(crate) fn known_value(number: u64, place: u64, millis: i64) -> f64 {
    let mixed = (number << 56) ^ (place << 48) ^ millis as u64;
    // As many bits as a double has.
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 12) as f64
}

/// Values that follow from their times, which stand on every line.
async fn known(Path(number): Path<u64>) -> ([(header::HeaderName, &'static str); 1], String) {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.expect("the clock is past the epoch").as_millis() as i64;
    let millis = millis / KNOWN_GRID * KNOWN_GRID;
    let line = |place| {
        let value = known_value(number, place, millis);
        format!("known{{place=\"{place}\"}} {value} {millis}\n")
    };
    let lines: String = (0..N_KNOWN).map(line).collect();
    (TEXT, format!("# TYPE known gauge\n{lines}"))
}

/// Eight bytes for each of many series that do not compress.
async fn wide(Path(number): Path<u64>) -> ([(header::HeaderName, &'static str); 1], String) {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.expect("the clock is past the epoch").as_millis() as i64;
    let line = |place| {
        let value = known_value(number, place, millis);
        format!("wide{{place=\"{place}\"}} {value}\n")
    };
    let lines: String = (0..N_WIDE).map(line).collect();
    (TEXT, format!("# TYPE wide gauge\n{lines}"))
}

async fn endless() -> ([(header::HeaderName, &'static str); 1], Body) {
    let chunk = Bytes::from("endless{filler=\"0123456789\"} 1\n".repeat(1000));
    // A gigabyte: no reader that looks after itself gets there.
    let chunks = tokio_stream::iter(std::iter::repeat_n(chunk, 32_000));
    (TEXT, Body::from_stream(chunks.map(Ok::<_, std::io::Error>)))
}

async fn alerts(State(seen): State<Arc<Seen>>, Json(alerts): Json<Vec<Value>>) {
    seen.alerts.lock().unwrap().extend(alerts);
}
