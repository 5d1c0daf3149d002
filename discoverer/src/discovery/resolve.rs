//! From groups to targets, job by job; jobs whose groups are as before are not resolved again.
use std::{collections::HashMap, sync::Arc, time::Instant};

use config::{Alerting, Config, Resolved, ScrapeJob, TargetGroup, alertmanager_urls, targets};
use tracing::warn;

use super::{Metrics, provider::Groups};
use crate::targets::Targets;

/// What was resolved last, by job.
#[derive(Default)]
pub(crate) struct Resolver {
    held: HashMap<String, Held>,
}

struct Held {
    job: ScrapeJob,
    groups: Vec<Groups>,
    resolved: Arc<Resolved>,
}

impl Resolver {
    /// The targets of all jobs of `config`, where `found` has the groups of each job's mechanisms.
    pub(crate) fn targets(
        &mut self,
        version: u64,
        config: &Config,
        found: Vec<Vec<Groups>>,
        metrics: &Metrics,
    ) -> Targets {
        let all = config.jobs.iter().zip(&found);
        let unsettled = all.filter(|(_, groups)| groups.iter().any(Option::is_none));
        let unsettled = unsettled.map(|(job, _)| job.name.clone()).collect();
        let mut held = HashMap::new();
        let mut jobs = Vec::new();
        for (job, groups) in config.jobs.iter().zip(found) {
            let before = self.held.remove(&job.name);
            if before.as_ref().is_none_or(|before| before.job != *job) {
                metrics.configured(before.is_none());
            }
            let same = before.filter(|b| b.job == *job && same(&b.groups, &groups));
            let resolved = match same {
                Some(before) => before.resolved,
                None => Arc::new(resolve(job, &groups, metrics)),
            };
            jobs.push((job.name.clone(), Arc::clone(&resolved)));
            let now = Held {
                job: job.clone(),
                groups,
                resolved,
            };
            held.insert(job.name.clone(), now);
        }
        let gone = std::mem::replace(&mut self.held, held);
        gone.keys().for_each(|job| metrics.forget(job));
        Targets::new(version, unsettled, jobs)
    }
}

/// The addresses of each section's Alertmanagers, where `found` has the groups of its mechanisms; none while one is not
/// known.
pub(crate) fn alertmanagers(
    alerting: &Alerting,
    found: Vec<Vec<Groups>>,
) -> Option<Vec<Vec<String>>> {
    let sections = alerting.alertmanagers.iter().zip(found);
    let urls = sections.map(|(section, groups)| {
        let known: Option<Vec<Arc<Vec<TargetGroup>>>> = groups.into_iter().collect();
        let groups: Vec<TargetGroup> = known?.iter().flat_map(|g| g.iter().cloned()).collect();
        // Group by group: an address that makes no sense takes none of another with it.
        let of_group = |group| alertmanager_urls(section, std::slice::from_ref(group));
        let urls = groups.iter().flat_map(|group| {
            of_group(group).unwrap_or_else(|error| {
                warn!(error, "an Alertmanager's address makes no sense");
                Vec::new()
            })
        });
        Some(urls.collect())
    });
    urls.collect()
}

/// True if the groups are the very same values.
fn same(before: &[Groups], now: &[Groups]) -> bool {
    let same = |(before, now): (&Groups, &Groups)| match (before, now) {
        (Some(before), Some(now)) => Arc::ptr_eq(before, now),
        (None, None) => true,
        _ => false,
    };
    before.len() == now.len() && before.iter().zip(now).all(same)
}

fn resolve(job: &ScrapeJob, groups: &[Groups], metrics: &Metrics) -> Resolved {
    let began = Instant::now();
    let groups: Vec<&Arc<Vec<TargetGroup>>> = groups.iter().flatten().collect();
    let resolved = match groups[..] {
        [one] => targets(job, one),
        _ => {
            let all: Vec<TargetGroup> = groups.iter().flat_map(|g| g.iter().cloned()).collect();
            targets(job, &all)
        }
    };
    let counts = (resolved.active.len(), resolved.failed.len());
    metrics.synced(job, began.elapsed(), counts);
    for error in &resolved.failed {
        warn!(job = %job.name, %error, "a discovered target cannot be scraped");
    }
    resolved
}
