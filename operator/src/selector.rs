//! Kubernetes' label selectors.
//!
//! Source: `LabelSelectorAsSelector` in apimachinery's `pkg/apis/meta/v1/helpers.go`.
mod syntax;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::field::{Field, Result};

/// What labels must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    /// All of these hold. Equal labels first, by their names, then the expressions in their order.
    pub(crate) requirements: Vec<Requirement>,
}

/// What one label must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    pub(crate) key: String,
    pub(crate) test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Equal(String),
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads a selector; none if it is absent, which selects nothing, whereas an empty one selects all.
    pub(crate) fn read(field: &Field<'_>) -> Result<Option<Self>> {
        if !field.is_there() {
            return Ok(None);
        }
        let equal_field = field.object()?.get("matchLabels");
        let equal = equal_field.labels()?;
        for (key, value) in &equal {
            let wrong = syntax::wrong_key(key).or_else(|| syntax::wrong_value(value));
            if let Some(what) = wrong {
                return Err(equal_field.get(key).reason(what));
            }
        }
        let mut requirements: Vec<Requirement> = equal
            .into_iter()
            .map(|(key, value)| Requirement {
                key,
                test: Test::Equal(value),
            })
            .collect();
        for expression in field.get("matchExpressions").items()? {
            let key = expression.get("key").str()?.unwrap_or("").to_owned();
            if let Some(what) = syntax::wrong_key(&key) {
                return Err(expression.get("key").reason(what));
            }
            let values = expression.get("values").strings()?;
            if let Some(what) = values.iter().find_map(|value| syntax::wrong_value(value)) {
                return Err(expression.get("values").reason(what));
            }
            let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
            let operator = expression.get("operator").str()?.unwrap_or("");
            let test = match operator {
                "In" | "NotIn" if values.is_empty() => {
                    let what = "for 'in', 'notin' operators, values set can't be empty";
                    return Err(expression.get("values").reason(what));
                }
                "Exists" | "DoesNotExist" if !values.is_empty() => {
                    let what = "values set must be empty for exists and does not exist";
                    return Err(expression.get("values").reason(what));
                }
                "In" => Test::In(values),
                "NotIn" => Test::NotIn(values),
                "Exists" => Test::Exists,
                "DoesNotExist" => Test::DoesNotExist,
                _ => {
                    let what = format!("{operator:?} is not a valid label selector operator");
                    return Err(expression.reason(what));
                }
            };
            requirements.push(Requirement { key, test });
        }
        Ok(Some(Self { requirements }))
    }

    /// True if `labels` are as they must be.
    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.test {
                Test::Equal(wanted) => value == Some(wanted),
                Test::In(values) => value.is_some_and(|value| values.contains(value)),
                Test::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Test::Exists => value.is_some(),
                Test::DoesNotExist => value.is_none(),
            }
        })
    }
}

/// As an API server is asked: `app=web,env notin (dev,test),!old`, by the keys' order.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<&Requirement> = self.requirements.iter().collect();
        sorted.sort_by_key(|requirement| &requirement.key);
        for (i, Requirement { key, test }) in sorted.into_iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            f.write_str(comma)?;
            let list = |values: &[String]| {
                let sorted: BTreeSet<&str> = values.iter().map(String::as_str).collect();
                sorted.into_iter().collect::<Vec<_>>().join(",")
            };
            match test {
                Test::Equal(value) => write!(f, "{key}={value}")?,
                Test::In(values) => write!(f, "{key} in ({})", list(values))?,
                Test::NotIn(values) => write!(f, "{key} notin ({})", list(values))?,
                Test::Exists => f.write_str(key)?,
                Test::DoesNotExist => write!(f, "!{key}")?,
            }
        }
        Ok(())
    }
}

/// Which objects of a kind are taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// By their labels; none takes none.
    pub(crate) objects: Option<Selector>,
    /// By the labels of their namespaces; none takes the own namespace alone.
    pub(crate) namespaces: Option<Selector>,
}

impl Selection {
    /// The namespaces whose objects are looked at.
    pub(crate) fn namespaces<'n>(
        &self,
        own: &'n str,
        all: &'n BTreeMap<String, BTreeMap<String, String>>,
    ) -> BTreeSet<&'n str> {
        match &self.namespaces {
            None => BTreeSet::from([own]),
            Some(selector) => all
                .iter()
                .filter(|(_, labels)| selector.matches(labels))
                .map(|(name, _)| name.as_str())
                .collect(),
        }
    }
}
