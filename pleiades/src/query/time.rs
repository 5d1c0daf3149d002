//! Times on the command line.
use anyhow::Context as _;
use chrono::{DateTime, Utc};

/// Start and end in seconds: the end is now by default, the start five minutes before.
pub(super) fn range(start: Option<&str>, end: Option<&str>) -> anyhow::Result<(f64, f64)> {
    let end = match end {
        Some(text) => seconds(text).context("error parsing end time")?,
        None => Utc::now().timestamp_millis() as f64 / 1000.0,
    };
    let start = match start {
        Some(text) => seconds(text).context("error parsing start time")?,
        None => end - 300.0,
    };
    Ok((start, end))
}

/// Seconds between 250 steps, at least one.
pub(super) fn default_step(start: f64, end: f64) -> f64 {
    ((end - start) / 250.0).floor().max(1.0)
}

fn seconds(text: &str) -> anyhow::Result<f64> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let at = DateTime::parse_from_rfc3339(text);
    let at = at.with_context(|| format!("cannot parse {text:?} to a valid timestamp"))?;
    Ok(at.timestamp_millis() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read() {
        assert_eq!(seconds("1.5").unwrap(), 1.5);
        assert_eq!(seconds("1970-01-01T00:01:00.5Z").unwrap(), 60.5);
        assert!(seconds("soon").is_err());
    }
}
