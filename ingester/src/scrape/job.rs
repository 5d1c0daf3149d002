//! What the targets of one scrape job share: a client, headers, limits, rules.
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use config::ScrapeJob;
use exposition::{
    DEFAULT_SCRAPE_PROTOCOLS, Encoding, EscapingScheme, HistogramRules, NegotiationError,
    ScrapeProtocol, accept_header, choose_format,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use model::{RelabelRule, Target};
use parking_lot::Mutex;
use runtime::{Components, UnixSocket};

use super::{
    cycle::CycleRules,
    failure_log::FailureLog,
    naming::{LabelLimits, Naming},
    page::BucketRules,
};
use fetch::{Client, Request};

const USER_AGENT: &str = concat!("Pleiades/", env!("CARGO_PKG_VERSION"));
const TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// What is looked at on pages besides samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras {
    /// Since when samples count is stored.
    pub(crate) starts: bool,
    /// Types and units become labels.
    pub(crate) metadata_labels: bool,
}

/// A scrape job ready to scrape with.
pub(crate) struct Job {
    settings: ScrapeJob,
    client: Arc<Client>,
    /// The clients of targets that are reached by Unix sockets, by path: one may not use another's connections.
    of_sockets: Mutex<HashMap<String, Weak<Client>>>,
    components: Components,
    headers: HeaderMap,
    fallback: Option<ScrapeProtocol>,
    relabel: Arc<[RelabelRule]>,
    /// The decoded bytes of a page stay below.
    body_limit: u64,
    /// Whether since when samples count is stored.
    extras: Extras,
    /// Where failed fetches are logged.
    pub(crate) failures: Option<FailureLog>,
}

impl Job {
    /// A job as configured; pages stay below `body_ceiling` also if the job sets no limit or a higher one.
    pub(crate) fn new(
        settings: ScrapeJob,
        body_ceiling: u64,
        extras: Extras,
        components: &Components,
    ) -> Self {
        // Both name the same schemes.
        let escaping = settings.escaping.as_str().parse();
        let escaping = escaping.unwrap_or(EscapingScheme::AllowUtf8);
        let encoding = match settings.enable_compression {
            true => "gzip",
            false => "identity",
        };
        let mut headers = HeaderMap::new();
        let protocols = protocols(&settings, extras.starts);
        let accept = HeaderValue::try_from(accept_header(&protocols, escaping));
        headers.insert(header::ACCEPT, accept.expect("the header is plain ASCII"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let body_limit = settings.body_size_limit().unwrap_or(body_ceiling);
        Self {
            client: Arc::new(Client::new(settings.http.clone(), components)),
            of_sockets: Mutex::default(),
            components: components.clone(),
            headers,
            fallback: settings.fallback_protocol,
            relabel: settings.metric_relabel.clone().into(),
            body_limit: body_limit.min(body_ceiling),
            extras,
            failures: FailureLog::new(&settings.failure_log_file, &settings.name),
            settings,
        }
    }

    /// As it was configured.
    pub(crate) fn settings(&self) -> &ScrapeJob {
        &self.settings
    }

    /// How the pages of `target` become rows, and exemplars if those are looked at.
    pub(crate) fn rules(&self, target: &Target, exemplars: bool) -> CycleRules {
        let settings = &self.settings;
        let (limits, own) = (&settings.limits, target.settings.own.as_deref());
        CycleRules {
            naming: Naming {
                target: target.labels.clone(),
                honor_labels: self.settings.honor_labels,
                relabel: Arc::clone(&self.relabel),
                names: self.settings.names,
                limits: LabelLimits {
                    labels: limits.labels,
                    name_length: limits.label_name_length,
                    value_length: limits.label_value_length,
                },
            },
            honor_timestamps: settings.honor_timestamps,
            track_timestamps_staleness: settings.track_timestamps_staleness,
            sample_limit: limits.samples,
            extra_metrics: self.settings.extra_metrics,
            timeout_seconds: target.settings.timeout.as_seconds(),
            exemplars,
            histograms: HistogramRules {
                native: own
                    .and_then(|own| own.native_histograms)
                    .unwrap_or(settings.native_histograms),
                always_classic: own
                    .and_then(|own| own.always_classic_histograms)
                    .unwrap_or(settings.always_classic_histograms),
                to_nhcb: own
                    .and_then(|own| own.classic_to_nhcb)
                    .unwrap_or(settings.classic_to_nhcb),
            },
            buckets: BucketRules::new(
                settings.native_histogram_bucket_limit,
                settings.native_histogram_min_bucket_factor,
            ),
            starts: self.extras.starts,
            metadata_labels: self.extras.metadata_labels,
        }
    }

    /// What speaks to `target`. Of those of Unix sockets each lives as long as what holds it.
    pub(crate) fn client(&self, target: &Target) -> Arc<Client> {
        let own = target.settings.own.as_ref();
        let path = own.map(|own| &own.unix_socket);
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return Arc::clone(&self.client);
        };
        let mut of_sockets = self.of_sockets.lock();
        if let Some(client) = of_sockets.get(&**path).and_then(Weak::upgrade) {
            return client;
        }
        of_sockets.retain(|_, client| client.strong_count() > 0);
        let components = Components {
            network: Arc::new(UnixSocket::new(&**path)),
            ..self.components.clone()
        };
        let client = Arc::new(Client::new(self.settings.http.clone(), &components));
        of_sockets.insert(path.to_string(), Arc::downgrade(&client));
        client
    }

    /// What to ask of `target`.
    pub(crate) fn request(&self, target: &Target) -> Request {
        let timeout = target.settings.timeout;
        let mut headers = self.headers.clone();
        let seconds = HeaderValue::try_from(timeout.as_seconds().to_string());
        headers.insert(TIMEOUT, seconds.expect("a number is plain ASCII"));
        Request {
            url: target.url(),
            headers,
            timeout: timeout.to_std(),
            body_limit: self.body_limit,
        }
    }

    /// How a page with this Content-Type is read.
    pub(crate) fn format(&self, content_type: Option<&str>) -> Result<Encoding, NegotiationError> {
        let chosen = choose_format(content_type.unwrap_or_default(), self.fallback)?;
        if let Some(warning) = chosen.warning {
            tracing::debug!(job = %self.settings.name, warning, "fallback format is taken");
        }
        Ok(chosen.format)
    }
}

/// The formats to ask for. Where starts are stored and the configuration has left the order as it is by default, protobuf
/// comes first, as in Prometheus: most targets tell starts there alone.
fn protocols(settings: &ScrapeJob, starts: bool) -> Vec<ScrapeProtocol> {
    let is_default = settings.protocols == DEFAULT_SCRAPE_PROTOCOLS;
    let first = (starts && is_default).then_some(ScrapeProtocol::PrometheusProto);
    let protocols = settings.protocols.iter().copied();
    first.into_iter().chain(protocols).collect()
}
