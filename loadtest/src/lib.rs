//! What tests and benches put around a monitoring system: targets to scrape, good and hostile ones, and a judge
//! that compares the answers of two systems bit for bit.
//!
//! ```text
//! fleet    T targets of S series, a pure function of (seed, target, time)  -> scraped by anything
//! hostile  answers that never come, never end, or lie                      -> must harm that target alone
//! soak     a server under churn                                           -> its memory, minute by minute
//! compare  the same queries to two Prometheus APIs                         -> differences
//! bench    the same work to several systems, in turn                       -> what it cost each
//! ```

pub mod bench;
pub mod compare;
pub mod fleet;
pub mod hostile;
pub mod soak;

use std::io::{self, Write as _};

/// Writes a line for whoever started the program; a reader that has gone is no error.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Ends when the process is told to.
///
/// # Errors
/// If signals cannot be watched.
async fn told_to_end() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        ended = tokio::signal::ctrl_c() => ended,
    }
}

/// Reads a duration as Prometheus writes it, for clap.
fn duration(text: &str) -> Result<model::Millis, model::DurationError> {
    model::parse_duration(text)
}
