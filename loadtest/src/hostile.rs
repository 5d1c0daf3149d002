//! Targets that no scraper may suffer from: each path is one way of being bad.
mod bomb;

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use axum::{
    Router,
    body::Body,
    extract::{Path, Query},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{StatusCode, header};
use tokio::net::TcpListener;

use crate::{say, told_to_end};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Where a body that never ends ends after all.
const ENDLESS_BYTES: usize = 10 << 30;

/// Where to listen.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// With port 0 any free one is taken. / lists the paths.
    #[arg(long, default_value = "127.0.0.1:9500")]
    pub listen: SocketAddr,
}

/// Plays the targets until the process is told to end.
///
/// # Errors
/// If the address cannot be had.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listen on {}", args.listen))?;
    say(&format!("listening on {}", listener.local_addr()?));
    tokio::select! {
        served = async { axum::serve(listener, router()).await } => served.context("serve"),
        told = told_to_end() => told.context("watch for signals"),
    }
}

/// Every path with what it answers.
const PATHS: &str = "\
/good            a small good page
/never           takes the request and never answers
/slow            a good page at one line in ?millis=1000
/endless         a good page of 10 GB
/gzip-bomb       the same in a few MB of gzip
/broken          begins well, then the connection breaks
/garbage         a megabyte of random bytes, ?bytes=N
/huge-labels     label values of ?bytes=1048576 in one series, ?labels=4 of them
/bad-line        good lines and then one that is none
/duplicate       the same series twice with different values
/duplicate-label a label name twice in one series
/no-type         a good page without Content-Type
/wrong-type      a page of HTML that says so
/redirect        sends to /good
/redirect-loop   sends to itself
/status/CODE     that status, with a good page
";

/// The paths, for a server in a test of its own.
pub fn router() -> Router {
    let text = |page: &'static str| get(async move || ([(header::CONTENT_TYPE, TEXT)], page));
    Router::new()
        .route("/", get(async || PATHS))
        .route("/good", text(GOOD))
        .route("/never", get(std::future::pending::<()>))
        .route("/slow", get(slow))
        .route("/endless", get(async || streamed(endless())))
        .route("/gzip-bomb", get(gzip_bomb))
        .route("/broken", get(broken))
        .route("/garbage", get(garbage))
        .route("/huge-labels", get(huge_labels))
        .route("/bad-line", text("a 1\nb 2\nc{d=\"e\" 3\n"))
        .route("/duplicate", text("a{b=\"c\"} 1\na{b=\"c\"} 2\n"))
        .route("/duplicate-label", text("a{b=\"c\",b=\"d\"} 1\n"))
        .route("/no-type", get(async || Body::from(GOOD).into_response()))
        .route(
            "/wrong-type",
            get(async || axum::response::Html("<html>metrics</html>")),
        )
        .route("/redirect", get(async || Redirect::temporary("/good")))
        .route(
            "/redirect-loop",
            get(async || Redirect::temporary("/redirect-loop")),
        )
        .route("/status/{code}", get(status))
}

const GOOD: &str = "# TYPE good_total counter\ngood_total{a=\"b\"} 1\ngood_total{a=\"c\"} 2\n";

fn streamed(
    chunks: impl stream::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
) -> Response {
    ([(header::CONTENT_TYPE, TEXT)], Body::from_stream(chunks)).into_response()
}

/// A chunk of good lines over and over: the series come again, which no scraper sees before it has read them.
fn endless() -> impl stream::Stream<Item = Result<Bytes, std::io::Error>> {
    let lines: String = (0..1024)
        .map(|i| format!("endless{{series=\"{i}\",filler=\"{:0>64}\"}} {i}\n", i))
        .collect();
    let chunk = Bytes::from(lines);
    let n_chunks = ENDLESS_BYTES / chunk.len();
    stream::repeat(chunk).take(n_chunks).map(Ok)
}

async fn gzip_bomb() -> Response {
    let headers = [
        (header::CONTENT_TYPE, TEXT),
        (header::CONTENT_ENCODING, "gzip"),
    ];
    let chunks = stream::iter(bomb::gzip(ENDLESS_BYTES).map(Ok::<_, Infallible>));
    (headers, Body::from_stream(chunks)).into_response()
}

async fn slow(Query(query): Query<Millis>) -> Response {
    let lines = stream::unfold(0, move |i| async move {
        tokio::time::sleep(Duration::from_millis(query.millis)).await;
        Some((
            Ok(Bytes::from(format!("slow{{line=\"{i}\"}} {i}\n"))),
            i + 1,
        ))
    });
    streamed(lines)
}

async fn broken() -> Response {
    let good = stream::repeat(Bytes::from_static(GOOD.as_bytes()))
        .take(100)
        .map(Ok);
    let end = stream::once(async { Err(std::io::Error::other("this page ends here")) });
    streamed(good.chain(end))
}

async fn garbage(Query(query): Query<Size>) -> impl IntoResponse {
    let words = (0..query.bytes / 8 + 1).map(|i| xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes()));
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(query.bytes);
    ([(header::CONTENT_TYPE, TEXT)], bytes)
}

async fn huge_labels(Query(query): Query<Size>) -> impl IntoResponse {
    let mut page = "huge{".to_owned();
    for i in 0..query.labels {
        page += &format!("l{i}=\"");
        page.extend(std::iter::repeat_n('x', query.bytes));
        page += "\",";
    }
    page += "} 1\n";
    ([(header::CONTENT_TYPE, TEXT)], page)
}

async fn status(Path(code): Path<u16>) -> Response {
    match StatusCode::from_u16(code) {
        Ok(code) => (code, [(header::CONTENT_TYPE, TEXT)], GOOD).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Millis {
    millis: u64,
}

impl Default for Millis {
    fn default() -> Self {
        Self { millis: 1000 }
    }
}

#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Size {
    bytes: usize,
    labels: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            labels: 4,
        }
    }
}
