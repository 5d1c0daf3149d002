//! What `check config` and `check rules` say about files.
//!
//! Source: `CheckConfig` and `CheckRules` in Prometheus, `cmd/promtool/main.go`.
use std::{fs, path::Path};

use model::{Labels, NameValidation};

use crate::{
    Alertmanagers, Auth, Bundle, Config, Discovery, Outside, Pem, RuleGroup, ScrapeJob,
    TargetGroup, TlsConfig, alertmanager_urls, glob, parse_rules, parse_target_groups, targets,
};

/// What is printed, and how the program ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The lines in their order.
    pub lines: Vec<Line>,
    /// 0 if all is well, 1 if something is refused.
    pub exit_code: u8,
}

/// A line, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// To standard output.
    Out(String),
    /// To standard error.
    Err(String),
}

impl Line {
    /// The line's text.
    pub fn text(&self) -> &str {
        let (Self::Out(text) | Self::Err(text)) = self;
        text
    }
}

impl Report {
    fn out(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Out(text.into()));
    }

    fn fail(&mut self, text: impl Into<String>) {
        self.exit_code = 1;
        self.lines.push(Line::Err(text.into()));
    }
}

/// Checks the main file at `path`, all that it names, and the rule files.
pub fn check_config(path: &Path, outside: &Outside<'_>) -> Report {
    let mut report = Report::default();
    report.out(format!("Checking {}", path.display()));
    match main_file(path, outside, &mut report) {
        Err(what) => {
            report.fail(format!("  FAILED: {what}"));
            report.out("");
        }
        Ok((config, rule_files)) => {
            for unsupported in config.unsupported() {
                report.out(format!("  WARNING: {unsupported}"));
            }
            if !rule_files.is_empty() {
                report.out(format!("  SUCCESS: {} rule files found", rule_files.len()));
            }
            report.out(format!(
                " SUCCESS: {} is valid prometheus config file syntax",
                path.display()
            ));
            report.out("");
            for file in rule_files {
                rule_file(&file, config.global.names, outside, &mut report);
            }
        }
    }
    report
}

/// Checks rule files.
pub fn check_rules(paths: &[impl AsRef<Path>], outside: &Outside<'_>) -> Report {
    let mut report = Report::default();
    for path in paths {
        let path = path.as_ref().display().to_string();
        rule_file(&path, NameValidation::Utf8, outside, &mut report);
    }
    report
}

/// The configuration and its rule files, if everything that the main file names is there and is right.
fn main_file(
    path: &Path,
    outside: &Outside<'_>,
    report: &mut Report,
) -> Result<(Config, Vec<String>), String> {
    let bundle = Bundle::load(path).map_err(|error| error.to_string())?;
    // What is wrong with rules is said where each rule file is checked.
    let config = bundle
        .without_rules(outside)
        .map_err(|error| error.to_string())?;
    let mut rule_files = Vec::new();
    for pattern in &config.rule_files {
        let files = glob::glob(pattern);
        if files.is_empty() && !pattern.contains('*') {
            return Err(format!("{pattern:?} does not point to an existing file"));
        }
        rule_files.extend(files);
    }
    config
        .jobs
        .iter()
        .try_for_each(|job| check_job(job, report))?;
    config
        .alerting
        .alertmanagers
        .iter()
        .try_for_each(|all| check_alertmanagers(all, report))?;
    Ok((config, rule_files))
}

fn check_job(job: &ScrapeJob, report: &mut Report) -> Result<(), String> {
    if let Auth::Authorization { credentials, .. } = &job.http.auth
        && let Some(file) = credentials.file()
    {
        exists(file).map_err(|what| {
            format!(
                "error checking authorization credentials or bearer token file {file:?}: {what}"
            )
        })?;
    }
    check_tls(&job.http.tls)?;
    for discovery in &job.discovery {
        if let Discovery::Kubernetes(kubernetes) = discovery {
            check_tls(&kubernetes.http.tls)?;
        }
    }
    let whose = format!("file_sd in scrape job {:?}", job.name);
    check_groups(&job.discovery, &whose, report, |groups| {
        match targets(job, groups).failed.first() {
            Some(error) => Err(error.to_string()),
            None => Ok(()),
        }
    })
}

fn check_alertmanagers(all: &Alertmanagers, report: &mut Report) -> Result<(), String> {
    check_groups(
        &all.discovery,
        "file_sd in alertmanager config",
        report,
        |groups| alertmanager_urls(all, groups).map(drop),
    )
}

/// Runs `check` over the groups that stand in the configuration or in files now.
fn check_groups(
    all: &[Discovery],
    whose: &str,
    report: &mut Report,
    check: impl Fn(&[TargetGroup]) -> Result<(), String>,
) -> Result<(), String> {
    for discovery in all {
        match discovery {
            Discovery::Static(groups) => check(groups)?,
            Discovery::File(files) => {
                for pattern in &files.files {
                    let found = glob::glob(pattern);
                    if found.is_empty() {
                        report.out(format!(
                            "  WARNING: file {pattern:?} for {whose} does not exist"
                        ));
                    }
                    for file in found {
                        let wrong = |what: String| format!("checking SD file {pattern:?}: {what}");
                        let text = fs::read_to_string(&file)
                            .map_err(|error| wrong(format!("open {file}: {error}")))?;
                        let groups =
                            parse_target_groups(&text).map_err(|error| wrong(error.to_string()))?;
                        check(&groups)?;
                    }
                }
            }
            Discovery::Kubernetes(_) | Discovery::Unsupported { .. } => {}
        }
    }
    Ok(())
}

fn check_tls(tls: &TlsConfig) -> Result<(), String> {
    for (pem, called) in [
        (&tls.cert, "client cert file"),
        (&tls.key, "client key file"),
    ] {
        if let Some(file) = pem.as_ref().and_then(Pem::file) {
            exists(file).map_err(|what| format!("error checking {called} {file:?}: {what}"))?;
        }
    }
    Ok(())
}

fn exists(path: &str) -> Result<(), String> {
    fs::metadata(path)
        .map(drop)
        .map_err(|error| format!("stat {path}: {error}"))
}

fn rule_file(path: &str, names: NameValidation, outside: &Outside<'_>, report: &mut Report) {
    report.out(format!("Checking {path}"));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            report.fail("  FAILED:");
            report.fail(format!("{path}: open {path}: {error}"));
            return;
        }
    };
    match parse_rules(path, &text, names, outside) {
        Err(errors) => {
            report.fail("  FAILED:");
            for error in errors {
                report.fail(format!("{path}: {error}"));
            }
        }
        Ok(groups) => {
            let duplicates = duplicates(&groups);
            if duplicates.is_empty() {
                let n_rules: usize = groups.iter().map(|group| group.rules.len()).sum();
                report.out(format!("  SUCCESS: {n_rules} rules found"));
            } else {
                report.lines.push(Line::Err("  FAILED:".to_owned()));
                report.lines.push(Line::Err(duplicates_text(&duplicates)));
            }
            report.out("");
        }
    }
}

/// Names and labels that more than one rule gives, each once; it is bad style, not an error.
fn duplicates(groups: &[RuleGroup]) -> Vec<(String, Labels)> {
    let mut all: Vec<(String, Labels)> = groups
        .iter()
        .flat_map(|group| {
            group.rules.iter().map(|rule| {
                let labels = group.labels.iter().chain(&rule.labels).collect();
                (rule.name().to_owned(), labels)
            })
        })
        .collect();
    all.sort();
    let mut twice: Vec<_> = all
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0].clone())
        .collect();
    twice.dedup();
    twice
}

fn duplicates_text(duplicates: &[(String, Labels)]) -> String {
    let mut text = format!("lint error {} duplicate rule(s) found.\n", duplicates.len());
    for (name, labels) in duplicates {
        text.push_str(&format!("Metric: {name}\nLabel(s):\n"));
        for (name, value) in labels.iter() {
            text.push_str(&format!("\t{name}: {value}\n"));
        }
    }
    text + "Might cause inconsistency while recording expressions"
}
