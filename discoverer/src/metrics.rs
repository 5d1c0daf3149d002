//! What a discoverer tells of itself on `/metrics`.
use std::sync::{Arc, atomic::AtomicU64};

use operator::{Generated, Kind};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{discovery, kube::Standing, raft::Leadership, state::State, targets::Targets};

/// Which kind of objects, as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: String,
}

impl From<Kind> for OfKind {
    fn from(kind: Kind) -> Self {
        Self {
            kind: kind.name().to_owned(),
        }
    }
}

/// The discoverer's own metrics.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    leader: Gauge,
    members: Gauge,
    epoch: Gauge,
    config_version: Gauge,
    targets: Gauge,
    /// Discovery mechanisms of the configuration that are left out.
    pub(crate) skipped: Gauge,
    reload_successful: Gauge<f64, AtomicU64>,
    /// Assignment messages sent to ingesters.
    pub(crate) assignments: Counter,
    /// What discovery tells of itself while this discoverer leads.
    pub(crate) discovery: Arc<discovery::Metrics>,
    watched: Family<OfKind, Gauge>,
    selected: Family<OfKind, Gauge>,
    refused: Family<OfKind, Gauge>,
}

impl Metrics {
    /// Registers them.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            discovery: Arc::new(discovery::Metrics::new(registry)),
            ..Self::default()
        };
        let gauges = [
            (
                "pleiades_discoverer_leader",
                "1 if this discoverer leads",
                &metrics.leader,
            ),
            (
                "pleiades_discoverer_members",
                "Members of the cluster, whatever their role and state",
                &metrics.members,
            ),
            (
                "pleiades_discoverer_epoch",
                "The number of the map of shards that holds now",
                &metrics.epoch,
            ),
            (
                "pleiades_discoverer_config_version",
                "The version of the configuration that holds now",
                &metrics.config_version,
            ),
            (
                "pleiades_discoverer_targets",
                "Targets to scrape that the leader has discovered",
                &metrics.targets,
            ),
            (
                "pleiades_discoverer_skipped_discovery_configs",
                "Discovery mechanisms of the configuration that are not supported and left out.",
                &metrics.skipped,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help.trim_end_matches('.'), gauge.clone());
        }
        registry.register(
            "prometheus_config_last_reload_successful",
            "Whether the last configuration reload attempt was successful",
            metrics.reload_successful.clone(),
        );
        registry.register(
            "pleiades_discoverer_assignment_messages",
            "Assignment messages sent to ingesters",
            metrics.assignments.clone(),
        );
        let of_kinds = [
            (
                "pleiades_operator_watched",
                "1 if the leader knows all objects of the kind, 0 if they are not installed or may not be seen",
                &metrics.watched,
            ),
            (
                "pleiades_operator_selected",
                "Objects of the kind that the manifest selects, the refused ones among them",
                &metrics.selected,
            ),
            (
                "pleiades_operator_refused",
                "Objects of the kind that the manifest selects, and that were refused",
                &metrics.refused,
            ),
        ];
        for (name, help, family) in of_kinds {
            registry.register(name, help, family.clone());
        }
        metrics
    }

    /// Takes in which kinds of objects are known.
    pub(crate) fn watched(&self, standings: &[(Kind, Standing)]) {
        for (kind, standing) in standings {
            let gauge = self.watched.get_or_create(&OfKind::from(*kind));
            gauge.set(i64::from(*standing == Standing::Listed));
        }
    }

    /// Takes in what was generated.
    pub(crate) fn generated(&self, generated: &Generated) {
        for kind in Kind::ALL {
            let n_refused = generated.refused.iter().filter(|r| r.kind == kind).count();
            let n_selected = generated.selected.get(&kind).copied().unwrap_or_default();
            let of = OfKind::from(kind);
            self.refused.get_or_create(&of).set(n_refused as i64);
            self.selected.get_or_create(&of).set(n_selected as i64);
        }
    }

    /// Forgets what a leader alone knows of generating.
    pub(crate) fn clear_generated(&self) {
        self.watched.clear();
        self.selected.clear();
        self.refused.clear();
    }

    /// Takes in the outcome of a reload.
    pub(crate) fn reloaded(&self, successful: bool) {
        self.reload_successful.set(f64::from(u8::from(successful)));
    }

    /// Takes in what is known now.
    pub(crate) fn observe(&self, leadership: &Leadership, state: &State, targets: &Targets) {
        let leads = matches!(leadership, Leadership::Own(_));
        let config_version = state.config.as_ref().map_or(0, |c| c.version);
        self.leader.set(i64::from(leads));
        self.members.set(state.members.len() as i64);
        self.epoch.set(state.epoch() as i64);
        self.config_version.set(config_version as i64);
        self.targets.set(targets.by_key().len() as i64);
    }
}
