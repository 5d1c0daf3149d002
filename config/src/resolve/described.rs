//! What becomes of targets, told to people.
//!
//! Source: `getSDCheckResult` in Prometheus, `cmd/promtool/sd.go`.
use model::Labels;

use super::{discovered, populated};
use crate::{ScrapeJob, TargetGroup};

/// A target that discovery found, and what relabelling made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The labels with which it went into relabelling.
    pub discovered: Labels,
    /// All labels that came out but `__meta_` ones; none if it was dropped or is no target.
    pub labels: Labels,
    /// Why it is no target.
    pub error: Option<String>,
}

/// What `job` makes of each target of `groups`; what is the same is told once.
pub fn described(job: &ScrapeJob, groups: &[TargetGroup]) -> Vec<Described> {
    let mut all = Vec::new();
    for group in groups {
        for target in &group.targets {
            let discovered = discovered(job, target, &group.labels);
            let (labels, error) = match populated(job, &discovered) {
                Ok(Some((mut labels, _))) => {
                    let labels = labels.retain(|name| !name.starts_with("__meta_"));
                    (labels.build(), None)
                }
                Ok(None) => (Labels::default(), None),
                Err(what) => (Labels::default(), Some(what)),
            };
            let one = Described {
                discovered,
                labels,
                error,
            };
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    all
}
