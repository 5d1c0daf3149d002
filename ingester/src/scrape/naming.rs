//! From the labels of a page to the labels of a series: the target's labels, relabelling, limits.
use model::{Labels, METRIC_NAME, NameValidation, RelabelRule, relabel};

/// What stands before the name of a page's label that gives way to the target's.
const EXPORTED: &str = "exported_";
/// How many characters of a name or value an error shows.
const SHOWN: usize = 50;

/// How the series of one target are named.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Naming {
    /// The target's labels.
    pub(crate) target: Labels,
    /// The page's labels win over the target's.
    pub(crate) honor_labels: bool,
    pub(crate) relabel: std::sync::Arc<[RelabelRule]>,
    pub(crate) names: NameValidation,
    pub(crate) limits: LabelLimits,
}

/// Bounds of a series' labels; 0 sets none. Lengths are in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelLimits {
    pub(crate) labels: u64,
    pub(crate) name_length: u64,
    pub(crate) value_length: u64,
}

/// A series that may not be stored: the whole page is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NamingError {
    /// It has no name.
    #[error("missing metric name (__name__ label)")]
    NoName,
    /// A name is none.
    #[error("invalid metric name or label names: {0}")]
    Invalid(Labels),
    /// Too many labels.
    #[error("label_limit exceeded (metric: {metric}, number of labels: {n}, limit: {limit})")]
    Labels {
        metric: String,
        n: usize,
        limit: u64,
    },
    /// A label's name is too long.
    #[error(
        "label_name_length_limit exceeded (metric: {metric}, label name: {name}, length: {length}, limit: {limit})"
    )]
    NameLength {
        metric: String,
        name: String,
        length: usize,
        limit: u64,
    },
    /// A label's value is too long.
    #[error(
        "label_value_length_limit exceeded (metric: {metric}, label name: {name}, value: {value:?}, length: {length}, limit: {limit})"
    )]
    ValueLength {
        metric: String,
        name: String,
        value: String,
        length: usize,
        limit: u64,
    },
}

impl NamingError {
    /// True if a limit was passed.
    pub(crate) fn is_limit(&self) -> bool {
        !matches!(self, Self::NoName | Self::Invalid(_))
    }
}

impl Naming {
    /// The labels under which a series of the page is stored; none if relabelling drops it.
    pub(crate) fn stored(&self, page: &Labels) -> Result<Option<Labels>, NamingError> {
        let mut builder = page.to_builder();
        if self.honor_labels {
            for (name, value) in self.target.iter().filter(|(n, _)| page.get(n).is_none()) {
                builder.set(name, value);
            }
        } else {
            let mut displaced: Vec<(&str, &str)> = Vec::new();
            for (name, value) in self.target.iter() {
                displaced.extend(page.get(name).map(|exposed| (name, exposed)));
                builder.set(name, value);
            }
            // Shorter names first, so that `exported_a` cannot take the place that `a` needs.
            displaced.sort_by_key(|(name, _)| name.len());
            for (name, value) in displaced {
                let mut name = format!("{EXPORTED}{name}");
                while !builder.value(&name).is_empty() {
                    name.insert_str(0, EXPORTED);
                }
                builder.set(&name, value);
            }
        }
        if !relabel(&mut builder, &self.relabel) {
            return Ok(None);
        }
        let labels = builder.build();
        match labels.is_empty() {
            true => Ok(None),
            false => self.check(&labels).map(|()| Some(labels)),
        }
    }

    /// The labels of one of the series that every scrape gives.
    pub(crate) fn synthetic(&self, name: &str) -> Labels {
        self.target.with(METRIC_NAME, name)
    }

    fn check(&self, labels: &Labels) -> Result<(), NamingError> {
        let metric = labels.get(METRIC_NAME).ok_or(NamingError::NoName)?;
        let is_valid = self.names.is_metric_name(metric)
            && labels
                .iter()
                .all(|(name, _)| self.names.is_label_name(name));
        if !is_valid {
            return Err(NamingError::Invalid(labels.clone()));
        }
        let above = |n: usize, limit: u64| limit > 0 && n as u64 > limit;
        let limits = self.limits;
        if above(labels.len(), limits.labels) {
            return Err(NamingError::Labels {
                metric: shown(metric),
                n: labels.len(),
                limit: limits.labels,
            });
        }
        for (name, value) in labels.iter() {
            if above(name.len(), limits.name_length) {
                return Err(NamingError::NameLength {
                    metric: shown(metric),
                    name: shown(name),
                    length: name.len(),
                    limit: limits.name_length,
                });
            }
            if above(value.len(), limits.value_length) {
                return Err(NamingError::ValueLength {
                    metric: shown(metric),
                    name: shown(name),
                    value: shown(value),
                    length: value.len(),
                    limit: limits.value_length,
                });
            }
        }
        Ok(())
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use model::{RelabelAction, regex::Regex};

    use super::*;

    fn naming(honor_labels: bool) -> Naming {
        Naming {
            target: Labels::from_pairs([
                ("job", "node"),
                ("instance", "a:1"),
                ("exported_job", "t"),
            ]),
            honor_labels,
            relabel: [].into(),
            names: NameValidation::Utf8,
            limits: LabelLimits::default(),
        }
    }

    #[track_caller]
    fn check(naming: &Naming, page: &[(&str, &str)], expect: Expect) {
        let text = match naming.stored(&Labels::from_pairs(page.iter().copied())) {
            Ok(Some(labels)) => labels.to_string(),
            Ok(None) => "dropped".to_owned(),
            Err(error) => error.to_string(),
        };
        expect.assert_eq(&text);
    }

    #[test]
    fn the_targets_labels_displace_those_of_the_page() {
        check(
            &naming(false),
            &[("__name__", "m"), ("job", "x"), ("exported_job", "y")],
            expect![[
                r#"{__name__="m", exported_exported_exported_job="y", exported_exported_job="x", exported_job="t", instance="a:1", job="node"}"#
            ]],
        );
    }

    #[test]
    fn honoured_labels_stay() {
        check(
            &naming(true),
            &[("__name__", "m"), ("job", "x")],
            expect![[r#"{__name__="m", exported_job="t", instance="a:1", job="x"}"#]],
        );
    }

    #[test]
    fn rules_drop_series_and_may_not_take_the_name() {
        let mut naming = naming(false);
        let rule = |action, regex: &str| RelabelRule {
            source_labels: vec!["__name__".to_owned()],
            action,
            regex: Regex::new(regex).unwrap(),
            ..Default::default()
        };
        naming.relabel = [rule(RelabelAction::Drop, "go_.*")].into();
        check(&naming, &[("__name__", "go_threads")], expect!["dropped"]);
        let mut rule = rule(RelabelAction::LabelDrop, "__name__");
        rule.source_labels.clear();
        naming.relabel = [rule].into();
        check(
            &naming,
            &[("__name__", "m")],
            expect!["missing metric name (__name__ label)"],
        );
    }

    #[test]
    fn limits_are_told_as_prometheus_tells_them() {
        let mut naming = naming(false);
        naming.limits.labels = 3;
        check(
            &naming,
            &[("__name__", "m")],
            expect!["label_limit exceeded (metric: m, number of labels: 4, limit: 3)"],
        );
        naming.limits = LabelLimits {
            name_length: 20,
            ..Default::default()
        };
        check(
            &naming,
            &[("__name__", "m"), ("a_label_with_a_long_name", "1")],
            expect![
                "label_name_length_limit exceeded (metric: m, label name: a_label_with_a_long_name, length: 24, limit: 20)"
            ],
        );
        naming.limits = LabelLimits {
            value_length: 10,
            ..Default::default()
        };
        check(
            &naming,
            &[("__name__", "m"), ("x", "0123456789\"")],
            expect![[
                r#"label_value_length_limit exceeded (metric: m, label name: x, value: "0123456789\"", length: 11, limit: 10)"#
            ]],
        );
        naming.names = NameValidation::Legacy;
        check(
            &naming,
            &[("__name__", "m.n")],
            expect![[
                r#"invalid metric name or label names: {__name__="m.n", exported_job="t", instance="a:1", job="node"}"#
            ]],
        );
    }
}
