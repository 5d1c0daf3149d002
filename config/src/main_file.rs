//! The main configuration file, `prometheus.yml`.
//!
//! Source: `Config` in Prometheus, `config/config.go`.
use std::{collections::BTreeSet, path::Path};

use crate::{
    Alerting, Discovery, Error, Global, Merged, Otlp, RemoteRead, RemoteWrite, RuleGroup,
    ScrapeJob, Storage, Tracing,
    alerting::AlertingFields,
    decode::{Decode, Fields},
    otlp::OtlpFields,
    path::joined,
    remote::{self, RemoteWriteFields},
    scrape::JobFields,
    yaml::{self, Node, Value},
};

/// What the configuration says, with all defaults put in and relative paths made whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// What holds for all jobs.
    pub global: Global,
    /// Patterns of rule files.
    pub rule_files: Vec<String>,
    /// Patterns of files with more scrape jobs.
    pub scrape_config_files: Vec<String>,
    /// The scrape jobs; no two of one name.
    pub jobs: Vec<ScrapeJob>,
    /// Where alerts go.
    pub alerting: Alerting,
    /// Other systems that samples are sent to.
    pub remote_write: Vec<RemoteWrite>,
    /// Other systems that samples are read from.
    pub remote_read: Vec<RemoteRead>,
    /// How long samples are kept.
    pub storage: Storage,
    /// How OTLP is translated.
    pub otlp: Otlp,
    /// Where spans are sent, if anywhere.
    pub tracing: Option<Tracing>,
    /// The groups of all rule files, in the order of the files.
    pub rule_groups: Vec<RuleGroup>,
    /// What became of what was generated.
    pub generated: Merged,
}

impl Config {
    /// Reads `text`, the file's content; relative paths begin at `directory`.
    ///
    /// `variable` gives what the environment holds, for the external labels.
    /// Jobs and rules of further files are not among it.
    pub(crate) fn parse_main(
        text: &str,
        directory: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let root = yaml::parse(text)?;
        if matches!(root.value, Value::Null) {
            return Ok(Self::default());
        }
        let mut fields = Fields::of(&root, "config.plain")?;
        let mut global: Global = fields.or_default("global")?;
        let alerting: AlertingFields = fields.or_default("alerting")?;
        let rule_files: Vec<String> = fields.or_default("rule_files")?;
        let scrape_config_files: Vec<String> = fields.or_default("scrape_config_files")?;
        let jobs: Vec<Option<JobFields>> = fields.or_default("scrape_configs")?;
        let storage = fields.or_default("storage")?;
        let mut tracing: Option<Tracing> = fields.get("tracing")?;
        let writes: Vec<Option<RemoteWriteFields>> = fields.or_default("remote_write")?;
        let reads: Vec<Option<RemoteRead>> = fields.or_default("remote_read")?;
        let otlp: Option<OtlpFields> = fields.get("otlp")?;
        fields.get::<Runtime>("runtime")?;
        fields.finish()?;

        let pattern = |kind: &str, files: Vec<String>| {
            let wrong = files.iter().find(|file| !is_pattern(file));
            match wrong {
                Some(file) => Err(fields.invalid(format!("invalid {kind} file path {file:?}"))),
                None => Ok(files.iter().map(|file| joined(directory, file)).collect()),
            }
        };
        let names = global.names;
        let rule_files = pattern("rule", rule_files)?;
        let scrape_config_files = pattern("scrape config", scrape_config_files)?;
        let mut names_of_jobs = BTreeSet::new();
        let mut jobs_of_file = Vec::with_capacity(jobs.len());
        for job in jobs {
            let job = validated(job, &global, directory, &root)?;
            if !names_of_jobs.insert(job.name.clone()) {
                let what = format!("found multiple scrape configs with job name {:?}", job.name);
                return Err(fields.invalid(what));
            }
            jobs_of_file.push(job);
        }
        let alerting = alerting.validate(names, directory)?;
        let remote_write = remote::writes(writes, names, directory, fields.line())?;
        let remote_read = remote::reads(reads, directory, fields.line())?;
        let otlp = otlp
            .map(|otlp| otlp.validate(names))
            .transpose()?
            .unwrap_or_default();
        global.expand(variable);
        global.set_directory(directory);
        if let Some(tracing) = &mut tracing {
            tracing.set_directory(directory);
        }
        Ok(Self {
            global,
            rule_files,
            scrape_config_files,
            jobs: jobs_of_file,
            alerting,
            remote_write,
            remote_read,
            storage,
            otlp,
            tracing,
            rule_groups: Vec::new(),
            generated: Merged::default(),
        })
    }

    /// Reads `text`, the content of a file of `scrape_config_files`.
    pub(crate) fn parse_jobs(
        text: &str,
        global: &Global,
        directory: &Path,
    ) -> Result<Vec<ScrapeJob>, Error> {
        let root = yaml::parse(text)?;
        if matches!(root.value, Value::Null) {
            return Ok(Vec::new());
        }
        let mut fields = Fields::of(&root, "config.ScrapeConfigs")?;
        let jobs: Vec<Option<JobFields>> = fields.or_default("scrape_configs")?;
        fields.finish()?;
        jobs.into_iter()
            .map(|job| validated(job, global, directory, &root))
            .collect()
    }

    /// The discovery mechanisms that Prometheus knows and we do not, each with whose it is.
    pub fn unsupported(&self) -> Vec<Unsupported> {
        let jobs = self
            .jobs
            .iter()
            .map(|job| (format!("scrape job {:?}", job.name), &job.discovery));
        let managers = self.alerting.alertmanagers.iter();
        let managers = managers.map(|all| ("alertmanagers".to_owned(), &all.discovery));
        jobs.chain(managers)
            .flat_map(|(whose, all)| all.iter().map(move |discovery| (whose.clone(), discovery)))
            .filter_map(|(whose, discovery)| match discovery {
                Discovery::Unsupported { field, line } => Some(Unsupported {
                    whose,
                    field: field.clone(),
                    line: *line,
                }),
                _ => None,
            })
            .collect()
    }
}

/// Something that Prometheus takes and we do not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {field} of {whose} is not supported")]
pub struct Unsupported {
    /// `scrape job "node"`
    pub whose: String,
    /// `consul_sd_configs`
    pub field: String,
    /// Counted from 1, in the file that the job stands in.
    pub line: usize,
}

fn validated(
    job: Option<JobFields>,
    global: &Global,
    directory: &Path,
    root: &Node,
) -> Result<ScrapeJob, Error> {
    job.ok_or_else(|| Error::invalid(root.place.line, "empty or null scrape config section"))?
        .validate(global, directory)
}

/// True if only the last part of `path` may hold a `*`.
fn is_pattern(path: &str) -> bool {
    path.split_once('*')
        .is_none_or(|(_, after)| !after.contains('/'))
}

/// What Prometheus tells its garbage collector; it is checked, and means nothing to us.
struct Runtime;

impl Decode for Runtime {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.RuntimeConfig")?;
        fields.get::<i64>("gogc")?;
        fields.finish()?;
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
        #[test]
        fn any_text_is_read_or_refused(text in r"((global|scrape_configs|job_name|static_configs|kubernetes_sd_configs|relabel_configs|regex|rule_files|targets|role|alerting|storage|a|1m|-1|null|\[\]|\{\}|\(|\*)(: ?|\n( ){0,6}(- )?|, )){0,16}") {
            let _ = Config::parse_main(&text, Path::new("/etc"), |_| None);
        }
    }
}
