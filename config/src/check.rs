//! What `check config`, `check rules` and `check web-config` say about files.
//!
//! Source: `CheckConfig` in Prometheus, `cmd/promtool/main.go`.
mod lint;
mod rules;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use model::{Millis, format_duration};

pub use self::{
    lint::CheckOptions,
    rules::{check_rules, check_rules_text},
};
use crate::{
    Alertmanagers, Auth, Bundle, Config, Discovery, Outside, Pem, ScrapeJob, TargetGroup,
    TlsConfig, WebConfig, alertmanager_urls, glob, parse_target_groups, targets,
};

/// How the program ends if all that is wrong is bad style.
const LINT: u8 = 3;

/// What is printed, and how the program ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The lines in their order.
    pub lines: Vec<Line>,
    /// 0 if all is well, 1 if something is refused, 3 if something is only bad style and that is to fail.
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

    fn err(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Err(text.into()));
    }

    fn fail(&mut self, text: impl Into<String>) {
        self.exit_code = 1;
        self.err(text);
    }

    /// Bad style was told, which `fatal` makes a failure unless there is a worse one.
    fn bad_style(&mut self, fatal: bool) {
        if fatal && self.exit_code == 0 {
            self.exit_code = LINT;
        }
    }
}

/// How far a check goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The main file alone.
    Syntax,
    /// All files that it names, too.
    Whole,
}

/// Checks main files and, if that is asked for, all that they name.
pub fn check_config(
    paths: &[impl AsRef<Path>],
    options: &CheckOptions,
    outside: &Outside<'_>,
) -> Report {
    let mut report = Report::default();
    for path in paths.iter().map(AsRef::as_ref) {
        report.out(format!("Checking {}", path.display()));
        match main_file(path, options, outside, &mut report) {
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
                if let (Depth::Whole, Some(lookback)) = (options.depth, options.lookback) {
                    intervals(&config.jobs, lookback, options.fatal, &mut report);
                }
                let names = config.global.names;
                rules::files(&rule_files, names, options, outside, &mut report);
            }
        }
    }
    report
}

/// Tells of the first job whose samples are too far apart to be seen all the time.
fn intervals(jobs: &[ScrapeJob], lookback: Millis, fatal: bool, report: &mut Report) {
    if let Some(job) = jobs.iter().find(|job| job.interval >= lookback) {
        report.err(format!(
            "  FAILED: too long scrape interval found, data point will be marked as stale - job: {}, interval: {}",
            job.name,
            format_duration(job.interval)
        ));
        report.bad_style(fatal);
    }
}

/// Checks web configuration files.
pub fn check_web_config(paths: &[impl AsRef<Path>]) -> Report {
    let mut report = Report::default();
    for path in paths.iter().map(AsRef::as_ref) {
        let shown = path.display();
        match web_config(path) {
            Ok(()) => report.lines.push(Line::Err(format!("{shown} SUCCESS"))),
            Err(what) => report.fail(format!("{shown} FAILED: {what}")),
        }
    }
    report
}

fn web_config(path: &Path) -> Result<(), String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("open {}: {error}", path.display()))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let web = WebConfig::parse(&text, directory).map_err(|error| error.to_string())?;
    let Some(tls) = web.tls else {
        return Ok(());
    };
    for (pem, called) in [(&tls.cert, "cert_file"), (&tls.key, "key_file")] {
        if let Some(file) = pem.file() {
            fs::read(file).map_err(|error| format!("failed to read {called} ({file}): {error}"))?;
        }
    }
    Ok(())
}

/// The configuration and its rule files, if what the main file names is there and is right.
fn main_file(
    path: &Path,
    options: &CheckOptions,
    outside: &Outside<'_>,
    report: &mut Report,
) -> Result<(Config, Vec<String>), String> {
    let depth = options.depth;
    let bundle = match depth {
        Depth::Syntax => Bundle::load_main(path),
        Depth::Whole => Bundle::load(path),
    };
    let bundle = bundle.map_err(|error| error.to_string())?;
    // What is wrong with rules is said where each rule file is checked.
    let config = bundle
        .without_rules(outside)
        .map_err(|error| error.to_string())?;
    if options.agent {
        fits_an_agent(&config)?;
    }
    let mut rule_files = Vec::new();
    for pattern in config.rule_files.iter().filter(|_| depth == Depth::Whole) {
        let files = glob::glob(pattern);
        if files.is_empty() && !pattern.contains('*') {
            return Err(format!("{pattern:?} does not point to an existing file"));
        }
        rule_files.extend(files);
    }
    let mut check = Check { depth, report };
    config.jobs.iter().try_for_each(|job| check.job(job))?;
    let mut managers = config.alerting.alertmanagers.iter();
    managers.try_for_each(|all| check.alertmanagers(all))?;
    Ok((config, rule_files))
}

/// An agent neither evaluates rules nor answers queries.
fn fits_an_agent(config: &Config) -> Result<(), String> {
    let alerting = &config.alerting;
    let sections = [
        (
            alerting.alertmanagers.is_empty() && alerting.relabel.is_empty(),
            "alerting",
        ),
        (config.rule_files.is_empty(), "rule_files"),
        (config.remote_read.is_empty(), "remote_read"),
    ];
    match sections.iter().find(|(is_empty, _)| !is_empty) {
        Some((_, field)) => Err(format!("field {field} is not allowed in agent mode")),
        None => Ok(()),
    }
}

/// A look at what the sections of a configuration name.
struct Check<'r> {
    depth: Depth,
    report: &'r mut Report,
}

impl Check<'_> {
    fn job(&mut self, job: &ScrapeJob) -> Result<(), String> {
        if let Auth::Authorization { credentials, .. } = &job.http.auth
            && let Some(file) = credentials.file()
        {
            self.exists(file).map_err(|what| {
                format!(
                    "error checking authorization credentials or bearer token file {file:?}: {what}"
                )
            })?;
        }
        self.tls(&job.http.tls)?;
        for discovery in &job.discovery {
            if let Some(http) = discovery.http() {
                self.tls(&http.tls)?;
            }
        }
        let whose = format!("file_sd in scrape job {:?}", job.name);
        self.groups(&job.discovery, &whose, |groups| {
            match targets(job, groups).failed.first() {
                Some(error) => Err(error.to_string()),
                None => Ok(()),
            }
        })
    }

    fn alertmanagers(&mut self, all: &Alertmanagers) -> Result<(), String> {
        self.groups(&all.discovery, "file_sd in alertmanager config", |groups| {
            alertmanager_urls(all, groups).map(drop)
        })
    }

    /// Runs `check` over the groups that stand in the configuration and, now, in files.
    fn groups(
        &mut self,
        all: &[Discovery],
        whose: &str,
        check: impl Fn(&[TargetGroup]) -> Result<(), String>,
    ) -> Result<(), String> {
        for discovery in all {
            match discovery {
                Discovery::Static(groups) => check(groups)?,
                Discovery::File(files) if self.depth == Depth::Whole => {
                    for pattern in &files.files {
                        self.target_files(pattern, whose, &check)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn target_files(
        &mut self,
        pattern: &str,
        whose: &str,
        check: impl Fn(&[TargetGroup]) -> Result<(), String>,
    ) -> Result<(), String> {
        let found = glob::glob(pattern);
        if found.is_empty() {
            self.report.out(format!(
                "  WARNING: file {pattern:?} for {whose} does not exist"
            ));
        }
        for file in found {
            let wrong = |what: String| format!("checking SD file {pattern:?}: {what}");
            let text = fs::read_to_string(&file)
                .map_err(|error| wrong(format!("open {file}: {error}")))?;
            let groups = parse_target_groups(&text).map_err(|error| wrong(error.to_string()))?;
            check(&groups)?;
        }
        Ok(())
    }

    fn tls(&self, tls: &TlsConfig) -> Result<(), String> {
        for (pem, called) in [
            (&tls.cert, "client cert file"),
            (&tls.key, "client key file"),
        ] {
            if let Some(file) = pem.as_ref().and_then(Pem::file) {
                self.exists(file)
                    .map_err(|what| format!("error checking {called} {file:?}: {what}"))?;
            }
        }
        Ok(())
    }

    fn exists(&self, path: &str) -> Result<(), String> {
        if self.depth == Depth::Syntax {
            return Ok(());
        }
        fs::metadata(path)
            .map(drop)
            .map_err(|error| format!("stat {path}: {error}"))
    }
}
