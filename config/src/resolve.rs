//! From what discovery found to what is scraped.
//!
//! ```text
//! target labels + group labels + job's defaults -> discovered labels -> relabelling -> checks -> target
//! ```
//!
//! Source: `PopulateLabels` in Prometheus, `scrape/target.go`, and `AlertmanagerFromGroup` in `notifier/alertmanager.go`.
mod described;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use model::{
    INSTANCE_LABEL, JOB_LABEL, Labels, LabelsBuilder, Millis, OwnSettings, Target, TargetSettings,
    format_duration, parse_duration, relabel,
};

use crate::{Alertmanagers, ScrapeJob, TargetGroup, discovery::check_address};

pub use described::{Described, described};

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const SCRAPE_INTERVAL: &str = "__scrape_interval__";
const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";
const PARAM: &str = "__param_";
const ALERTS_PATH: &str = "__alerts_path__";
/// The path of a Unix socket.
const UNIX_SOCKET: &str = "__unix_socket__";
/// Labels that switch something on or off, and what a wrong value of them is called.
const SWITCHES: [(&str, &str); 3] = [
    (
        "__convert_classic_histograms_to_nhcb__",
        "convert classic histograms to nhcb",
    ),
    (
        "__always_scrape_classic_histograms__",
        "always scrape classic histograms",
    ),
    ("__scrape_native_histograms__", "scrape native histograms"),
];

/// What became of the targets that discovery found for one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Those to scrape, each once, in the order in which they were found.
    pub active: Vec<Target>,
    /// The discovered labels of those that a rule dropped, as many as the job keeps.
    pub dropped: Vec<Labels>,
    /// How many were dropped.
    pub n_dropped: usize,
    /// Those that make no target.
    pub failed: Vec<TargetError>,
}

/// What discovery found makes no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("instance {instance} in group {group}: {what}")]
pub struct TargetError {
    /// Its place in the group.
    pub instance: usize,
    /// The group's source.
    pub group: String,
    /// `no address`
    pub what: String,
    /// Its labels before relabelling.
    pub discovered: Labels,
}

/// The targets that `job` makes of `groups`.
pub fn targets(job: &ScrapeJob, groups: &[TargetGroup]) -> Resolved {
    let mut resolved = Resolved::default();
    let mut seen = HashSet::new();
    for group in groups {
        for (instance, labels) in group.targets.iter().enumerate() {
            let discovered = discovered(job, labels, &group.labels);
            match target(job, &discovered) {
                Ok(Some(target)) => {
                    if seen.insert((target.labels.clone(), target.settings.clone())) {
                        resolved.active.push(target);
                    }
                }
                Ok(None) => resolved.dropped.push(discovered),
                Err(what) => resolved.failed.push(TargetError {
                    instance,
                    group: group.source.clone(),
                    what,
                    discovered,
                }),
            }
        }
    }
    resolved.n_dropped = resolved.dropped.len();
    if let keep @ 1.. = job.limits.keep_dropped_targets {
        resolved.dropped.truncate(keep as usize);
    }
    let (n, limit) = (resolved.active.len(), job.limits.targets);
    if limit > 0 && n as u64 > limit {
        let refusal = format!("target_limit exceeded (number of targets: {n}, limit: {limit})");
        for target in &mut resolved.active {
            let own = target.settings.own.get_or_insert_default();
            own.refusal = refusal.as_str().into();
        }
    }
    resolved
}

/// The labels with which a target goes into relabelling.
fn discovered(job: &ScrapeJob, target: &Labels, group: &Labels) -> Labels {
    let mut labels = merged(target, group);
    let defaults = [
        (JOB_LABEL, job.name.clone()),
        (SCRAPE_INTERVAL, format_duration(job.interval)),
        (SCRAPE_TIMEOUT, format_duration(job.timeout)),
        (METRICS_PATH, job.metrics_path.clone()),
        (SCHEME, job.scheme.clone()),
        (SWITCHES[0].0, job.classic_to_nhcb.to_string()),
        (SWITCHES[1].0, job.always_classic_histograms.to_string()),
        (SWITCHES[2].0, job.native_histograms.to_string()),
    ];
    let params = job.params.iter().filter_map(|(name, values)| {
        let first = values.first()?;
        Some((format!("{PARAM}{name}"), first.clone()))
    });
    let defaults = defaults.map(|(name, value)| (name.to_owned(), value));
    for (name, value) in defaults.into_iter().chain(params) {
        if labels.value(&name).is_empty() {
            labels.set(&name, &value);
        }
    }
    labels.build()
}

/// The labels of a target and, where it has none of the name, of its group.
fn merged(target: &Labels, group: &Labels) -> LabelsBuilder {
    let mut labels = target.to_builder();
    for (name, value) in group.iter() {
        if target.get(name).is_none() {
            labels.set(name, value);
        }
    }
    labels
}

/// The target that relabelling makes of `discovered`, or none if a rule drops it.
fn target(job: &ScrapeJob, discovered: &Labels) -> Result<Option<Target>, String> {
    let target = populated(job, discovered)?.map(|(mut labels, settings)| Target {
        labels: labels.retain(|name| !name.starts_with("__")).build(),
        discovered: discovered.clone(),
        job: job.name.clone(),
        settings,
    });
    Ok(target)
}

/// The labels that relabelling makes of `discovered`, and what they say of how to scrape.
fn populated(
    job: &ScrapeJob,
    discovered: &Labels,
) -> Result<Option<(LabelsBuilder, TargetSettings)>, String> {
    let mut labels = discovered.to_builder();
    if !relabel(&mut labels, &job.relabel) {
        return Ok(None);
    }
    let address = labels.value(ADDRESS).to_owned();
    if address.is_empty() {
        return Err("no address".to_owned());
    }
    check_address(&address)?;
    let (interval, timeout) = interval_and_timeout(&labels)?;
    let own = own_settings(job, &labels)?;
    if labels.value(INSTANCE_LABEL).is_empty() {
        labels.set(INSTANCE_LABEL, &address);
    }
    let settings = TargetSettings {
        scheme: labels.value(SCHEME).to_owned(),
        address,
        metrics_path: rooted(labels.value(METRICS_PATH)),
        params: params(job, &labels),
        interval,
        timeout,
        own: own.boxed(),
    };
    Ok(Some((labels, settings)))
}

/// What the labels say otherwise than the job.
fn own_settings(job: &ScrapeJob, labels: &LabelsBuilder) -> Result<OwnSettings, String> {
    let [to_nhcb, always_classic, native] = SWITCHES;
    let read = |(name, called): (&str, &str), of_job: bool| {
        let value = labels.value(name);
        let is_on = match value.is_empty() {
            true => of_job,
            false => parse_bool(value).ok_or_else(|| {
                format!(
                    "error parsing {called}: strconv.ParseBool: parsing {value:?}: invalid syntax"
                )
            })?,
        };
        Ok::<_, String>((is_on != of_job).then_some(is_on))
    };
    Ok(OwnSettings {
        classic_to_nhcb: read(to_nhcb, job.classic_to_nhcb)?,
        always_classic_histograms: read(always_classic, job.always_classic_histograms)?,
        native_histograms: read(native, job.native_histograms)?,
        unix_socket: labels.value(UNIX_SOCKET).into(),
        refusal: Box::default(),
    })
}

fn interval_and_timeout(labels: &LabelsBuilder) -> Result<(Millis, Millis), String> {
    let read = |label: &str, called: &str| {
        let span = parse_duration(labels.value(label))
            .map_err(|error| format!("error parsing scrape {called}: {error}"))?;
        match span {
            Millis::ZERO => Err(format!("scrape {called} cannot be 0")),
            span => Ok(span),
        }
    };
    let interval = read(SCRAPE_INTERVAL, "interval")?;
    let timeout = read(SCRAPE_TIMEOUT, "timeout")?;
    match timeout > interval {
        true => Err(format!(
            "scrape timeout cannot be greater than scrape interval ({:?} > {:?})",
            labels.value(SCRAPE_TIMEOUT),
            labels.value(SCRAPE_INTERVAL)
        )),
        false => Ok((interval, timeout)),
    }
}

/// The job's parameters, the first value of each replaced by the target's label.
fn params(job: &ScrapeJob, labels: &LabelsBuilder) -> Vec<(String, Vec<String>)> {
    let mut params: BTreeMap<String, Vec<String>> = job.params.iter().cloned().collect();
    for (name, value) in labels.iter() {
        if let Some(name) = name.strip_prefix(PARAM) {
            let values = params.entry(name.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            }
        }
    }
    params.into_iter().collect()
}

/// `path` with a slash before it, as Go's URLs are written.
fn rooted(path: &str) -> String {
    match path.is_empty() || path.starts_with('/') {
        true => path.to_owned(),
        false => format!("/{path}"),
    }
}

/// What Go's `ParseBool` makes of a word that it knows.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// The addresses to which alerts are sent that `all` makes of `groups`; those that a rule drops are left out.
///
/// # Errors
/// The text of what is wrong with one of them.
pub fn alertmanager_urls(
    all: &Alertmanagers,
    groups: &[TargetGroup],
) -> Result<Vec<String>, String> {
    let mut urls = Vec::new();
    for group in groups {
        for target in &group.targets {
            let mut labels = merged(target, &group.labels);
            if target.get(SCHEME).is_some() || group.labels.get(SCHEME).is_none() {
                labels.set(SCHEME, &all.scheme);
            }
            if target.get(ALERTS_PATH).is_some() || group.labels.get(ALERTS_PATH).is_none() {
                labels.set(ALERTS_PATH, &alerts_path(&all.path_prefix));
            }
            if !relabel(&mut labels, &all.relabel) {
                continue;
            }
            let address = labels.value(ADDRESS);
            check_address(address)?;
            let path = rooted(labels.value(ALERTS_PATH));
            urls.push(format!("{}://{address}{path}", labels.value(SCHEME)));
        }
    }
    Ok(urls)
}

/// `/prefix/api/v2/alerts` without doubled slashes.
fn alerts_path(prefix: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in prefix.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.push("api/v2/alerts");
    format!("/{}", parts.join("/"))
}
