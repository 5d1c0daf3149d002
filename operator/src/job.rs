//! What jobs of all kinds have in common.
use config::parse_bytes;
use serde_json::{Map, Value, json};

use crate::{
    client::{Client, put},
    field::{Field, Result},
    object::Object,
    relabel::Steps,
    selector::Selector,
    settings::Settings,
    vault::Vault,
};

/// Limits: the field of an object, the field that enforces it, the field of a job.
const LIMITS: [(&str, &str, &str); 6] = [
    ("sampleLimit", "enforcedSampleLimit", "sample_limit"),
    ("targetLimit", "enforcedTargetLimit", "target_limit"),
    ("labelLimit", "enforcedLabelLimit", "label_limit"),
    (
        "labelNameLengthLimit",
        "enforcedLabelNameLengthLimit",
        "label_name_length_limit",
    ),
    (
        "labelValueLengthLimit",
        "enforcedLabelValueLengthLimit",
        "label_value_length_limit",
    ),
    (
        "keepDroppedTargets",
        "enforcedKeepDroppedTargets",
        "keep_dropped_targets",
    ),
];

/// What an object's jobs are made from.
pub(crate) struct Making<'m> {
    pub(crate) settings: &'m Settings,
    pub(crate) object: &'m Object<'m>,
    pub(crate) spec: Field<'m>,
    /// The scrape class of the object; absent if it has none.
    pub(crate) class: Field<'m>,
    pub(crate) client: Client<'m>,
}

impl<'m> Making<'m> {
    pub(crate) fn new(
        settings: &'m Settings,
        object: &'m Object<'m>,
        vault: &'m Vault<'m>,
    ) -> Result<Self> {
        let spec = object.spec();
        spec.object()?;
        Ok(Self {
            settings,
            class: settings.class(&spec)?,
            spec,
            client: Client {
                vault,
                namespace: object.namespace,
            },
            object,
        })
    }

    /// A job with what each endpoint says: when and how it is scraped, and who asks.
    pub(crate) fn job(&self, name: &str, from: &Field<'_>) -> Result<Map<String, Value>> {
        from.object()?;
        let mut job = Map::new();
        job.insert("job_name".to_owned(), name.into());
        let all = self.settings.spec();
        let overridden =
            |name: &str| Ok::<_, crate::field::Reason>(all.get(name).bool()? == Some(true));
        if let Some(honor) = from.get("honorLabels").bool()? {
            let honor = honor && !overridden("overrideHonorLabels")?;
            job.insert("honor_labels".to_owned(), honor.into());
        }
        let honor = from.get("honorTimestamps").bool()?;
        if overridden("overrideHonorTimestamps")? {
            job.insert("honor_timestamps".to_owned(), false.into());
        } else {
            put(&mut job, "honor_timestamps", honor);
        }
        let track = from.get("trackTimestampsStaleness").bool()?;
        put(&mut job, "track_timestamps_staleness", track);
        put(&mut job, "metrics_path", from.get("path").text()?);
        let mut params = Map::new();
        for (name, values) in from.get("params").fields()? {
            params.insert(name.to_owned(), json!(values.strings()?));
        }
        put(&mut job, "params", (!params.is_empty()).then_some(params));
        self.scheme(&mut job, &from.get("scheme"))?;
        self.client.proxy(&mut job, from)?;
        self.reached_by(&mut job, from)?;
        put(
            &mut job,
            "bearer_token_file",
            from.get("bearerTokenFile").text()?,
        );
        Ok(job)
    }

    /// How HTTP is spoken, with TLS and credentials as `from` has them, or else the scrape class.
    pub(crate) fn reached_by(&self, job: &mut Map<String, Value>, from: &Field<'_>) -> Result<()> {
        let follow = from.get("followRedirects").bool()?;
        put(job, "follow_redirects", follow);
        for name in ["enableHttp2", "enableHTTP2"] {
            put(job, "enable_http2", from.get(name).bool()?);
        }
        self.client
            .tls(job, &from.get("tlsConfig"), Some(&self.class))?;
        self.client.credentials(job, from)?;
        let of_class = self.class.get("authorization");
        if !of_class.is_there() {
            return Ok(());
        }
        let of_class = self.client.authorization(&of_class)?;
        match job.get_mut("authorization").and_then(Value::as_object_mut) {
            // A type alone goes with the credentials of the class.
            Some(own) => {
                let some = ["credentials", "credentials_file"];
                if !some.iter().any(|name| own.contains_key(*name)) {
                    let of_class = some.iter().filter_map(|name| of_class.get_key_value(*name));
                    own.extend(of_class.map(|(name, value)| (name.clone(), value.clone())));
                }
            }
            None => {
                let others = ["basic_auth", "oauth2", "bearer_token"];
                if !others.iter().any(|name| job.contains_key(*name))
                    && from.get("bearerTokenFile").text()?.is_none()
                {
                    job.insert("authorization".to_owned(), of_class.into());
                }
            }
        }
        Ok(())
    }

    /// How often and how long, or else as the settings say.
    pub(crate) fn timing(
        &self,
        job: &mut Map<String, Value>,
        interval: &Field<'_>,
        timeout: &Field<'_>,
    ) -> Result<()> {
        for field in [interval, timeout] {
            if let Some(text) = field.text()? {
                model::parse_duration(text).map_err(|what| field.reason(what))?;
            }
        }
        let interval = interval.text()?;
        let all = self.settings.scrape_interval()?;
        job.insert("scrape_interval".to_owned(), interval.unwrap_or(all).into());
        let timeout = match timeout.text()? {
            Some(timeout) => Some(timeout),
            None => self.shared_timeout(interval.unwrap_or(all))?,
        };
        put(job, "scrape_timeout", timeout);
        Ok(())
    }

    /// The timeout of all jobs that have none of their own, which is no longer than their `interval`.
    fn shared_timeout<'i>(&'i self, interval: &'i str) -> Result<Option<&'i str>> {
        let field = self.settings.spec().get("scrapeTimeout");
        let Some(timeout) = field.text()? else {
            return Ok(None);
        };
        let longest = model::parse_duration(timeout).map_err(|what| field.reason(what))?;
        // Where the interval is no duration, the job is refused for it.
        let is_longer = model::parse_duration(interval).is_ok_and(|interval| longest > interval);
        Ok(Some(if is_longer { interval } else { timeout }))
    }

    /// `http` or `https`, which newer objects write in capitals.
    pub(crate) fn scheme(&self, job: &mut Map<String, Value>, scheme: &Field<'_>) -> Result<()> {
        put(job, "scheme", scheme.text()?.map(str::to_lowercase));
        Ok(())
    }

    /// Limits, protocols and what is said of histograms, from the object and from what is enforced.
    pub(crate) fn limits(&self, job: &mut Map<String, Value>) -> Result<()> {
        let (own, all) = (&self.spec, self.settings.spec());
        for (name, enforced, written) in LIMITS {
            let set = |field: Field<'_>| Ok(field.number()?.filter(|limit| *limit != 0));
            let own = set(own.get(name))?.or(set(all.get(name))?);
            let limit = match (own, set(all.get(enforced))?) {
                (Some(own), Some(enforced)) => Some(own.min(enforced)),
                (own, enforced) => own.or(enforced),
            };
            put(job, written, limit);
        }
        let own_size = own
            .get("bodySizeLimit")
            .text()?
            .or(all.get("bodySizeLimit").text()?);
        let sizes = [own_size, all.get("enforcedBodySizeLimit").text()?];
        let mut lowest: Option<(&str, config::Bytes)> = None;
        for size in sizes.into_iter().flatten() {
            let bytes = parse_bytes(size).map_err(|what| own.get("bodySizeLimit").reason(what))?;
            if lowest.as_ref().is_none_or(|(_, least)| bytes < *least) {
                lowest = Some((size, bytes));
            }
        }
        put(job, "body_size_limit", lowest.map(|(size, _)| size));
        let mut protocols = own.get("scrapeProtocols").strings()?;
        if protocols.is_empty() {
            protocols = all.get("scrapeProtocols").strings()?;
        }
        put(
            job,
            "scrape_protocols",
            (!protocols.is_empty()).then(|| json!(protocols)),
        );
        let fallback = own.get("fallbackScrapeProtocol").text()?;
        let of_class = self.class.get("fallbackScrapeProtocol").text()?;
        put(job, "fallback_scrape_protocol", fallback.or(of_class));
        for (name, written) in [
            ("scrapeNativeHistograms", "scrape_native_histograms"),
            (
                "scrapeClassicHistograms",
                "always_scrape_classic_histograms",
            ),
            (
                "convertClassicHistogramsToNHCB",
                "convert_classic_histograms_to_nhcb",
            ),
        ] {
            let flag = own.get(name).bool()?.or(all.get(name).bool()?);
            put(job, written, flag);
        }
        self.names(job)?;
        let buckets = own.get("nativeHistogramBucketLimit").number()?;
        put(job, "native_histogram_bucket_limit", buckets);
        let factor = own.get("nativeHistogramMinBucketFactor");
        if factor.is_there() {
            let quantity = quantity(&factor)?;
            put(job, "native_histogram_min_bucket_factor", Some(quantity));
        }
        Ok(())
    }

    /// Which names metrics may have, and how others are written; only ScrapeConfigs say so for themselves.
    fn names(&self, job: &mut Map<String, Value>) -> Result<()> {
        let all = self.settings.spec();
        let text = |name| match self.spec.get(name).text()? {
            Some(own) => Ok(Some(own)),
            None => all.get(name).text(),
        };
        let validation = text("nameValidationScheme")?.map(str::to_lowercase);
        put(job, "metric_name_validation_scheme", validation);
        let escaping = text("nameEscapingScheme")?.map(|name| match name {
            "AllowUTF8" => "allow-utf-8".to_owned(),
            other => other.to_lowercase(),
        });
        put(job, "metric_name_escaping_scheme", escaping);
        Ok(())
    }

    /// The last steps of targets: those of the scrape class, of the object, and the enforced one.
    pub(crate) fn target_steps(
        &self,
        job: &mut Map<String, Value>,
        mut steps: Steps,
        own: &Field<'_>,
    ) -> Result<()> {
        steps.extend(&self.class.get("relabelings"))?;
        steps.extend(own)?;
        steps.enforce(
            self.settings.enforced_label(self.object)?,
            self.object.namespace,
        );
        job.insert("relabel_configs".to_owned(), steps.into_value());
        Ok(())
    }

    /// The steps of samples: those of the scrape class, of the object, and the enforced one.
    pub(crate) fn sample_steps(&self, job: &mut Map<String, Value>, own: &Field<'_>) -> Result<()> {
        let mut steps = Steps::default();
        steps.extend(&self.class.get("metricRelabelings"))?;
        steps.extend(own)?;
        steps.enforce(
            self.settings.enforced_label(self.object)?,
            self.object.namespace,
        );
        if !steps.is_empty() {
            job.insert("metric_relabel_configs".to_owned(), steps.into_value());
        }
        Ok(())
    }

    /// Labels of pods that become labels of targets.
    pub(crate) fn pod_labels(&self, steps: &mut Steps) -> Result<()> {
        let own = self.spec.get("podTargetLabels").strings()?;
        let all = self.settings.spec().get("podTargetLabels").strings()?;
        for label in own.into_iter().chain(all) {
            let label = crate::relabel::sanitized(label);
            let source = format!("__meta_kubernetes_pod_label_{label}");
            steps.copy_if_any(&source, &label);
        }
        Ok(())
    }

    /// Applies the object's `selector`: as steps of relabelling by the labels of `kind`, or, where `selectorMechanism`
    /// says so, as what the API server is asked for of each of `roles`, which is given back.
    pub(crate) fn select(
        &self,
        steps: &mut Steps,
        kind: &str,
        roles: &[&str],
    ) -> Result<Vec<Value>> {
        let selector = Selector::read(&self.spec.get("selector"))?.unwrap_or_default();
        let mechanism = self.spec.get("selectorMechanism");
        match mechanism.text()? {
            None | Some("RelabelConfig") => {
                steps.select(kind, &selector);
                Ok(Vec::new())
            }
            Some("RoleSelector") => {
                let label = selector.to_string();
                let of_role = |role: &&str| json!({"role": role, "label": label});
                Ok(roles.iter().map(of_role).collect())
            }
            Some(_) => Err(mechanism.reason("expected RelabelConfig or RoleSelector")),
        }
    }

    /// One `kubernetes_sd_configs` of `role` in the namespaces that `selector` names.
    pub(crate) fn kubernetes(
        &self,
        job: &mut Map<String, Value>,
        role: &str,
        selector: &Field<'_>,
        attaches: bool,
        selectors: Vec<Value>,
    ) -> Result<()> {
        let mut discovery = Map::new();
        discovery.insert("role".to_owned(), role.into());
        let names = selector.object()?.get("matchNames").strings()?;
        let ignored = self
            .settings
            .spec()
            .get("ignoreNamespaceSelectors")
            .bool()?
            == Some(true);
        let any = selector.get("any").bool()? == Some(true);
        let names = match (ignored, any) {
            (true, _) => vec![self.object.namespace],
            (false, true) => Vec::new(),
            (false, false) if names.is_empty() => vec![self.object.namespace],
            (false, false) => names,
        };
        if !names.is_empty() {
            discovery.insert("namespaces".to_owned(), json!({"names": names}));
        }
        let own = self.spec.get("attachMetadata").there();
        let attach = own.or_else(|| self.class.get("attachMetadata").there());
        if let Some(attach) = attach.filter(|_| attaches) {
            let node = attach.object()?.get("node").bool()? == Some(true);
            discovery.insert("attach_metadata".to_owned(), json!({"node": node}));
        }
        if !selectors.is_empty() {
            discovery.insert("selectors".to_owned(), selectors.into());
        }
        job.insert("kubernetes_sd_configs".to_owned(), json!([discovery]));
        Ok(())
    }
}

/// A Kubernetes quantity as a plain number: `1.1`, `"1100m"`.
fn quantity(field: &Field<'_>) -> Result<f64> {
    if let Value::Number(number) = field.value() {
        return Ok(number.as_f64().unwrap_or(0.0));
    }
    let text = field.text()?.unwrap_or("0");
    let number = match text.strip_suffix('m') {
        Some(thousandths) => thousandths.parse().map(|number: f64| number / 1000.0),
        None => text.parse(),
    };
    number.map_err(|_| field.reason(format!("{text:?} is no number")))
}
