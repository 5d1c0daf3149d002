//! What is bad style in names, types and help of metrics.
//!
//! Source: `prometheus/client_golang`, `prometheus/testutil/promlint`.
use std::collections::HashMap;

use model::{Labels, MetricType};

use super::family::Family;

/// Units that metrics are measured in, with the base unit to use in place of each.
const UNITS: &[(&str, &str)] = &[
    ("amperes", "amperes"),
    ("bytes", "bytes"),
    ("celsius", "celsius"),
    ("grams", "grams"),
    ("joules", "joules"),
    ("kelvin", "kelvin"),
    ("meters", "meters"),
    ("metres", "metres"),
    ("seconds", "seconds"),
    ("volts", "volts"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("kelvins", "kelvin"),
    ("fahrenheit", "celsius"),
    ("rankine", "celsius"),
    ("inches", "meters"),
    ("yards", "meters"),
    ("miles", "meters"),
    ("bits", "bytes"),
    ("calories", "joules"),
    ("pounds", "grams"),
    ("ounces", "grams"),
];

/// What may stand before a unit.
const PREFIXES: &[&str] = &[
    "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega",
    "mibi", "giga", "gibi", "tera", "tebi", "peta", "pebi",
];

/// Units in short.
const ABBREVIATIONS: &[&str] = &[
    "s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d",
];

/// Something that is bad style; sorted by the metric's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    pub(super) metric: String,
    pub(super) text: String,
}

/// All that is bad style in `families`, in the order in which it is told.
pub(super) fn problems(families: &[Family]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = families
        .iter()
        .flat_map(|family| {
            texts(family).into_iter().map(|text| Problem {
                metric: family.name.clone(),
                text,
            })
        })
        .collect();
    problems.sort();
    problems
}

fn texts(family: &Family) -> Vec<String> {
    let name = family.name.as_str();
    let kind = family.kind();
    let mut texts = Vec::new();
    let mut say = |text: &str| texts.push(text.to_owned());
    if !family.has_help {
        say("no help text");
    }
    if let Some((unit, base)) = unit(name).filter(|(unit, base)| unit != base) {
        say(&format!("use base unit {base:?} instead of {unit:?}"));
    }
    if kind != MetricType::Unknown {
        of_type(family, kind, &mut say);
    }
    if name.contains(':') {
        say("metric names should not contain ':'");
    }
    if is_camel_case(name) {
        say("metric names should be written in 'snake_case' not 'camelCase'");
    }
    for _ in label_names(family).filter(|label| is_camel_case(label)) {
        say("label names should be written in 'snake_case' not 'camelCase'");
    }
    let lower = name.to_lowercase();
    for _ in ABBREVIATIONS.iter().filter(|short| has_word(&lower, short)) {
        say("metric names should not contain abbreviated units");
    }
    let mut n_metrics: HashMap<&Labels, usize> = HashMap::new();
    for metric in &family.metrics {
        *n_metrics.entry(&metric.labels).or_default() += 1;
    }
    for _ in n_metrics.len()..family.metrics.len() {
        say("metric not unique");
    }
    texts
}

/// What does not go with the type of `family`, which tells one.
fn of_type(family: &Family, kind: MetricType, say: &mut impl FnMut(&str)) {
    let name = family.name.as_str();
    let is_histogram = kind == MetricType::Histogram;
    let is_summary = kind == MetricType::Summary;
    match (kind == MetricType::Counter, name.ends_with("_total")) {
        (true, false) => say("counter metrics should have \"_total\" suffix"),
        (false, true) => say("non-counter metrics should not have \"_total\" suffix"),
        _ => {}
    }
    if !is_histogram && name.ends_with("_bucket") {
        say("non-histogram metrics should not have \"_bucket\" suffix");
    }
    for suffix in ["_count", "_sum"] {
        if !is_histogram && !is_summary && name.ends_with(suffix) {
            say(&format!(
                "non-histogram and non-summary metrics should not have {suffix:?} suffix"
            ));
        }
    }
    for label in label_names(family) {
        if !is_histogram && label == "le" {
            say("non-histogram metrics should not have \"le\" label");
        }
        if !is_summary && label == "quantile" {
            say("non-summary metrics should not have \"quantile\" label");
        }
    }
    let kind = kind.as_str();
    if has_word(&name.to_lowercase(), kind) {
        say(&format!("metric name should not include type '{kind}'"));
    }
}

/// The names of the labels of all metrics, again for each metric.
fn label_names(family: &Family) -> impl Iterator<Item = &str> {
    let labels = family.metrics.iter().map(|metric| &metric.labels);
    labels.flat_map(|labels| labels.iter().map(|(name, _)| name))
}

/// True if `word` stands in `name` after an underscore, and ends there or at the next one.
fn has_word(name: &str, word: &str) -> bool {
    name.split('_').skip(1).any(|one| one == word)
}

fn is_camel_case(name: &str) -> bool {
    let mut pairs = name.as_bytes().windows(2);
    pairs.any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

/// The first unit in `name`, with its prefix, and the base unit to use.
fn unit(name: &str) -> Option<(&str, &'static str)> {
    let base = |word: &str| UNITS.iter().find(|(unit, _)| *unit == word);
    name.split('_').find_map(|word| {
        let without = PREFIXES
            .iter()
            .filter_map(|prefix| word.strip_prefix(prefix));
        let mut all = std::iter::once(word).chain(without);
        let (_, base) = all.find_map(base)?;
        Some((word, *base))
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use model::NameValidation;

    use super::*;
    use crate::check::metrics::family;

    #[track_caller]
    fn check(page: &str, expected: Expect) {
        let families = family::read(page.as_bytes(), NameValidation::Legacy).unwrap();
        let lines = problems(&families).into_iter();
        let lines: Vec<String> = lines
            .map(|Problem { metric, text }| format!("{metric} {text}"))
            .collect();
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn good_metrics_give_no_problem() {
        check(
            "# HELP a_seconds x\n# TYPE a_seconds histogram\na_seconds_bucket{le=\"1\"} 1\na_seconds_sum 1\na_seconds_count 1\n# HELP b_total x\n# TYPE b_total counter\nb_total{c=\"1\"} 1\nb_total{c=\"2\"} 1\n# HELP c_sum x\nc_sum 1\n",
            expect![[""]],
        );
    }

    #[test]
    fn bad_style_is_told_in_promtools_words() {
        check(
            "# TYPE x counter\nx 1\n# TYPE x_total gauge\nx_total 1\n# TYPE y_bucket gauge\ny_bucket{le=\"1\",quantile=\"1\"} 1\n# TYPE y_count gauge\ny_count 1\n# TYPE a_gauge gauge\na_gauge 1\n# TYPE a_histogram_x histogram\na_histogram_x_sum 1\n# HELP a:b x\na:b 1\n# HELP fooBar x\nfooBar{bazQux=\"1\"} 1\n# HELP a_ms_kb x\na_ms_kb 1\n# HELP d_milliseconds x\nd_milliseconds 1\n# HELP e_minutes x\ne_minutes 1\ne_minutes 2\ne_minutes 3\n# HELP s x\ns 1\n",
            expect![[r#"
                a:b metric names should not contain ':'
                a_gauge metric name should not include type 'gauge'
                a_gauge no help text
                a_histogram_x metric name should not include type 'histogram'
                a_histogram_x no help text
                a_ms_kb metric names should not contain abbreviated units
                a_ms_kb metric names should not contain abbreviated units
                d_milliseconds use base unit "seconds" instead of "milliseconds"
                e_minutes metric not unique
                e_minutes metric not unique
                e_minutes use base unit "seconds" instead of "minutes"
                fooBar label names should be written in 'snake_case' not 'camelCase'
                fooBar metric names should be written in 'snake_case' not 'camelCase'
                x counter metrics should have "_total" suffix
                x no help text
                x_total no help text
                x_total non-counter metrics should not have "_total" suffix
                y_bucket no help text
                y_bucket non-histogram metrics should not have "_bucket" suffix
                y_bucket non-histogram metrics should not have "le" label
                y_bucket non-summary metrics should not have "quantile" label
                y_count no help text
                y_count non-histogram and non-summary metrics should not have "_count" suffix"#]],
        );
    }
}
