//! What a configuration leaves unsaid, said.
use std::collections::BTreeMap;

use model::format_duration;

use crate::{
    Config, ScrapeJob,
    yaml::{Key, Node, Place, Value},
};

/// `root`, a main file, with the defaults of `global` and of its jobs, and with external labels as they are sent.
pub(super) fn filled(mut root: Node, config: &Config) -> Node {
    if matches!(root.value, Value::Null) {
        root.value = Value::Mapping(Vec::new());
    }
    let global = &config.global;
    let Some(section) = section(&mut root, "global") else {
        return root;
    };
    fill(
        section,
        "scrape_interval",
        &format_duration(global.scrape_interval),
    );
    fill(
        section,
        "scrape_timeout",
        &format_duration(global.scrape_timeout),
    );
    fill(
        section,
        "evaluation_interval",
        &format_duration(global.evaluation_interval),
    );
    let labels = global.external_labels.iter();
    let labels: Vec<_> = labels
        .map(|(name, value)| (key(name), text(value)))
        .collect();
    if !labels.is_empty() {
        set(section, "external_labels", node(Value::Mapping(labels)));
    }
    if let Some(Node {
        value: Value::Sequence(jobs),
        ..
    }) = get(&mut root, "scrape_configs")
    {
        let known = config.jobs.iter().map(|job| (job.name.as_str(), job));
        let known: BTreeMap<&str, &ScrapeJob> = known.collect();
        for job in jobs {
            let name = match get(job, "job_name").map(|name| &name.value) {
                Some(Value::Scalar { text, .. }) => text.clone(),
                _ => continue,
            };
            if let Some(known) = known.get(name.as_str()) {
                fill_job(job, known);
            }
        }
    }
    root
}

/// `root` with `jobs` behind those that it has.
pub(super) fn with_jobs(mut root: Node, jobs: Vec<Node>) -> Node {
    if jobs.is_empty() {
        return root;
    }
    if matches!(root.value, Value::Null) {
        root.value = Value::Mapping(Vec::new());
    }
    if get(&mut root, "scrape_configs").is_none() {
        set(
            &mut root,
            "scrape_configs",
            node(Value::Sequence(Vec::new())),
        );
    }
    if let Some(Node {
        value: Value::Sequence(held),
        ..
    }) = get(&mut root, "scrape_configs")
    {
        held.extend(jobs);
    }
    root
}

fn fill_job(section: &mut Node, job: &ScrapeJob) {
    fill(
        section,
        "honor_timestamps",
        &job.honor_timestamps.to_string(),
    );
    fill(
        section,
        "track_timestamps_staleness",
        &job.track_timestamps_staleness.to_string(),
    );
    fill(section, "scrape_interval", &format_duration(job.interval));
    fill(section, "scrape_timeout", &format_duration(job.timeout));
    if get(section, "scrape_protocols").is_none() {
        let protocols = job.protocols.iter().map(|protocol| text(protocol.as_str()));
        set(
            section,
            "scrape_protocols",
            node(Value::Sequence(protocols.collect())),
        );
    }
    fill(section, "metrics_path", &job.metrics_path);
    fill(section, "scheme", &job.scheme);
    fill(
        section,
        "enable_compression",
        &job.enable_compression.to_string(),
    );
    fill(
        section,
        "follow_redirects",
        &job.http.follow_redirects.to_string(),
    );
    fill(section, "enable_http2", &job.http.enable_http2.to_string());
}

/// The value of field `name`, if it is there and not null.
fn get<'n>(section: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    let Value::Mapping(pairs) = &mut section.value else {
        return None;
    };
    let mut values = pairs.iter_mut();
    let value = values.find_map(|(key, value)| (key.text == name).then_some(value))?;
    (!matches!(value.value, Value::Null)).then_some(value)
}

/// Writes field `name`, in the place where it stood, or last.
fn set(section: &mut Node, name: &str, value: Node) {
    if let Value::Mapping(pairs) = &mut section.value {
        match pairs.iter_mut().find(|(key, _)| key.text == name) {
            Some((_, known)) => *known = value,
            None => pairs.push((key(name), value)),
        }
    }
}

/// Writes field `name` if it is absent or null.
fn fill(section: &mut Node, name: &str, value: &str) {
    if get(section, name).is_none() {
        set(section, name, text(value));
    }
}

/// The section `name`; a new one is put first.
fn section<'n>(root: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    let empty = node(Value::Mapping(Vec::new()));
    if get(root, name).is_none()
        && let Value::Mapping(pairs) = &mut root.value
    {
        pairs.retain(|(key, _)| key.text != name);
        pairs.insert(0, (key(name), empty));
    }
    get(root, name)
}

fn key(name: &str) -> Key {
    Key {
        text: name.to_owned(),
        line: 0,
    }
}

fn text(value: &str) -> Node {
    node(Value::Scalar {
        text: value.to_owned(),
        plain: matches!(value, "true" | "false"),
    })
}

fn node(value: Value) -> Node {
    Node {
        place: Place::default(),
        value,
    }
}
