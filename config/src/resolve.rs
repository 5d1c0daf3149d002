//! From what discovery found to what is scraped.
//!
//! ```text
//! target labels + group labels + job's defaults -> discovered labels -> relabelling -> checks -> target
//! ```
//!
//! Source: `PopulateLabels` in Prometheus, `scrape/target.go`, and `AlertmanagerFromGroup` in `notifier/alertmanager.go`.
use std::collections::{BTreeMap, HashSet};

use model::{
    INSTANCE_LABEL, JOB_LABEL, Labels, LabelsBuilder, Millis, Target, TargetSettings,
    format_duration, parse_duration, relabel,
};

use crate::{Alertmanagers, ScrapeJob, TargetGroup, discovery::check_address};

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const SCRAPE_INTERVAL: &str = "__scrape_interval__";
const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";
const PARAM: &str = "__param_";
const ALERTS_PATH: &str = "__alerts_path__";
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
    /// The discovered labels of those that a rule dropped.
    pub dropped: Vec<Labels>,
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
    for (name, called) in SWITCHES {
        let value = labels.value(name);
        if !value.is_empty() && !is_bool(value) {
            return Err(format!(
                "error parsing {called}: strconv.ParseBool: parsing {value:?}: invalid syntax"
            ));
        }
    }
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
    };
    Ok(Some(Target {
        labels: labels.retain(|name| !name.starts_with("__")).build(),
        discovered: discovered.clone(),
        job: job.name.clone(),
        settings,
    }))
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

/// The words that Go's `ParseBool` knows.
fn is_bool(text: &str) -> bool {
    let words = [
        "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False",
    ];
    words.contains(&text)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bundle, Config, Outside};

    fn config(text: &str) -> Config {
        let bundle = Bundle {
            main: text.to_owned(),
            ..Bundle::default()
        };
        Config::from_bundle(&bundle, &Outside::default()).unwrap()
    }

    fn job(fields: &str) -> ScrapeJob {
        config(&format!("scrape_configs: [{{job_name: j{fields}}}]"))
            .jobs
            .remove(0)
    }

    fn group(targets: &[&[(&str, &str)]], labels: &[(&str, &str)]) -> TargetGroup {
        TargetGroup {
            source: "g".to_owned(),
            targets: targets
                .iter()
                .map(|pairs| pairs.iter().copied().collect())
                .collect(),
            labels: labels.iter().copied().collect(),
        }
    }

    #[test]
    fn a_target_has_the_labels_of_its_group_and_job() {
        let job = job(", scrape_interval: 15s, params: {module: [a, b], x: [y]}");
        let groups = [group(
            &[&[("__address__", "h:1"), ("zone", "own")]],
            &[
                ("zone", "group"),
                ("env", "prod"),
                ("__param_module", "c"),
                ("__meta_x", "y"),
            ],
        )];
        let resolved = targets(&job, &groups);
        let [target] = resolved.active.as_slice() else {
            panic!("{resolved:?}");
        };
        expect_test::expect![[r#"{env="prod", instance="h:1", job="j", zone="own"}"#]]
            .assert_eq(&target.labels.to_string());
        expect_test::expect![[r#"{__address__="h:1", __always_scrape_classic_histograms__="false", __convert_classic_histograms_to_nhcb__="false", __meta_x="y", __metrics_path__="/metrics", __param_module="c", __param_x="y", __scheme__="http", __scrape_interval__="15s", __scrape_native_histograms__="false", __scrape_timeout__="10s", env="prod", job="j", zone="own"}"#]]
            .assert_eq(&target.discovered.to_string());
        assert_eq!(target.url(), "http://h:1/metrics?module=c&module=b&x=y");
        assert_eq!(target.settings.interval, Millis::from_seconds(15));
    }

    #[test]
    fn relabelling_writes_where_and_how_to_scrape() {
        let job = job(
            ", relabel_configs: [{target_label: __address__, replacement: 'p:9'}, {target_label: __scheme__, replacement: https}, {target_label: __metrics_path__, replacement: probe}, {target_label: __scrape_interval__, replacement: 2m}, {target_label: __scrape_timeout__, replacement: 90s}, {target_label: __param_target, source_labels: [instance]}, {target_label: __tmp, replacement: x}]",
        );
        let groups = [group(&[&[("__address__", "h:1"), ("instance", "i")]], &[])];
        let target = &targets(&job, &groups).active[0];
        assert_eq!(target.url(), "https://p:9/probe?target=i");
        assert_eq!(target.settings.interval, Millis::from_seconds(120));
        assert_eq!(target.settings.timeout, Millis::from_seconds(90));
        assert_eq!(
            target.labels,
            Labels::from_pairs([("instance", "i"), ("job", "j")])
        );
    }

    #[test]
    fn no_port_is_added_and_equal_targets_are_one() {
        let groups = [group(
            &[&[("__address__", "h")], &[("__address__", "h")]],
            &[],
        )];
        let resolved = targets(&job(""), &groups);
        assert_eq!(resolved.active.len(), 1);
        assert_eq!(resolved.active[0].settings.address, "h");
        assert_eq!(resolved.active[0].labels.value("instance"), "h");
    }

    #[test]
    fn dropped_targets_are_known_by_what_was_discovered() {
        let job =
            job(", relabel_configs: [{action: drop, source_labels: [__address__], regex: a}]");
        let groups = [group(
            &[&[("__address__", "a")], &[("__address__", "b")]],
            &[],
        )];
        let resolved = targets(&job, &groups);
        assert_eq!(resolved.active.len(), 1);
        assert_eq!(resolved.dropped[0].value("__address__"), "a");
        assert_eq!(resolved.dropped[0].value("job"), "j");
    }

    #[test]
    fn what_makes_no_target_says_why() {
        #[track_caller]
        fn fails(pairs: &[(&str, &str)], what: &str) {
            let resolved = targets(&job(""), &[group(&[pairs], &[])]);
            let [error] = resolved.failed.as_slice() else {
                panic!("{resolved:?}");
            };
            assert_eq!(error.to_string(), format!("instance 0 in group g: {what}"));
        }
        fails(&[("a", "b")], "no address");
        fails(
            &[("__address__", "http://h")],
            r#""http://h" is not a valid hostname"#,
        );
        let h = ("__address__", "h");
        fails(
            &[h, ("__scrape_interval__", "x")],
            r#"error parsing scrape interval: not a valid duration string: "x""#,
        );
        fails(
            &[h, ("__scrape_interval__", "0s")],
            "scrape interval cannot be 0",
        );
        fails(
            &[h, ("__scrape_timeout__", "0s")],
            "scrape timeout cannot be 0",
        );
        fails(
            &[
                h,
                ("__scrape_interval__", "1s"),
                ("__scrape_timeout__", "2s"),
            ],
            r#"scrape timeout cannot be greater than scrape interval ("2s" > "1s")"#,
        );
        fails(
            &[h, ("__scrape_native_histograms__", "maybe")],
            r#"error parsing scrape native histograms: strconv.ParseBool: parsing "maybe": invalid syntax"#,
        );
    }

    #[test]
    fn alertmanagers_have_an_address() {
        let all = config(
            "alerting: {alertmanagers: [{path_prefix: /a/, scheme: https, static_configs: [{targets: ['x:1', 'y:2']}], relabel_configs: [{action: drop, source_labels: [__address__], regex: 'y:2'}]}]}",
        )
        .alerting
        .alertmanagers
        .remove(0);
        let crate::Discovery::Static(groups) = &all.discovery[0] else {
            panic!("{all:?}");
        };
        let urls = alertmanager_urls(&all, groups);
        assert_eq!(urls, Ok(vec!["https://x:1/a/api/v2/alerts".to_owned()]));
        assert_eq!(alerts_path(""), "/api/v2/alerts");
    }
}
