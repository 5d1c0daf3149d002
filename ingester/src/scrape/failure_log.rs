//! `scrape_failure_log_file`: a line of JSON for each scrape that brought no page.
use std::{fs::File, io::Write as _, path::PathBuf, sync::Arc};

use chrono::{DateTime, SecondsFormat};
use model::Timestamp;
use parking_lot::Mutex;
use serde_json::json;
use tracing::warn;

/// Where the failures of one job go. Clones share the file, which is opened when something is to be written; jobs may name
/// one file, since each line is written at once behind all others.
#[derive(Clone, Debug)]
pub(crate) struct FailureLog {
    path: PathBuf,
    job: String,
    file: Arc<Mutex<Option<File>>>,
}

impl FailureLog {
    /// The log at `path`; none if that is empty.
    pub(crate) fn new(path: &str, job: &str) -> Option<Self> {
        (!path.is_empty()).then(|| Self {
            path: path.into(),
            job: job.to_owned(),
            file: Arc::default(),
        })
    }

    /// Writes that the scrape of `target` failed, as Prometheus does. Waits for the disk.
    pub(crate) fn write(&self, at: Timestamp, target: &str, error: &str) {
        let time = DateTime::from_timestamp_millis(at.as_millis()).unwrap_or_default();
        let line = json!({
            "time": time.to_rfc3339_opts(SecondsFormat::Millis, true),
            "level": "ERROR",
            "msg": error,
            "job_name": self.job,
            "target": target,
        });
        let mut file = self.file.lock();
        let written = match &mut *file {
            Some(file) => put(file, &line),
            None => File::options()
                .append(true)
                .create(true)
                .open(&self.path)
                .and_then(|opened| put(file.insert(opened), &line)),
        };
        if let Err(error) = written {
            // It is opened anew with the next failure.
            *file = None;
            let path = self.path.display();
            warn!(%path, %error, "a failed scrape cannot be logged");
        }
    }
}

fn put(file: &mut File, line: &serde_json::Value) -> std::io::Result<()> {
    file.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_lines_behind_those_before() {
        let folder = std::env::temp_dir().join(format!("failure-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("failures.log");
        assert!(FailureLog::new("", "node").is_none());
        for job in ["node", "etcd"] {
            let log = FailureLog::new(path.to_str().unwrap(), job).unwrap();
            log.write(
                Timestamp::from_millis(1500),
                "http://a:1/metrics",
                "x \"y\"",
            );
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(serde_json::from_str::<serde_json::Value>);
        let lines: Vec<_> = lines.map(Result::unwrap).collect();
        assert_eq!(lines.len(), 2);
        let expected = json!({
            "time": "1970-01-01T00:00:01.500Z",
            "level": "ERROR",
            "msg": "x \"y\"",
            "job_name": "etcd",
            "target": "http://a:1/metrics",
        });
        assert_eq!(lines[1], expected);
        // Where no file can be, nothing but a warning comes of it.
        let nowhere = FailureLog::new(folder.to_str().unwrap(), "node").unwrap();
        nowhere.write(Timestamp::from_millis(0), "t", "x");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
