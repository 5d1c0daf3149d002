//! SIGTERM and Ctrl-C.
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first SIGTERM or Ctrl-C.
pub(crate) async fn on_signal(stop: CancellationToken) {
    let term = async {
        match signal(SignalKind::terminate()) {
            Ok(mut term) => drop(term.recv().await),
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be heard");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = term => {}
        // An error means that Ctrl-C cannot be heard; SIGTERM still can.
        Ok(()) = tokio::signal::ctrl_c() => {}
    }
    stop.cancel();
}
