//! What is said about rule files.
//!
//! Source: `CheckRules` in Prometheus, `cmd/promtool/main.go`.
use std::{fs, path::Path};

use model::{Labels, NameValidation};

use super::{CheckOptions, Report};
use crate::{Outside, RuleGroup, rules};

/// Checks rule files.
pub fn check_rules(
    paths: &[impl AsRef<Path>],
    options: &CheckOptions,
    outside: &Outside<'_>,
) -> Report {
    let paths = paths.iter().map(|path| path.as_ref().display().to_string());
    let paths: Vec<String> = paths.collect();
    let mut report = Report::default();
    files(&paths, NameValidation::Utf8, options, outside, &mut report);
    report
}

/// Checks the content of a rule file that came by standard input.
pub fn check_rules_text(text: &str, options: &CheckOptions, outside: &Outside<'_>) -> Report {
    let mut report = Report::default();
    report.out("Checking standard input");
    content(
        "",
        text,
        NameValidation::Utf8,
        options,
        outside,
        &mut report,
    );
    report
}

/// Tells what is wrong with the files at `paths`.
pub(super) fn files(
    paths: &[String],
    names: NameValidation,
    options: &CheckOptions,
    outside: &Outside<'_>,
    report: &mut Report,
) {
    for path in paths {
        report.out(format!("Checking {path}"));
        match fs::read_to_string(path) {
            Ok(text) => content(path, &text, names, options, outside, report),
            Err(error) => {
                report.fail("  FAILED:");
                report.fail(format!("{path}: open {path}: {error}"));
            }
        }
    }
}

/// Tells what is wrong with `text`, the content of the file at `path`, which is empty if there is none.
fn content(
    path: &str,
    text: &str,
    names: NameValidation,
    options: &CheckOptions,
    outside: &Outside<'_>,
    report: &mut Report,
) {
    let unknown = match options.ignore_unknown_fields {
        true => rules::Unknown::Ignored,
        false => rules::Unknown::Refused,
    };
    let groups = match rules::parse(path, text, names, outside, unknown) {
        Ok(groups) => groups,
        Err(errors) => {
            report.fail("  FAILED:");
            for error in errors {
                report.fail(match path {
                    "" => error.to_string(),
                    _ => format!("{path}: {error}"),
                });
            }
            return;
        }
    };
    let duplicates = match options.duplicate_rules {
        true => duplicates(&groups),
        false => Vec::new(),
    };
    if duplicates.is_empty() {
        let n_rules: usize = groups.iter().map(|group| group.rules.len()).sum();
        report.out(format!("  SUCCESS: {n_rules} rules found"));
    } else {
        report.err("  FAILED:");
        report.err(told(&duplicates));
        report.bad_style(options.fatal);
    }
    report.out("");
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

fn told(duplicates: &[(String, Labels)]) -> String {
    let mut text = format!("lint error {} duplicate rule(s) found.\n", duplicates.len());
    for (name, labels) in duplicates {
        text.push_str(&format!("Metric: {name}\nLabel(s):\n"));
        for (name, value) in labels.iter() {
            text.push_str(&format!("\t{name}: {value}\n"));
        }
    }
    text + "Might cause inconsistency while recording expressions"
}
