//! Times as Go's JSON writes them: RFC 3339 in UTC.
use chrono::{DateTime, SecondsFormat};
use model::Timestamp;

/// `2023-11-14T22:13:20.125Z`; zero milliseconds mean never, which Go writes as year 1.
pub(super) fn rfc3339(at: Timestamp) -> String {
    match (
        at.as_millis(),
        DateTime::from_timestamp_millis(at.as_millis()),
    ) {
        (0, _) | (_, None) => "0001-01-01T00:00:00Z".to_owned(),
        (_, Some(time)) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc_and_never_is_year_one() {
        let text = |millis| rfc3339(Timestamp::from_millis(millis));
        assert_eq!(text(1_700_000_000_125), "2023-11-14T22:13:20.125Z");
        assert_eq!(text(1_700_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(text(0), "0001-01-01T00:00:00Z");
    }
}
