//! What was generated from objects of a cluster, beside the files that a user edits.
//!
//! It goes behind the user's own: a job whose name the user has already is refused, and what cannot be read here is
//! left out, each for itself, so that nothing that is generated ever spoils a configuration.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use crate::{
    Config, Error, Outside, ScrapeJob,
    decode::{Decode, Fields},
    parse_rules,
    scrape::JobFields,
    yaml::{self, Node, Value},
};

/// The generated file with scrape jobs.
pub const GENERATED_JOBS: &str = "scrape_configs.yaml";
/// What the names of generated rule files begin with.
pub const GENERATED_RULES: &str = "rules/";
/// What generated files are called among others.
const ORIGIN: &str = "operator/";

/// What became of the generated part of a configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// The names of the jobs that were taken.
    pub jobs: BTreeSet<String>,
    /// What was left out.
    pub refused: Vec<LeftOut>,
}

/// A generated job or rule file that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// `operator/scrape_configs.yaml: scrape job "a"`
    pub what: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}

/// Adds to `config` the jobs and the rules of `files`; relative paths begin at `directory`.
pub(crate) fn merge(
    config: &mut Config,
    files: &BTreeMap<String, String>,
    directory: &Path,
    outside: &Outside<'_>,
) {
    for (name, text) in files {
        if name == GENERATED_JOBS {
            add_jobs(config, text, directory);
        } else if name.starts_with(GENERATED_RULES) {
            add_rules(config, &format!("{ORIGIN}{name}"), text, outside);
        }
    }
}

fn add_jobs(config: &mut Config, text: &str, directory: &Path) {
    let file = format!("{ORIGIN}{GENERATED_JOBS}");
    let left_out = |what: String, reason: String| LeftOut { what, reason };
    let nodes = match job_nodes(text) {
        Ok(nodes) => nodes,
        Err(error) => {
            let refused = left_out(file, error.to_string());
            return config.generated.refused.push(refused);
        }
    };
    let own = config.jobs.iter().map(|job| job.name.clone());
    let mut names: BTreeSet<String> = own.collect();
    for node in nodes {
        let what = || {
            format!(
                "{file}: scrape job {:?}",
                job_name(&node).unwrap_or_default()
            )
        };
        let read = |node| -> Result<ScrapeJob, Error> {
            JobFields::decode(node)?.validate(&config.global, directory)
        };
        match read(&node) {
            Ok(job) if names.insert(job.name.clone()) => {
                config.generated.jobs.insert(job.name.clone());
                config.jobs.push(job);
            }
            Ok(_) => {
                let reason = "another scrape job has this name already".to_owned();
                config.generated.refused.push(left_out(what(), reason));
            }
            Err(error) => {
                let refused = left_out(what(), error.to_string());
                config.generated.refused.push(refused);
            }
        }
    }
}

fn add_rules(config: &mut Config, file: &str, text: &str, outside: &Outside<'_>) {
    match parse_rules(file, text, config.global.names, outside) {
        Ok(mut groups) => config.rule_groups.append(&mut groups),
        Err(errors) => {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            config.generated.refused.push(LeftOut {
                what: file.to_owned(),
                reason: errors.join("; "),
            });
        }
    }
}

/// The jobs of a generated file, each as it is written.
pub(crate) fn job_nodes(text: &str) -> Result<Vec<Node>, Error> {
    let root = yaml::parse(text)?;
    if matches!(root.value, Value::Null) {
        return Ok(Vec::new());
    }
    let mut fields = Fields::of(&root, "config.ScrapeConfigs")?;
    let jobs: Jobs = fields.or_default("scrape_configs")?;
    fields.finish()?;
    Ok(jobs.0)
}

/// The name that a job is written with.
pub(crate) fn job_name(node: &Node) -> Option<&str> {
    let Value::Mapping(pairs) = &node.value else {
        return None;
    };
    pairs.iter().find_map(|(key, value)| match &value.value {
        Value::Scalar { text, .. } if key.text == "job_name" => Some(text.as_str()),
        _ => None,
    })
}

/// Jobs that are not read yet.
#[derive(Default)]
struct Jobs(Vec<Node>);

impl Decode for Jobs {
    fn decode(node: &Node) -> Result<Self, Error> {
        match &node.value {
            Value::Sequence(jobs) => Ok(Self(jobs.clone())),
            _ => crate::decode::wrong_kind(node, "[]*config.ScrapeConfig"),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::Bundle;

    fn bundle(main: &str, generated: &[(&str, &str)]) -> Bundle {
        let text = |&(name, text): &(&str, &str)| (name.to_owned(), text.to_owned());
        Bundle {
            path: "/etc/p/prometheus.yml".into(),
            main: main.to_owned(),
            generated: generated.iter().map(text).collect(),
            ..Bundle::default()
        }
    }

    #[test]
    fn what_is_generated_goes_behind_what_the_user_has() {
        let bundle = bundle(
            "global: {scrape_interval: 7s, scrape_timeout: 7s}\nscrape_configs: [{job_name: own, scrape_interval: 9s}]",
            &[
                (
                    GENERATED_JOBS,
                    "scrape_configs:\n- job_name: own\n- job_name: a\n  basic_auth: {username: u, password: p}\n- job_name: b\n  scrape_intervall: 1s\n- job_name: a\n- job_name: c\n  scrape_interval: 1s\n  scrape_timeout: 2s\n- {}\n- ~\n",
                ),
                (
                    "rules/n-good.yaml",
                    "groups: [{name: g, rules: [{record: x, expr: up}]}]",
                ),
                (
                    "rules/n-wrong.yaml",
                    "groups: [{name: g, rules: [{record: x, expr: up(}]}]",
                ),
                ("of-a-later-release", "?"),
            ],
        );
        let config = Config::from_bundle(&bundle, &Outside::default()).unwrap();
        let jobs = config.jobs.iter();
        let jobs: Vec<_> = jobs.map(|job| (job.name.as_str(), job.interval)).collect();
        let seconds = model::Millis::from_seconds;
        assert_eq!(jobs, [("own", seconds(9)), ("a", seconds(7))]);
        assert!(config.generated.jobs.iter().eq(["a"]));
        let groups = config.rule_groups.iter();
        let groups: Vec<_> = groups.map(|g| (g.file.as_str(), g.name.as_str())).collect();
        assert_eq!(groups, [("operator/rules/n-good.yaml", "g")]);
        let refused = config.generated.refused.iter();
        let refused: Vec<String> = refused.map(ToString::to_string).collect();
        expect![[r#"
            operator/rules/n-wrong.yaml: 1:46: group "g", rule 1, "x": could not parse expression: 1:4: parse error: unclosed left parenthesis
            operator/scrape_configs.yaml: scrape job "own": another scrape job has this name already
            operator/scrape_configs.yaml: scrape job "b": yaml: unmarshal errors:
              line 6: field scrape_intervall not found in type config.ScrapeConfig
            operator/scrape_configs.yaml: scrape job "a": another scrape job has this name already
            operator/scrape_configs.yaml: scrape job "c": scrape timeout greater than scrape interval for scrape config with job name "c"
            operator/scrape_configs.yaml: scrape job "": job_name is empty
            operator/scrape_configs.yaml: scrape job "": yaml: unmarshal errors:
              line 12: cannot unmarshal !!null into config.ScrapeConfig"#]].assert_eq(&refused.join("\n"));
    }

    #[test]
    fn a_generated_file_that_is_none_is_left_out_whole() {
        for text in ["scrape_configs: {}", "scrape_configs: [", "jobs: []", "3"] {
            let bundle = bundle(
                "scrape_configs: [{job_name: own}]",
                &[(GENERATED_JOBS, text)],
            );
            let config = Config::from_bundle(&bundle, &Outside::default()).unwrap();
            assert_eq!(
                (config.jobs.len(), config.generated.refused.len()),
                (1, 1),
                "{text}"
            );
        }
    }

    #[test]
    fn generated_jobs_are_shown_among_the_others_without_secrets() {
        let jobs = "scrape_configs:\n- job_name: own\n- job_name: a\n  basic_auth: {username: u, password: hunter2}\n- job_name: a\n";
        for (main, n_jobs) in [("scrape_configs: [{job_name: own}]", 2), ("", 2)] {
            let bundle = bundle(main, &[(GENERATED_JOBS, jobs)]);
            let config = Config::from_bundle(&bundle, &Outside::default()).unwrap();
            let shown = config.shown(&bundle).unwrap();
            assert!(!shown.contains("hunter2"), "{shown}");
            assert_eq!(shown.matches("job_name: ").count(), n_jobs, "{shown}");
            // Defaults are said of them too.
            assert_eq!(shown.matches("metrics_path: /metrics").count(), n_jobs);
            let again = Bundle {
                main: shown,
                ..Bundle::default()
            };
            let again = Config::from_bundle(&again, &Outside::default()).unwrap();
            let names = |config: &Config| -> Vec<String> {
                config.jobs.iter().map(|job| job.name.clone()).collect()
            };
            assert_eq!(names(&again), names(&config));
        }
    }
}
