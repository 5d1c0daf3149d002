//! What the tests share: targets to scrape, processes that end with their test, and questions over HTTP.
mod api;
mod cluster;
mod native;
mod pages;
mod process;

use std::{
    fmt::Debug,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{Mutex, MutexGuard};

pub(crate) use self::{
    api::{Api, Series},
    cluster::Cluster,
    pages::{Pages, known_value},
    process::{BINARY, Process, clean, free_address, has_ended, pleiades, without_privileges},
};

/// Held by the test that runs: clusters beside each other would only slow each other down.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Asks until an answer comes; the last reason why not is told if none comes within `limit`.
pub(crate) async fn until<T>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(why) if begun.elapsed() > limit => {
                panic!("waited {limit:?} in vain until {what}: {why}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// `Ok` if both are equal, otherwise what there is.
pub(crate) fn equal<T: PartialEq + Debug>(have: T, wanted: T) -> Result<(), String> {
    match have == wanted {
        true => Ok(()),
        false => Err(format!("{have:?} in place of {wanted:?}")),
    }
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is past the epoch").as_millis() as f64 / 1000.0
}
