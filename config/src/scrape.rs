//! Scrape jobs: what is scraped, how, and what becomes of it.
//!
//! Source: `ScrapeConfig` in Prometheus, `config/config.go`.
use std::path::Path;

use exposition::ScrapeProtocol;
use model::{Labels, Millis, NameValidation, RelabelRule};

use crate::{
    Bytes, Discovery, Error, Global, HttpClient,
    decode::{Decode, Fields},
    discovery::check_static_addresses,
    global::{Escaping, Limits, NamesFields},
    http::HttpFields,
    path::join,
    protocol::{self, Protocols},
    relabel::Rules,
    yaml::Node,
};

/// One scrape job, with the defaults of `global` put in.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapeJob {
    /// The `job` label; each job has another.
    pub name: String,
    /// Distance of two scrapes.
    pub interval: Millis,
    /// At most the interval.
    pub timeout: Millis,
    /// Whether labels of the page go before those of the target.
    pub honor_labels: bool,
    /// Whether timestamps of the page hold.
    pub honor_timestamps: bool,
    /// Whether series with timestamps of their own become stale.
    pub track_timestamps_staleness: bool,
    /// Query parameters in the order of their names.
    pub params: Vec<(String, Vec<String>)>,
    /// The formats to ask for, the best first; never empty.
    pub protocols: Vec<ScrapeProtocol>,
    /// The format of a page that does not name one.
    pub fallback_protocol: Option<ScrapeProtocol>,
    /// Whether native histograms are taken.
    pub native_histograms: bool,
    /// Whether classic histograms are taken where there is a native one.
    pub always_classic_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub classic_to_nhcb: bool,
    /// Whether further series tell of each scrape.
    pub extra_metrics: bool,
    /// Where failures are logged; empty for nowhere.
    pub failure_log_file: String,
    /// `/metrics`
    pub metrics_path: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Whether a compressed page is asked for.
    pub enable_compression: bool,
    /// What fails a scrape if it is exceeded.
    pub limits: Limits,
    /// Histograms with more buckets than this are made coarser.
    pub native_histogram_bucket_limit: u64,
    /// Histograms with finer buckets than this are made coarser.
    pub native_histogram_min_bucket_factor: f64,
    /// Which names are valid.
    pub names: NameValidation,
    /// How names that are not are asked for.
    pub escaping: Escaping,
    /// Where targets come from.
    pub discovery: Vec<Discovery>,
    /// How to speak to them.
    pub http: HttpClient,
    /// What becomes of targets.
    pub relabel: Vec<RelabelRule>,
    /// What becomes of samples.
    pub metric_relabel: Vec<RelabelRule>,
}

/// A job as it was written.
pub(crate) struct JobFields {
    line: usize,
    name: String,
    interval: Millis,
    timeout: Millis,
    honor_labels: bool,
    honor_timestamps: bool,
    track_timestamps_staleness: bool,
    params: Vec<(String, Vec<String>)>,
    protocols: Option<Protocols>,
    fallback_protocol: String,
    native_histograms: Option<bool>,
    always_classic_histograms: Option<bool>,
    classic_to_nhcb: Option<bool>,
    extra_metrics: Option<bool>,
    failure_log_file: String,
    metrics_path: String,
    scheme: String,
    enable_compression: bool,
    limits: Limits,
    native_histogram_bucket_limit: u64,
    native_histogram_min_bucket_factor: f64,
    names: NamesFields,
    discovery: Vec<Discovery>,
    http: HttpClient,
    relabel: Rules,
    metric_relabel: Rules,
}

impl Decode for JobFields {
    const GO: &'static str = "*config.ScrapeConfig";

    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.ScrapeConfig")?;
        let name: String = fields.or_default("job_name")?;
        let http = HttpFields::take(&mut fields, true)?;
        let relabel = Rules::take(
            &mut fields,
            "relabel_configs",
            "empty or null target relabeling rule in scrape config",
        )?;
        let metric_relabel = Rules::take(
            &mut fields,
            "metric_relabel_configs",
            "empty or null metric relabeling rule in scrape config",
        )?;
        let params: Params = fields.or_default("params")?;
        let job = Self {
            line: fields.line(),
            name,
            interval: fields.or_default("scrape_interval")?,
            timeout: fields.or_default("scrape_timeout")?,
            honor_labels: fields.or_default("honor_labels")?,
            honor_timestamps: fields.or("honor_timestamps", true)?,
            track_timestamps_staleness: fields.or_default("track_timestamps_staleness")?,
            params: params.into_iter().collect(),
            protocols: fields.get("scrape_protocols")?,
            fallback_protocol: fields.or_default("fallback_scrape_protocol")?,
            native_histograms: fields.get("scrape_native_histograms")?,
            always_classic_histograms: fields.get("always_scrape_classic_histograms")?,
            classic_to_nhcb: fields.get("convert_classic_histograms_to_nhcb")?,
            extra_metrics: fields.get("extra_scrape_metrics")?,
            failure_log_file: fields.or_default("scrape_failure_log_file")?,
            metrics_path: fields.or("metrics_path", "/metrics".to_owned())?,
            scheme: fields.or("scheme", "http".to_owned())?,
            enable_compression: fields.or("enable_compression", true)?,
            limits: Limits::take(&mut fields)?,
            native_histogram_bucket_limit: fields.or_default("native_histogram_bucket_limit")?,
            native_histogram_min_bucket_factor: fields
                .or_default("native_histogram_min_bucket_factor")?,
            names: NamesFields::take(&mut fields)?,
            discovery: Discovery::take(&mut fields)?,
            http: HttpClient::default(),
            relabel: Rules::default(),
            metric_relabel: Rules::default(),
        };
        fields.finish()?;
        if job.name.is_empty() {
            return Err(fields.invalid("job_name is empty"));
        }
        let http = http.validate().map_err(|what| fields.invalid(what))?;
        let relabel = relabel.none_null()?;
        if relabel.is_empty() {
            check_static_addresses(&job.discovery).map_err(|what| fields.invalid(what))?;
        }
        Ok(Self {
            http,
            relabel,
            metric_relabel: metric_relabel.none_null()?,
            ..job
        })
    }
}

/// Query parameters by name.
type Params = std::collections::BTreeMap<String, Vec<String>>;

impl JobFields {
    /// The job with what `global` says where it says nothing itself; relative paths begin at `directory`.
    pub(crate) fn validate(self, global: &Global, directory: &Path) -> Result<ScrapeJob, Error> {
        let (line, name) = (self.line, self.name);
        let invalid = |what: String| Error::invalid(line, what);
        let interval = match self.interval {
            Millis::ZERO => global.scrape_interval,
            own => own,
        };
        if self.timeout > interval {
            return Err(invalid(format!(
                "scrape timeout greater than scrape interval for scrape config with job name {name:?}"
            )));
        }
        let timeout = match self.timeout {
            Millis::ZERO => global.scrape_timeout.min(interval),
            own => own,
        };
        let native_histograms = self.native_histograms.unwrap_or(global.native_histograms);
        let protocols = match (self.protocols, &global.protocols) {
            (Some(own), _) => own.validate().map_err(|what| {
                invalid(format!("{what} for scrape config with job name {name:?}"))
            })?,
            (None, Some(global)) => global.clone(),
            (None, None) => protocol::defaults(native_histograms),
        };
        let fallback_protocol = match self.fallback_protocol.as_str() {
            "" => None,
            protocol => Some(protocol.parse().map_err(|what| {
                invalid(format!(
                    "invalid fallback_scrape_protocol for scrape config with job name {name:?}: {what}"
                ))
            })?),
        };
        let (names, escaping) = self.names.of_job(global).map_err(invalid)?;
        let mut job = ScrapeJob {
            interval,
            timeout,
            honor_labels: self.honor_labels,
            honor_timestamps: self.honor_timestamps,
            track_timestamps_staleness: self.track_timestamps_staleness,
            params: self.params,
            protocols,
            fallback_protocol,
            native_histograms,
            always_classic_histograms: self
                .always_classic_histograms
                .unwrap_or(global.always_classic_histograms),
            classic_to_nhcb: self.classic_to_nhcb.unwrap_or(global.classic_to_nhcb),
            extra_metrics: self.extra_metrics.unwrap_or(global.extra_metrics),
            failure_log_file: self.failure_log_file,
            metrics_path: self.metrics_path,
            scheme: self.scheme,
            enable_compression: self.enable_compression,
            limits: self.limits.or(&global.limits),
            native_histogram_bucket_limit: self.native_histogram_bucket_limit,
            native_histogram_min_bucket_factor: self.native_histogram_min_bucket_factor,
            names,
            escaping,
            discovery: self.discovery,
            http: self.http,
            relabel: self.relabel.validate(names)?,
            metric_relabel: self.metric_relabel.validate(names)?,
            name,
        };
        job.set_directory(directory);
        if job.failure_log_file.is_empty() {
            job.failure_log_file.clone_from(&global.failure_log_file);
        }
        Ok(job)
    }
}

impl ScrapeJob {
    fn set_directory(&mut self, directory: &Path) {
        join(directory, &mut self.failure_log_file);
        self.http.set_directory(directory);
        self.discovery
            .iter_mut()
            .for_each(|discovery| discovery.set_directory(directory));
    }

    /// True if series of a target with these labels may turn out as those of another target, so that a series does
    /// not belong to one page alone: the page's own labels win, or a rule for samples may change the target's.
    pub fn may_collide(&self, labels: &Labels) -> bool {
        self.honor_labels
            || self
                .metric_relabel
                .iter()
                .any(|rule| labels.iter().any(|(name, _)| rule.may_change(name)))
    }

    /// The most bytes that a page may have, if there is a limit.
    pub fn body_size_limit(&self) -> Option<u64> {
        let Bytes(limit) = self.limits.body_size;
        u64::try_from(limit).ok().filter(|limit| *limit > 0)
    }
}
