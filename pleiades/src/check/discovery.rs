//! `pleiades check service-discovery`: what the mechanisms of a job find, and what relabelling makes of it.
//!
//! Source: `CheckSD` in Prometheus, `cmd/promtool/sd.go`.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use config::{Bundle, Described, ScrapeJob};
use model::{Labels, Millis};
use runtime::Components;
use serde::Serialize;

/// Perform service discovery for the given job name and report the results, including relabeling.
#[derive(Debug, clap::Args)]
pub(crate) struct ServiceDiscovery {
    /// The prometheus config file.
    config_file: PathBuf,
    /// The job to run service discovery for.
    job: String,
    /// The time to wait for discovery results.
    #[arg(long, default_value = "30s", value_parser = model::parse_duration)]
    timeout: Millis,
}

/// A target as promtool prints it; an error with its text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'d> {
    discovered_labels: BTreeMap<&'d str, &'d str>,
    labels: BTreeMap<&'d str, &'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'d str>,
}

impl<'d> From<&'d Described> for Shown<'d> {
    fn from(described: &'d Described) -> Self {
        let pairs = |labels: &'d Labels| labels.iter().collect();
        Self {
            discovered_labels: pairs(&described.discovered),
            labels: pairs(&described.labels),
            error: described.error.as_deref(),
        }
    }
}

/// Waits and prints; an error is what is said in place of results.
pub(crate) async fn run(args: ServiceDiscovery) -> Result<(), String> {
    let job = job(&args.config_file, &args.job)?;
    let components = Components::system();
    let groups = discoverer::discover_once(&job, args.timeout.to_std(), &components).await;
    crate::print(&shown(&config::described(&job, &groups)));
    Ok(())
}

/// The job, if all its mechanisms are ones that we have.
fn job(path: &Path, name: &str) -> Result<ScrapeJob, String> {
    let config = Bundle::load(path)
        .and_then(|bundle| bundle.without_rules(&runtime::outside(promql::Options::default())))
        .map_err(|error| format!("Cannot load config {error}"))?;
    let mut unsupported = config.unsupported().into_iter();
    let whose = format!("scrape job {name:?}");
    if let Some(one) = unsupported.find(|one| one.whose == whose) {
        return Err(format!("Could not create new discoverer {one}"));
    }
    let jobs = config.jobs.iter().map(|job| format!("\n\t{}", job.name));
    let others: String = jobs.collect();
    let mut jobs = config.jobs.into_iter();
    jobs.find(|job| job.name == name)
        .ok_or_else(|| format!("Job {name} not found. Select one of:{others}"))
}

fn shown(all: &[Described]) -> String {
    let all: Vec<Shown<'_>> = all.iter().map(Shown::from).collect();
    serde_json::to_string_pretty(&all).expect("maps of text are written as JSON")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn jobs_are_found_by_name_or_listed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("prometheus.yml");
        let jobs = "scrape_configs:\n- job_name: a\n- job_name: b\n  eureka_sd_configs: \
                    [{server: 'http://x'}]\n";
        std::fs::write(&path, jobs).unwrap();
        assert_eq!(job(&path, "a").unwrap().name, "a");
        expect![[r#"Job c not found. Select one of:
	a
	b"#]]
        .assert_eq(&job(&path, "c").unwrap_err());
        expect![[r#"Could not create new discoverer line 4: eureka_sd_configs of scrape job "b" is not supported"#]]
            .assert_eq(&job(&path, "b").unwrap_err());
        std::fs::write(&path, "scrape_config: []").unwrap();
        assert!(
            job(&path, "a")
                .unwrap_err()
                .starts_with("Cannot load config ")
        );
    }

    #[test]
    fn results_are_printed_as_promtool_prints_them() {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().copied().collect();
        let all = [
            Described {
                discovered: pairs(&[("__address__", "a:1"), ("job", "j")]),
                labels: pairs(&[("job", "j")]),
                error: None,
            },
            Described {
                discovered: pairs(&[("job", "j")]),
                labels: Labels::default(),
                error: Some("no address".to_owned()),
            },
        ];
        expect![[r#"
            [
              {
                "discoveredLabels": {
                  "__address__": "a:1",
                  "job": "j"
                },
                "labels": {
                  "job": "j"
                }
              },
              {
                "discoveredLabels": {
                  "job": "j"
                },
                "labels": {},
                "error": "no address"
              }
            ]"#]]
        .assert_eq(&shown(&all));
    }
}
