//! Targets written in files that are watched.
//!
//! Source: `discovery/file/file.go` in Prometheus.
use std::{collections::BTreeMap, fs, io, time::Duration, time::SystemTime};

use config::{FileDiscovery, TargetGroup, parse_target_groups};
use runtime::{Chain, Offload};
use tracing::error;

use super::{Metrics, provider::Publish};

/// The label with the file's path.
const FILE_PATH: &str = "__meta_filepath";
/// How often the files are looked at: Prometheus is told by the kernel, which works on every file system but the
/// mounted ones that matter.
const POLL: Duration = Duration::from_secs(2);

/// Reads the files again and again, and tells their groups.
pub(crate) async fn run(discovery: FileDiscovery, offload: Offload, publish: Publish) {
    let pause = POLL.min(discovery.refresh_interval.to_std());
    let mut files = Files::default();
    loop {
        let paths = discovery.clone();
        let told = publish.clone();
        files = offload
            .run(move || files.read(&paths.paths(), told.metrics()))
            .await;
        publish.groups(files.groups());
        tokio::time::sleep(pause).await;
    }
}

/// What the files held last.
#[derive(Default)]
struct Files(BTreeMap<String, Held>);

struct Held {
    stamp: Option<Stamp>,
    groups: Vec<TargetGroup>,
}

/// Changes when the file does.
type Stamp = (SystemTime, u64);

#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("read the file")]
    Read(#[from] io::Error),
    #[error("parse the file")]
    Parse(#[from] config::Error),
}

impl Files {
    /// What the files at `paths` hold now; a file that cannot be read or understood keeps its last groups.
    fn read(mut self, paths: &[String], metrics: &Metrics) -> Self {
        let mut now = BTreeMap::new();
        for path in paths {
            let stamp = stamp(path);
            let held = match self.0.remove(path) {
                Some(held) if held.stamp == stamp && stamp.is_some() => held,
                before => {
                    let groups = groups(path).unwrap_or_else(|failed| {
                        error!(%path, error = %Chain(&failed), "a file of targets is unusable");
                        metrics.file_failed();
                        before.map(|held| held.groups).unwrap_or_default()
                    });
                    Held { stamp, groups }
                }
            };
            now.insert(path.clone(), held);
        }
        Self(now)
    }

    fn groups(&self) -> Vec<TargetGroup> {
        let groups = self.0.values().flat_map(|held| &held.groups);
        groups.cloned().collect()
    }
}

fn stamp(path: &str) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn groups(path: &str) -> Result<Vec<TargetGroup>, FileError> {
    let text = fs::read_to_string(path)?;
    let groups = parse_target_groups(&text)?;
    let named = groups
        .into_iter()
        .enumerate()
        .map(|(i, group)| TargetGroup {
            source: format!("{path}:{i}"),
            labels: group.labels.with(FILE_PATH, path),
            ..group
        });
    Ok(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(files: &Files) -> Vec<String> {
        let groups = files.groups();
        let targets = groups.iter().flat_map(|group| &group.targets);
        targets.map(|t| t.value("__address__").to_owned()).collect()
    }

    #[test]
    fn a_broken_file_keeps_its_targets_and_a_removed_one_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let paths = [path("a.json"), path("b.yml")];
        fs::write(&paths[0], r#"[{"targets": ["a:1"], "labels": {"x": "y"}}]"#).unwrap();
        fs::write(&paths[1], "- targets: [b:1, b:2]").unwrap();
        let files = Files::default().read(&paths, &Metrics::default());
        assert_eq!(addresses(&files), ["a:1", "b:1", "b:2"]);
        let first = &files.groups()[0];
        assert_eq!(first.source, format!("{}:0", paths[0]));
        assert_eq!(first.labels.value(FILE_PATH), paths[0]);

        fs::write(&paths[0], "[{").unwrap();
        let files = files.read(&paths, &Metrics::default());
        assert_eq!(addresses(&files), ["a:1", "b:1", "b:2"]);

        fs::write(&paths[0], "[]").unwrap();
        let files = files.read(&paths[..1], &Metrics::default());
        assert_eq!(addresses(&files), Vec::<String>::new());
    }
}
