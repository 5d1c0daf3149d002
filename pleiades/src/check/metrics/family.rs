//! The metrics of a page in Prometheus' text format, gathered by their families.
//!
//! Source: `TextParser` in `prometheus/common`, `expfmt/text_parse.go`. Lines are read as a scrape reads them; what
//! is asked beyond that, which line belongs to which family, stands here.
use std::collections::HashMap;

use exposition::{Entry, Format, Parser, Series};
use model::{Labels, METRIC_NAME, MetricType, NameValidation};

/// Metrics of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) has_help: bool,
    /// As the page says, or not told when the first sample comes; then it is no more to be told.
    kind: Option<MetricType>,
    /// At least one in those that [`read`] gives.
    pub(super) metrics: Vec<Metric>,
}

impl Family {
    pub(super) fn kind(&self) -> MetricType {
        self.kind.unwrap_or_default()
    }
}

/// A series; or those of a histogram or summary that differ in nothing but its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metric {
    /// Without the name, `le` of a histogram's buckets and `quantile` of a summary's quantiles.
    pub(super) labels: Labels,
    /// Buckets or quantiles.
    pub(super) n_parts: usize,
}

/// Why a page has no families.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("text format parsing error in line {line}: {what}")]
pub(super) struct PageError {
    line: usize,
    what: String,
}

/// The families of `page` that have samples, in the order in which they come up.
pub(super) fn read(page: &[u8], names: NameValidation) -> Result<Vec<Family>, PageError> {
    let mut families = Families {
        names,
        all: Vec::new(),
        by_name: HashMap::new(),
        by_labels: HashMap::new(),
    };
    let mut parser = Parser::new(page, Format::Text);
    while let Some(entry) = parser.next() {
        let entry = entry.map_err(|error| PageError {
            line: error.line,
            what: error.message,
        })?;
        let line = || parser.line();
        families
            .take(&entry)
            .map_err(|what| PageError { line: line(), what })?;
    }
    let Families { mut all, .. } = families;
    all.retain(|family| !family.metrics.is_empty());
    Ok(all)
}

struct Families {
    names: NameValidation,
    all: Vec<Family>,
    by_name: HashMap<String, usize>,
    /// Where the metric of a histogram or summary stands in its family.
    by_labels: HashMap<(usize, Labels), usize>,
}

impl Families {
    fn take(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        match entry {
            Entry::Comment(_) | Entry::Unit { .. } => {}
            Entry::Help { metric, help } => {
                let family_idx = self.family_of(metric)?;
                let family = &mut self.all[family_idx];
                if family.has_help {
                    return Err(format!(
                        "second HELP line for metric name {:?}",
                        family.name
                    ));
                }
                family.has_help = !help.is_empty();
            }
            Entry::Type { metric, kind } => {
                let family_idx = self.family_of(metric)?;
                let family = &mut self.all[family_idx];
                if family.kind.is_some() {
                    return Err(format!(
                        "second TYPE line for metric name {:?}, or TYPE reported after samples",
                        family.name
                    ));
                }
                family.kind = Some(*kind);
            }
            Entry::Series(series) => self.sample(series)?,
        }
        Ok(())
    }

    /// The family that lines with `name` belong to: of that name, or a histogram or summary that it is a part of.
    fn family_of(&mut self, name: &str) -> Result<usize, String> {
        if !self.names.is_metric_name(name) {
            return Err(format!("invalid metric name {name:?}"));
        }
        if let Some(found) = self.by_name.get(name) {
            return Ok(*found);
        }
        let parts = [
            (MetricType::Summary, &["_count", "_sum"][..]),
            (MetricType::Histogram, &["_count", "_sum", "_bucket"]),
        ];
        for (kind, suffixes) in parts {
            let of_part = suffixes
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .filter(|whole| !whole.is_empty())
                .and_then(|whole| self.by_name.get(whole));
            if let Some(found) = of_part.filter(|idx| self.all[**idx].kind() == kind) {
                return Ok(*found);
            }
        }
        let family_idx = self.all.len();
        self.by_name.insert(name.to_owned(), family_idx);
        self.all.push(Family {
            name: name.to_owned(),
            has_help: false,
            kind: None,
            metrics: Vec::new(),
        });
        Ok(family_idx)
    }

    fn sample(&mut self, series: &Series<'_>) -> Result<(), String> {
        let labels = series.labels().map_err(|error| error.to_string())?;
        let name = labels.value(METRIC_NAME);
        let family_idx = self.family_of(name)?;
        let mut wrong = labels.iter().map(|(label, _)| label);
        if let Some(label) = wrong.find(|label| !self.names.is_label_name(label)) {
            return Err(format!("invalid label name {label:?}"));
        }
        let family = &mut self.all[family_idx];
        let kind = *family.kind.get_or_insert_default();
        let part = match kind {
            MetricType::Histogram => Some("le"),
            MetricType::Summary => Some("quantile"),
            _ => None,
        };
        let kept = labels
            .iter()
            .filter(|(label, _)| *label != METRIC_NAME && Some(*label) != part)
            .collect();
        let Some(part) = part else {
            family.metrics.push(Metric {
                labels: kept,
                n_parts: 0,
            });
            return Ok(());
        };
        let bound = labels.get(part);
        if let Some(bound) = bound.filter(|bound| bound.parse::<f64>().is_err()) {
            return Err(format!(
                "expected float as value for '{part}' label, got {bound:?}"
            ));
        }
        if kind == MetricType::Histogram && series.value < 0.0 {
            let of = &family.name;
            if name.ends_with("_count") {
                return Err(format!("negative count for histogram {of:?}"));
            }
            if bound.is_some() {
                return Err(format!("negative bucket population for histogram {of:?}"));
            }
        }
        let n_metrics = family.metrics.len();
        let place = self
            .by_labels
            .entry((family_idx, kept))
            .or_insert_with_key(|(_, kept)| {
                family.metrics.push(Metric {
                    labels: kept.clone(),
                    n_parts: 0,
                });
                n_metrics
            });
        family.metrics[*place].n_parts += usize::from(bound.is_some());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn parts_belong_to_their_histogram_or_summary() {
        let page = b"# HELP h x\n# TYPE h histogram\nh_bucket{a=\"1\",le=\"1\"} 1\nh_bucket{a=\"1\",le=\"+Inf\"} 2\nh_sum{a=\"1\"} 1\nh_count{a=\"1\"} 2\nh_max 1\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 1\ns_count 1\ns_bucket{le=\"1\"} 1\n# TYPE empty gauge\n";
        let families = read(page, NameValidation::Legacy).unwrap();
        let shown: Vec<String> = families
            .iter()
            .map(|family| {
                let metrics = family.metrics.iter();
                let metrics: Vec<String> = metrics
                    .map(|metric| format!("{} {}", metric.labels, metric.n_parts))
                    .collect();
                let (name, kind) = (&family.name, family.kind().as_str());
                format!("{name} {kind} {} {metrics:?}", family.has_help)
            })
            .collect();
        expect![[r#"
            h histogram true ["{a=\"1\"} 2"]
            h_max unknown false ["{} 0"]
            s summary false ["{} 1"]
            s_bucket unknown false ["{le=\"1\"} 0"]"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        let refused = |page: &str| {
            read(page.as_bytes(), NameValidation::Legacy)
                .unwrap_err()
                .to_string()
        };
        let pages = [
            "a 1\nb",
            "# HELP a x\n# HELP a y\n",
            "a 1\n# TYPE a counter\n",
            "# TYPE a foo\n",
            "a{b=\"1\",b=\"2\"} 1\n",
            "{\"a.b\"} 1\n",
            "a{\"b.c\"=\"d\"} 1\n",
            "# TYPE h histogram\nh_bucket{le=\"x\"} 1\n",
            "# TYPE h histogram\nh_bucket{le=\"1\"} -1\n",
            "# TYPE h histogram\nh_count -1\n",
        ];
        let all: Vec<String> = pages.iter().map(|page| refused(page)).collect();
        expect![[r#"
            text format parsing error in line 2: expected value after metric, got "\n" ("INVALID") while parsing: "b\n"
            text format parsing error in line 2: second HELP line for metric name "a"
            text format parsing error in line 2: second TYPE line for metric name "a", or TYPE reported after samples
            text format parsing error in line 1: invalid metric type "foo"
            text format parsing error in line 1: label name "b" is not unique: invalid sample
            text format parsing error in line 1: invalid metric name "a.b"
            text format parsing error in line 1: invalid label name "b.c"
            text format parsing error in line 2: expected float as value for 'le' label, got "x"
            text format parsing error in line 2: negative bucket population for histogram "h"
            text format parsing error in line 2: negative count for histogram "h""#]].assert_eq(&all.join("\n"));
    }
}
