//! HTTP and gRPC servers with the layers that every role wants.
use std::{io, time::Duration};

use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use tracing::Span;

use crate::{
    net::{Incoming, Listener},
    trace::parent_of,
};

/// gRPC calls under way; more are refused with RESOURCE_EXHAUSTED.
const GRPC_CONCURRENCY: usize = 1024;
/// How often an open connection is probed.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Serves `router` until `stop`, then lets calls under way end.
///
/// Answers are compressed if the client takes it; a panic in a handler is a 500 for its caller alone.
///
/// # Errors
/// If the listener breaks.
pub async fn serve_http(
    listener: Box<dyn Listener>,
    router: axum::Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let layers = ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(CompressionLayer::new());
    axum::serve(Incoming(listener), router.layer(layers))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// Serves `routes` until `stop`; then streams that never end by themselves are cut.
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
    let incoming = futures::stream::unfold(listener, |mut listener| async move {
        let connection = listener.accept().await;
        Some((Ok::<_, io::Error>(connection), listener))
    });
    let server = tonic::transport::Server::builder()
        .trace_fn(span)
        .load_shed(true)
        .layer(tower::limit::GlobalConcurrencyLimitLayer::new(
            GRPC_CONCURRENCY,
        ))
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .add_routes(routes)
        .serve_with_incoming(incoming);
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(()),
        served = server => served,
    }
}

/// The span of one call, a child of the caller's.
fn span(request: &http::Request<()>) -> Span {
    let span = tracing::info_span!("rpc", method = request.uri().path());
    parent_of(&span, request.headers());
    span
}
