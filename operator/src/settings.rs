//! A `Prometheus` manifest: which objects are taken, and what holds for all of them.
mod check;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    field::{Field, Reason, Result},
    object::{Kind, Object, Objects},
    selector::Selection,
};

/// How often jobs are scraped that say nothing, as the resource's definition has it.
const SCRAPE_INTERVAL: &str = "30s";

/// Fields that the operator makes configuration of, which here has its place in `prometheus.yml`.
const OURS: [&str; 19] = [
    "additionalAlertManagerConfigs",
    "additionalAlertRelabelConfigs",
    "additionalScrapeConfigs",
    "alerting",
    "apiserverConfig",
    "evaluationInterval",
    "exemplars",
    "externalLabels",
    "otlp",
    "prometheusExternalLabelName",
    "query",
    "queryLogFile",
    "remoteRead",
    "remoteWrite",
    "retention",
    "retentionSize",
    "ruleQueryOffset",
    "tracingConfig",
    "tsdb",
];

/// The manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no YAML.
    #[error("the manifest is no YAML: {0}")]
    Yaml(String),
    /// It is of another kind.
    #[error(
        "expected a manifest of apiVersion \"monitoring.coreos.com/v1\" and kind \"Prometheus\", found {0:?} and {1:?}"
    )]
    Kind(String, String),
    /// A field does not fit; the text names it.
    #[error("{0}")]
    Field(String),
}

impl From<Reason> for Error {
    fn from(Reason(text): Reason) -> Self {
        Self::Field(text)
    }
}

/// What a `Prometheus` manifest says about the objects that it selects.
#[derive(Clone, Debug)]
pub struct Settings {
    namespace: String,
    selections: BTreeMap<Kind, Selection>,
    manifest: Value,
    warnings: Vec<String>,
}

impl Settings {
    /// Reads a manifest of `apiVersion: monitoring.coreos.com/v1` and `kind: Prometheus`.
    ///
    /// # Errors
    /// [`Error`] if it is none, or if a field of those that are honoured does not fit.
    pub fn parse(text: &str) -> std::result::Result<Self, Error> {
        let manifest: Value =
            serde_saphyr::from_str(text).map_err(|cause| Error::Yaml(cause.to_string()))?;
        let root = Field::root(&manifest);
        let text = |name: &str| Ok::<_, Reason>(root.get(name).str()?.unwrap_or("").to_owned());
        let (version, kind) = (text("apiVersion")?, text("kind")?);
        if (version.as_str(), kind.as_str()) != ("monitoring.coreos.com/v1", "Prometheus") {
            return Err(Error::Kind(version, kind));
        }
        let namespace = root.get("metadata").object()?.get("namespace");
        let namespace = namespace.text()?.unwrap_or("default").to_owned();
        let spec = root.get("spec");
        spec.object()?;
        let mut selections = BTreeMap::new();
        for kind in Kind::ALL {
            selections.insert(kind, selection(&spec, kind)?);
        }
        let warnings = OURS.iter().filter_map(|name| {
            let field = spec.get(name);
            let empty = match field.value() {
                Value::Null => true,
                Value::Object(fields) => fields.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::String(text) => text.is_empty(),
                _ => false,
            };
            (!empty)
                .then(|| format!("spec.{name} is not honoured: it has its place in prometheus.yml"))
        });
        let warnings = warnings.collect();
        let settings = Self {
            namespace,
            selections,
            manifest,
            warnings,
        };
        settings.check_classes()?;
        check::usable(&settings)?;
        Ok(settings)
    }

    /// What of the manifest is not honoured although it shapes what is scraped, stored or told.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn spec(&self) -> Field<'_> {
        Field::root(&self.manifest).get("spec")
    }

    /// How often jobs are scraped that say nothing.
    pub(crate) fn scrape_interval(&self) -> Result<&str> {
        Ok(self
            .spec()
            .get("scrapeInterval")
            .text()?
            .unwrap_or(SCRAPE_INTERVAL))
    }

    /// True if objects of `kind` are taken at all.
    pub fn selects(&self, kind: Kind) -> bool {
        let selection = self.selections.get(&kind);
        selection.is_some_and(|selection| selection.objects.is_some())
    }

    /// The objects of `kind` that are taken, by namespace and name.
    pub(crate) fn selected<'o>(&self, kind: Kind, objects: &'o Objects) -> Vec<Object<'o>> {
        let Some(selection) = self.selections.get(&kind) else {
            return Vec::new();
        };
        let Some(selector) = &selection.objects else {
            return Vec::new();
        };
        let namespaces = selection.namespaces(&self.namespace, &objects.namespaces);
        let all = objects.objects.get(&kind).into_iter().flatten();
        let mut selected: Vec<Object<'o>> = all
            .filter_map(|value| Object::new(kind, value))
            .filter(|object| namespaces.contains(object.namespace))
            .filter(|object| selector.matches(&object.labels()))
            .collect();
        selected.sort_by_key(|object| (object.namespace, object.name));
        selected
    }

    fn classes(&self) -> Result<Vec<Field<'_>>> {
        self.spec().get("scrapeClasses").items()
    }

    fn check_classes(&self) -> Result<()> {
        let mut n_default = 0;
        for class in self.classes()? {
            if class.get("name").text()?.is_none() {
                return Err(class.get("name").reason("a scrape class needs a name"));
            }
            n_default += usize::from(class.get("default").bool()? == Some(true));
        }
        match n_default {
            0 | 1 => Ok(()),
            _ => Err(self
                .spec()
                .get("scrapeClasses")
                .reason("multiple default scrape classes defined")),
        }
    }

    /// The scrape class that `spec` of an object names, or the default one; absent if there is none.
    pub(crate) fn class(&self, spec: &Field<'_>) -> Result<Field<'_>> {
        let none = Field::root(&Value::Null);
        let classes = self.classes()?;
        let field = spec.get("scrapeClass");
        let Some(wanted) = field.text()? else {
            let default = |class: &Field<'_>| class.get("default").bool() == Ok(Some(true));
            return Ok(classes.into_iter().find(default).unwrap_or(none));
        };
        let named = |class: &Field<'_>| class.get("name").str() == Ok(Some(wanted));
        let found = classes.into_iter().find(named);
        let unknown = || {
            field.reason(format!(
                "scrapeClass {wanted:?} not found in Prometheus scrapeClasses"
            ))
        };
        found.ok_or_else(unknown)
    }

    /// The label that every series of `object` gets its namespace in, if that is enforced.
    pub(crate) fn enforced_label(&self, object: &Object<'_>) -> Result<Option<&str>> {
        let spec = self.spec();
        let Some(label) = spec.get("enforcedNamespaceLabel").text()? else {
            return Ok(None);
        };
        for excluded in spec.get("excludedFromEnforcement").items()? {
            let text = |name: &str| Ok::<_, Reason>(excluded.get(name).str()?.unwrap_or(""));
            let group = excluded.get("group").str()?.unwrap_or(Kind::GROUP);
            let resource = text("resource")?;
            let (namespace, name) = (text("namespace")?, text("name")?);
            if group == Kind::GROUP
                && resource == object.kind.plural()
                && namespace == object.namespace
                && (name.is_empty() || name == object.name)
            {
                return Ok(None);
            }
        }
        // What was there before exclusions of all kinds.
        for excluded in spec.get("prometheusRulesExcludedFromEnforce").items()? {
            let text = |name: &str| Ok::<_, Reason>(excluded.get(name).str()?.unwrap_or(""));
            if object.kind == Kind::PrometheusRule
                && text("ruleNamespace")? == object.namespace
                && text("ruleName")? == object.name
            {
                return Ok(None);
            }
        }
        Ok(Some(label))
    }
}

/// Which objects of `kind` the manifest's `spec` selects.
fn selection(spec: &Field<'_>, kind: Kind) -> Result<Selection> {
    let what = kind.stem();
    let read = |suffix| crate::selector::Selector::read(&spec.get(&format!("{what}{suffix}")));
    Ok(Selection {
        objects: read("Selector")?,
        namespaces: read("NamespaceSelector")?,
    })
}
