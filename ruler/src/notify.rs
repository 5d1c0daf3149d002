//! Alerts to Alertmanager: a queue, and requests of at most 256 alerts to each Alertmanager.
//!
//! Source: Prometheus, `notifier/manager.go`; Alertmanager, `api/v2/openapi.yaml`.
use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use config::{Alertmanagers, Discovery, alertmanager_urls};
use fetch::Client;
use futures::future::join_all;
use model::{Labels, RelabelRule, Timestamp, relabel};
use runtime::{Chain, Components};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use url::form_urlencoded::byte_serialize;

use crate::{alert::Alert, alertmanagers::Found, metrics::Metrics, run::Current};

/// Alerts that wait; more are dropped, the oldest first told.
pub(crate) const QUEUE: usize = 10_000;
/// Alerts in one request.
const BATCH: usize = 256;

/// An alert on its way.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notice {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
}

impl Notice {
    /// What Alertmanager is told of `alert` of a rule `expr`, or none if relabelling drops it.
    pub(crate) fn new(
        alert: &Alert,
        ends_at: Timestamp,
        expr: &str,
        external_url: &str,
        external_labels: &Labels,
        rules: &[RelabelRule],
    ) -> Option<Self> {
        let mut labels = alert.labels.to_builder();
        for (name, value) in external_labels.iter() {
            if labels.value(name).is_empty() {
                labels.set(name, value);
            }
        }
        if !relabel(&mut labels, rules) {
            return None;
        }
        let expr: String = byte_serialize(expr.as_bytes()).collect();
        Some(Self {
            labels: texts(&labels.build()),
            annotations: texts(&alert.annotations),
            starts_at: rfc3339(alert.fired_at.unwrap_or(alert.active_at)),
            ends_at: rfc3339(ends_at),
            generator_url: format!("{external_url}/graph?g0.expr={expr}&g0.tab=1"),
        })
    }

    /// The alert as one Alertmanager is told of it, or none if its own relabelling drops it.
    fn relabelled(&self, rules: &[RelabelRule]) -> Option<Self> {
        let mut labels = Labels::from_pairs(&self.labels).to_builder();
        relabel(&mut labels, rules).then(|| Self {
            labels: texts(&labels.build()),
            ..self.clone()
        })
    }
}

fn texts(labels: &Labels) -> BTreeMap<String, String> {
    labels
        .iter()
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

fn rfc3339(at: Timestamp) -> String {
    let at = DateTime::<Utc>::from_timestamp_millis(at.as_millis()).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Some Alertmanagers that are spoken to alike.
struct Receivers {
    section: Alertmanagers,
    urls: Vec<String>,
    client: Arc<Client>,
}

/// The Alertmanagers of a configuration: those that were `found` under it. Until those are told, the ones of `before` if
/// their section is the same, or else the ones that stand in the configuration itself.
fn receivers(
    current: &Current,
    found: &Found,
    before: &[Receivers],
    components: &Components,
) -> Vec<Receivers> {
    let sections = current.config.alerting.alertmanagers.iter().enumerate();
    let receivers = sections.map(|(i, section)| {
        let told = found.sections.get(i);
        let told = told.filter(|_| found.version == current.version);
        let same = before.iter().find(|before| before.section == *section);
        let urls = match (told, same) {
            (Some(urls), _) => urls.clone(),
            (None, Some(before)) => before.urls.clone(),
            (None, None) => own_urls(section),
        };
        let client = match same {
            Some(before) => Arc::clone(&before.client),
            None => Arc::new(Client::new(section.http.clone(), components)),
        };
        Receivers {
            section: section.clone(),
            urls,
            client,
        }
    });
    receivers.collect()
}

/// The addresses that stand in the configuration itself.
fn own_urls(section: &Alertmanagers) -> Vec<String> {
    let groups = section.discovery.iter().flat_map(|one| match one {
        Discovery::Static(groups) => groups.as_slice(),
        _ => &[],
    });
    let groups: Vec<_> = groups.cloned().collect();
    alertmanager_urls(section, &groups).unwrap_or_else(|error| {
        warn!(error, "an Alertmanager's address makes no sense");
        Vec::new()
    })
}

/// The queue's end where alerts go in. Clones share it.
#[derive(Clone)]
pub(crate) struct Notifier {
    queue: mpsc::Sender<Vec<Notice>>,
    metrics: Metrics,
}

/// The queue's other end.
pub(crate) struct Sending {
    queue: mpsc::Receiver<Vec<Notice>>,
    metrics: Metrics,
}

impl Notifier {
    /// Both ends of an empty queue.
    pub(crate) fn new(metrics: Metrics) -> (Self, Sending) {
        let (to, queue) = mpsc::channel(QUEUE / BATCH);
        let sending = Sending {
            queue,
            metrics: metrics.clone(),
        };
        (Self { queue: to, metrics }, sending)
    }

    /// Queues `notices`; what does not fit is dropped and counted, since a late alert must not delay rules.
    pub(crate) fn notify(&self, notices: Vec<Notice>) {
        for batch in notices.chunks(BATCH) {
            // Counted before it is there to be taken.
            let n_alerts = batch.len() as i64;
            self.metrics.queued.inc_by(n_alerts);
            if self.queue.try_send(batch.to_vec()).is_err() {
                self.metrics.queued.dec_by(n_alerts);
                self.metrics.alerts_dropped.inc_by(batch.len() as u64);
                warn!(n_alerts = batch.len(), "the queue of alerts is full");
            }
        }
    }
}

impl Sending {
    /// Sends what is queued to the Alertmanagers of the configuration of the time, until `stop`.
    pub(crate) async fn run(
        mut self,
        mut config: watch::Receiver<Arc<Current>>,
        mut found: watch::Receiver<Found>,
        components: Components,
        stop: CancellationToken,
    ) {
        let mut to = Vec::new();
        loop {
            let current = Arc::clone(&config.borrow_and_update());
            to = receivers(&current, &found.borrow_and_update(), &to, &components);
            let n_receivers: usize = to.iter().map(|receivers| receivers.urls.len()).sum();
            self.metrics.alertmanagers.set(n_receivers as i64);
            // What was taken from the queue is sent before anything changes.
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    Ok(()) = config.changed() => break,
                    Ok(()) = found.changed() => break,
                    Some(batch) = self.queue.recv() => {
                        self.metrics.queued.dec_by(batch.len() as i64);
                        self.send(&batch, &to).await;
                    }
                }
            }
        }
    }

    /// Sends `batch` to every Alertmanager; it is lost only if none took it.
    async fn send(&self, batch: &[Notice], to: &[Receivers]) {
        let sends = to.iter().flat_map(|receivers| {
            let notices = batch
                .iter()
                .filter_map(|n| n.relabelled(&receivers.section.alert_relabel));
            let notices: Vec<Notice> = notices.collect();
            let body = serde_json::to_vec(&notices).expect("texts can be written as JSON");
            let sent = move |url: &String| {
                let (url, body) = (url.clone(), body.clone());
                async move {
                    let answer = receivers
                        .client
                        .post_json(&url, body, receivers.section.timeout.to_std())
                        .await;
                    if let Err(error) = &answer {
                        warn!(url, error = %Chain(error), "sending alerts failed");
                        self.metrics.notification_errors.inc();
                    }
                    answer.is_ok()
                }
            };
            receivers.urls.iter().map(sent).collect::<Vec<_>>()
        });
        let taken = join_all(sends).await;
        let n_alerts = batch.len() as u64;
        match taken.iter().any(|taken| *taken) {
            true => self.metrics.alerts_sent.inc_by(n_alerts),
            false if taken.is_empty() => 0,
            false => self.metrics.alerts_dropped.inc_by(n_alerts),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertState;

    #[test]
    fn an_alert_is_told_as_the_api_wants_it() {
        let at = Timestamp::from_millis(1_435_065_584_128);
        let alert = Alert {
            labels: Labels::from_pairs([("alertname", "Down"), ("job", "a"), ("replica", "1")]),
            annotations: Labels::from_pairs([("summary", "it is down")]),
            state: AlertState::Firing,
            value: 0.0,
            active_at: at,
            fired_at: Some(at),
            resolved_at: None,
            keep_firing_since: None,
            last_sent_at: None,
        };
        let external = Labels::from_pairs([("cluster", "x"), ("job", "not this")]);
        let notice = Notice::new(&alert, at, "up == 0", "http://p", &external, &[]).unwrap();
        expect_test::expect![[r#"{"labels":{"alertname":"Down","cluster":"x","job":"a","replica":"1"},"annotations":{"summary":"it is down"},"startsAt":"2015-06-23T13:19:44.128Z","endsAt":"2015-06-23T13:19:44.128Z","generatorURL":"http://p/graph?g0.expr=up+%3D%3D+0&g0.tab=1"}"#]]
            .assert_eq(&serde_json::to_string(&notice).unwrap());
    }
}
