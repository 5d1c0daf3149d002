//! HTTP and gRPC servers with the layers that every role wants.
use std::{io, time::Duration};

use axum::{error_handling::HandleErrorLayer, http::StatusCode};
use tokio_util::sync::CancellationToken;
use tower::{ServiceBuilder, limit::GlobalConcurrencyLimitLayer};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use tracing::Span;

use crate::{
    cut::Cut,
    net::{Incoming, Listener},
    trace::parent_of,
};

/// gRPC calls under way; more are refused with RESOURCE_EXHAUSTED.
const GRPC_CONCURRENCY: usize = 1024;
/// HTTP requests under way; more are refused with 503.
const HTTP_CONCURRENCY: usize = 1024;
/// How long a gRPC call may take to begin its answer; the longest query takes two minutes by default.
const GRPC_TIMEOUT: Duration = Duration::from_secs(300);
/// How often an open connection is probed.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How long calls under way may still take when the server ends.
const GRACE: Duration = Duration::from_millis(300);

/// Serves `router` until `stop`, then lets calls under way end.
///
/// Answers are compressed if the client takes it; a panic in a handler is a 500 for its caller alone; requests past
/// the limit are refused at once.
///
/// # Errors
/// If the listener breaks.
pub async fn serve_http(
    listener: Box<dyn Listener>,
    router: axum::Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let shed = HandleErrorLayer::new(async |error: tower::BoxError| {
        let busy = format!("too many requests are under way: {error}\n");
        (StatusCode::SERVICE_UNAVAILABLE, busy)
    });
    let layers = ServiceBuilder::new()
        .layer(shed)
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(HTTP_CONCURRENCY))
        .layer(CatchPanicLayer::new())
        .layer(CompressionLayer::new());
    axum::serve(Incoming(listener), router.layer(layers))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// Serves `routes` until `stop`; then calls under way may end, and streams that never do so by themselves are cut.
///
/// Each call runs in a span whose parent is the caller's; calls past the limit are shed.
///
/// # Errors
/// If the listener breaks.
pub async fn serve_grpc(
    listener: Box<dyn Listener>,
    routes: tonic::service::Routes,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    // Connections live in tasks of their own, which outlast the server unless they are cut.
    let cut = CancellationToken::new();
    let _cut_at_end = cut.clone().drop_guard();
    let incoming = futures::stream::unfold(listener, move |mut listener| {
        let cut = cut.clone();
        async move {
            let connection = Cut::new(listener.accept().await, cut);
            Some((Ok::<_, io::Error>(connection), listener))
        }
    });
    let server = tonic::transport::Server::builder()
        .trace_fn(span)
        .timeout(GRPC_TIMEOUT)
        .load_shed(true)
        .layer(GlobalConcurrencyLimitLayer::new(GRPC_CONCURRENCY))
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        served = server => served,
        () = overdue => Ok(()),
    }
}

/// The span of one call, a child of the caller's.
fn span(request: &http::Request<()>) -> Span {
    let span = tracing::info_span!("rpc", method = request.uri().path());
    parent_of(&span, request.headers());
    span
}
