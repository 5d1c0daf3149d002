//! All targets that discovery has found, as assignment and the targets page want them.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use config::Resolved;
use model::{GroupKey, Target};

/// What was found under one version of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    config_version: u64,
    unsettled: BTreeSet<String>,
    jobs: Vec<(String, Arc<Resolved>)>,
    by_key: BTreeMap<GroupKey, Arc<Target>>,
    alertmanagers: Option<Arc<Vec<Vec<String>>>>,
}

impl Targets {
    /// The targets of `jobs`, by job name; `unsettled` are those of them of which a provider has not told its first.
    ///
    /// Of targets with one key the first counts: they would write the same series.
    pub fn new(
        config_version: u64,
        unsettled: BTreeSet<String>,
        jobs: Vec<(String, Arc<Resolved>)>,
    ) -> Self {
        let mut by_key = BTreeMap::new();
        for target in jobs.iter().flat_map(|(_, resolved)| &resolved.active) {
            let entry = by_key.entry(target.key());
            entry.or_insert_with(|| Arc::new(target.clone()));
        }
        Self {
            config_version,
            unsettled,
            jobs,
            by_key,
            alertmanagers: None,
        }
    }

    /// The same with the addresses of Alertmanagers, of each section of the configuration; none if they are not known.
    pub(crate) fn with_alertmanagers(self, sections: Option<Vec<Vec<String>>>) -> Self {
        Self {
            alertmanagers: sections.map(Arc::new),
            ..self
        }
    }

    /// The addresses of Alertmanagers, of each section of the configuration, once every provider of them has told its
    /// first.
    pub(crate) fn alertmanagers(&self) -> Option<&Arc<Vec<Vec<String>>>> {
        self.alertmanagers.as_ref()
    }

    /// The version of the configuration that they were found under; 0 before the first.
    pub fn config_version(&self) -> u64 {
        self.config_version
    }

    /// True if every provider has told its first.
    pub fn is_complete(&self) -> bool {
        self.config_version > 0 && self.unsettled.is_empty()
    }

    /// True if every provider of `job` has told its first, or there is no such job any more.
    pub fn is_settled(&self, job: &str) -> bool {
        self.config_version > 0 && !self.unsettled.contains(job)
    }

    /// What became of each job's targets, in the order of the configuration.
    pub fn jobs(&self) -> &[(String, Arc<Resolved>)] {
        &self.jobs
    }

    /// The targets to scrape, each key once.
    pub fn by_key(&self) -> &BTreeMap<GroupKey, Arc<Target>> {
        &self.by_key
    }
}
