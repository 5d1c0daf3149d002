//! What a ruler tells of itself, under Prometheus' names.
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::notify::QUEUE;

/// The file and the name of a group, as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RuleGroup {
    pub(crate) rule_group: String,
}

/// The metrics of one ruler. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// Evaluations of groups.
    pub(crate) iterations: Counter,
    /// Slots that passed while the evaluation before was still under way.
    pub(crate) iterations_missed: Counter,
    /// Evaluations of rules.
    pub(crate) evaluations: Counter,
    /// Evaluations of rules that failed.
    pub(crate) evaluation_failures: Counter,
    /// Seconds that evaluations of groups took.
    pub(crate) iteration_seconds: Histogram,
    /// Samples that were written.
    pub(crate) samples: Counter,
    /// Writes that failed and were tried again.
    pub(crate) write_retries: Counter,
    /// Groups that this ruler evaluates.
    pub(crate) groups: Gauge,
    /// The rules of each of them.
    pub(crate) rules: Family<RuleGroup, Gauge>,
    /// Alerts sent.
    pub(crate) alerts_sent: Counter,
    /// Alerts that were dropped: the queue was full, or an Alertmanager did not take them.
    pub(crate) alerts_dropped: Counter,
    /// Requests to Alertmanagers that failed.
    pub(crate) notification_errors: Counter,
    /// Alerts that wait.
    pub(crate) queued: Gauge,
    /// Alertmanagers that alerts are sent to.
    pub(crate) alertmanagers: Gauge,
}

impl Metrics {
    /// Registers the metrics.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let iterations = counter(
            "prometheus_rule_group_iterations",
            "Evaluations of rule groups",
        );
        let iterations_missed = counter(
            "prometheus_rule_group_iterations_missed",
            "Rule group evaluations missed due to slow rule group evaluation",
        );
        let evaluations = counter("prometheus_rule_evaluations", "Rule evaluations.");
        let evaluation_failures = counter(
            "prometheus_rule_evaluation_failures",
            "Rule evaluation failures",
        );
        let samples = counter(
            "pleiades_ruler_samples_written",
            "Samples that rules gave and ingesters stored",
        );
        let write_retries = counter(
            "pleiades_ruler_write_retries",
            "Writes that failed and were tried again",
        );
        let alerts_sent = counter(
            "prometheus_notifications_sent",
            "Alerts sent to Alertmanagers",
        );
        let alerts_dropped = counter(
            "prometheus_notifications_dropped",
            "Alerts that no Alertmanager took",
        );
        let notification_errors = counter(
            "prometheus_notifications_errors",
            "Requests to Alertmanagers that failed",
        );
        let iteration_seconds = Histogram::new(exponential_buckets(0.001, 4.0, 8));
        registry.register(
            "prometheus_rule_group_duration_seconds",
            "How long rule group evaluations took",
            iteration_seconds.clone(),
        );
        let groups = Gauge::default();
        registry.register(
            "pleiades_ruler_groups",
            "Rule groups that this ruler evaluates",
            groups.clone(),
        );
        let rules = Family::default();
        registry.register(
            "prometheus_rule_group_rules",
            "The number of rules",
            rules.clone(),
        );
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let queued = gauge(
            "prometheus_notifications_queue_length",
            "The number of alert notifications in the queue",
        );
        let alertmanagers = gauge(
            "prometheus_notifications_alertmanagers_discovered",
            "The number of alertmanagers discovered and active",
        );
        let capacity = gauge(
            "prometheus_notifications_queue_capacity",
            "The capacity of the alert notifications queue",
        );
        capacity.set(QUEUE as i64);
        Self {
            iterations,
            iterations_missed,
            evaluations,
            evaluation_failures,
            iteration_seconds,
            samples,
            write_retries,
            groups,
            rules,
            alerts_sent,
            alerts_dropped,
            notification_errors,
            queued,
            alertmanagers,
        }
    }
}
