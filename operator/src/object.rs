//! The kinds of custom resources, and what a cluster has of them.
use std::collections::BTreeMap;

use serde_json::Value;

use crate::field::Field;

/// A kind of custom resource that is turned into configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Endpoints of services.
    ServiceMonitor,
    /// Ports of pods.
    PodMonitor,
    /// What a prober is to probe.
    Probe,
    /// A scrape job with discovery of its own.
    ScrapeConfig,
    /// Groups of rules.
    PrometheusRule,
}

impl Kind {
    /// All of them, in the order in which their jobs stand.
    pub const ALL: [Self; 5] = [
        Self::ServiceMonitor,
        Self::PodMonitor,
        Self::Probe,
        Self::ScrapeConfig,
        Self::PrometheusRule,
    ];
    /// The API group of all of them.
    pub const GROUP: &'static str = "monitoring.coreos.com";

    /// As it stands in `kind:`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceMonitor => "ServiceMonitor",
            Self::PodMonitor => "PodMonitor",
            Self::Probe => "Probe",
            Self::ScrapeConfig => "ScrapeConfig",
            Self::PrometheusRule => "PrometheusRule",
        }
    }

    /// What its selectors in a manifest begin with, and the names of its jobs.
    pub(crate) const fn stem(self) -> &'static str {
        match self {
            Self::ServiceMonitor => "serviceMonitor",
            Self::PodMonitor => "podMonitor",
            Self::Probe => "probe",
            Self::ScrapeConfig => "scrapeConfig",
            Self::PrometheusRule => "rule",
        }
    }

    /// As it stands in the API's addresses.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::ServiceMonitor => "servicemonitors",
            Self::PodMonitor => "podmonitors",
            Self::Probe => "probes",
            Self::ScrapeConfig => "scrapeconfigs",
            Self::PrometheusRule => "prometheusrules",
        }
    }

    /// The version in which it is read.
    pub const fn version(self) -> &'static str {
        match self {
            Self::ScrapeConfig => "v1alpha1",
            _ => "v1",
        }
    }
}

/// What the cluster holds.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Custom resources as the API tells them: `metadata` and `spec`.
    pub objects: BTreeMap<Kind, Vec<Value>>,
    /// The labels of each namespace by its name.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

/// One object and what is often asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Object<'v> {
    pub(crate) kind: Kind,
    pub(crate) namespace: &'v str,
    pub(crate) name: &'v str,
    pub(crate) uid: &'v str,
    root: Field<'v>,
}

impl<'v> Object<'v> {
    /// The object in `value`; what has no name is none.
    pub(crate) fn new(kind: Kind, value: &'v Value) -> Option<Self> {
        let root = Field::root(value);
        let metadata = root.get("metadata");
        let text = |name| metadata.get(name).str().ok().flatten();
        Some(Self {
            kind,
            namespace: text("namespace")?,
            name: text("name")?,
            uid: text("uid").unwrap_or(""),
            root,
        })
    }

    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.root.get("metadata").get("labels");
        // The API server lets no others through.
        labels.labels().unwrap_or_default()
    }

    pub(crate) fn spec(&self) -> Field<'v> {
        self.root.get("spec")
    }
}
