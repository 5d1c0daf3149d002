//! Work that blocks or computes runs off the reactor.

/// Where such work runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offload {
    /// On tokio's blocking threads.
    Threads,
    /// At once on the caller's thread: a simulation's order must not depend on threads.
    Inline,
}

impl Offload {
    /// Runs `work` and gives its result; a panic in it is passed on.
    pub async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> T {
        match self {
            Self::Inline => work(),
            Self::Threads => match tokio::task::spawn_blocking(work).await {
                Ok(result) => result,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime is shutting down: nobody waits for a result any more.
                    Err(_) => std::future::pending().await,
                },
            },
        }
    }
}
