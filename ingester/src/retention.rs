//! What the configuration says of storage: how much is kept, which flags may say too, and how late a sample may come.
use model::Millis;
use tracing::{info, warn};
use tsdb::Retention;

use crate::shared::Shared;

/// What is kept: where the configuration says something, it goes before the flags, as in Prometheus.
fn kept(flags: Retention, configured: &config::Retention) -> Retention {
    let size = u64::try_from(configured.size.0).unwrap_or_default();
    let time = Some(configured.time).filter(|time| *time > Millis::ZERO);
    Retention {
        time: time.or(flags.time),
        bytes: Some(size).filter(|size| *size > 0).or(flags.bytes),
    }
}

/// Makes the database keep what `flags` and the configuration say, and take what may come late.
pub(crate) fn configure(shared: &Shared, flags: Retention, configured: &config::Storage) {
    let (db, window) = (&shared.db, configured.out_of_order_time_window);
    db.set_out_of_order_window(window);
    if configured.retention.percentage > 0.0 {
        warn!("storage.tsdb.retention.percentage is not supported and left out");
    }
    set(shared, kept(flags, &configured.retention));
}

/// Makes the database keep so much.
pub(crate) fn set(shared: &Shared, retention: Retention) {
    if retention != shared.db.retention() {
        info!(time = ?retention.time, bytes = ?retention.bytes, "retention has changed");
        shared.db.set_retention(retention);
    }
    shared.metrics.retains(retention);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_goes_before_the_flags_where_it_says_something() {
        let flags = Retention {
            time: Some(Millis::from_seconds(10)),
            bytes: None,
        };
        let said = |time, size| config::Retention {
            time: Millis::from_seconds(time),
            size: config::Bytes(size),
            percentage: 0.0,
        };
        assert_eq!(kept(flags, &said(0, 0)), flags);
        let both = Retention {
            time: Some(Millis::from_seconds(7)),
            bytes: Some(9),
        };
        assert_eq!(kept(flags, &said(7, 9)), both);
    }
}
