//! What was generated of kinds that cannot be seen any more.
use std::collections::BTreeMap;

use config::{GENERATED_JOBS, GENERATED_RULES};
use serde_json::{Map, Value};

use crate::{
    generate::{Generated, written},
    object::Kind,
};

impl Generated {
    /// Takes over what `held`, generated earlier, has of `kinds`: that we may not see their objects now does not mean that
    /// they are gone.
    pub fn keep(&mut self, held: &BTreeMap<String, String>, kinds: &[Kind]) {
        if kinds.contains(&Kind::PrometheusRule) {
            let rules = held.iter().filter(|(n, _)| n.starts_with(GENERATED_RULES));
            let rules = rules.map(|(name, text)| (name.clone(), text.clone()));
            self.files.extend(rules);
        }
        let kept = jobs(held);
        let mut kept = kept.filter(|job| kinds.iter().any(|kind| is_of(job, *kind)));
        let Some(first) = kept.next() else {
            return;
        };
        let mut all: Vec<_> = jobs(&self.files).chain([first]).chain(kept).collect();
        // Each kind in its place, as if it could be seen.
        all.sort_by_key(|job| Kind::ALL.iter().position(|kind| is_of(job, *kind)));
        self.files.insert(GENERATED_JOBS.to_owned(), written(&all));
    }
}

/// The jobs among `files`.
fn jobs(files: &BTreeMap<String, String>) -> impl Iterator<Item = Map<String, Value>> {
    let file = files.get(GENERATED_JOBS);
    // We wrote it ourselves.
    let read = file.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let jobs = read.and_then(|mut read| match read["scrape_configs"].take() {
        Value::Array(jobs) => Some(jobs),
        _ => None,
    });
    let jobs = jobs.unwrap_or_default().into_iter();
    jobs.filter_map(|job| match job {
        Value::Object(job) => Some(job),
        _ => None,
    })
}

fn is_of(job: &Map<String, Value>, kind: Kind) -> bool {
    let name = job.get("job_name").and_then(Value::as_str);
    let rest = name.and_then(|name| name.strip_prefix(kind.stem()));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn files(names: &[&str], rules: &[&str]) -> BTreeMap<String, String> {
        let job = |name: &&str| Map::from_iter([("job_name".to_owned(), json!(name))]);
        let jobs: Vec<_> = names.iter().map(job).collect();
        let rules = rules.iter();
        let mut files: BTreeMap<_, _> = rules
            .map(|name| (format!("{GENERATED_RULES}{name}"), (*name).to_owned()))
            .collect();
        if !jobs.is_empty() {
            files.insert(GENERATED_JOBS.to_owned(), written(&jobs));
        }
        files
    }

    #[test]
    fn what_cannot_be_seen_stays_in_its_place_and_the_rest_is_new() {
        let held = files(
            &["serviceMonitor/a/b/0", "podMonitor/a/b/0", "probe/a/b"],
            &["old"],
        );
        let mut generated = Generated {
            files: files(&["serviceMonitor/a/c/0", "scrapeConfig/a/b"], &[]),
            ..Generated::default()
        };
        generated.keep(&held, &[Kind::PodMonitor, Kind::PrometheusRule]);
        let names = [
            "serviceMonitor/a/c/0",
            "podMonitor/a/b/0",
            "scrapeConfig/a/b",
        ];
        assert_eq!(generated.files, files(&names, &["old"]));

        let mut nothing = Generated::default();
        nothing.keep(&held, &[Kind::ScrapeConfig]);
        assert!(nothing.files.is_empty());
        nothing.keep(&held, &Kind::ALL);
        assert_eq!(nothing.files, held);
    }
}
