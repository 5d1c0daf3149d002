//! What holds for all jobs unless they say otherwise.
//!
//! Source: `GlobalConfig` in Prometheus, `config/config.go`.
use std::path::Path;

use exposition::ScrapeProtocol;
use model::{Labels, Millis, NameValidation};

use crate::{
    Bytes, Error,
    decode::{Decode, Fields, Texts},
    path::join,
    protocol::Protocols,
    yaml::Node,
};

/// The `global` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Global {
    /// Distance of two scrapes.
    pub scrape_interval: Millis,
    /// At most the interval.
    pub scrape_timeout: Millis,
    /// The formats to ask for, if that is said.
    pub protocols: Option<Vec<ScrapeProtocol>>,
    /// Distance of two evaluations of a rule group.
    pub evaluation_interval: Millis,
    /// How far back rules look by default.
    pub rule_query_offset: Millis,
    /// Where queries are logged; empty for nowhere.
    pub query_log_file: String,
    /// Where failed scrapes are logged; empty for nowhere.
    pub failure_log_file: String,
    /// Labels of all that leaves the system; the environment is put in.
    pub external_labels: Labels,
    /// What fails a scrape if it is exceeded.
    pub limits: Limits,
    /// Which names are valid.
    pub names: NameValidation,
    /// How names that are not are asked for, if that is said.
    escaping: String,
    /// Whether native histograms are taken.
    pub native_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub classic_to_nhcb: bool,
    /// Whether classic histograms are taken where there is a native one.
    pub always_classic_histograms: bool,
    /// Whether further series tell of each scrape.
    pub extra_metrics: bool,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            scrape_interval: Millis::from_seconds(60),
            scrape_timeout: Millis::from_seconds(10),
            protocols: None,
            evaluation_interval: Millis::from_seconds(60),
            rule_query_offset: Millis::ZERO,
            query_log_file: String::new(),
            failure_log_file: String::new(),
            external_labels: Labels::empty(),
            limits: Limits::default(),
            names: NameValidation::Utf8,
            escaping: String::new(),
            native_histograms: false,
            classic_to_nhcb: false,
            always_classic_histograms: false,
            extra_metrics: false,
        }
    }
}

/// What fails a scrape if it is exceeded; zero is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a page.
    pub body_size: Bytes,
    /// Samples of a page, after relabelling.
    pub samples: u64,
    /// Targets of a job.
    pub targets: u64,
    /// Labels of a series.
    pub labels: u64,
    /// Bytes of a label's name.
    pub label_name_length: u64,
    /// Bytes of a label's value.
    pub label_value_length: u64,
    /// Dropped targets of a job that are remembered; zero is all.
    pub keep_dropped_targets: u64,
}

impl Limits {
    pub(crate) fn take(fields: &mut Fields<'_>) -> Result<Self, Error> {
        Ok(Self {
            body_size: fields.or_default("body_size_limit")?,
            samples: fields.or_default("sample_limit")?,
            targets: fields.or_default("target_limit")?,
            labels: fields.or_default("label_limit")?,
            label_name_length: fields.or_default("label_name_length_limit")?,
            label_value_length: fields.or_default("label_value_length_limit")?,
            keep_dropped_targets: fields.or_default("keep_dropped_targets")?,
        })
    }

    /// These limits, and those of `other` where there are none.
    pub(crate) fn or(&self, other: &Self) -> Self {
        let or = |own: u64, other: u64| if own == 0 { other } else { own };
        Self {
            body_size: match self.body_size {
                Bytes(0) => other.body_size,
                own => own,
            },
            samples: or(self.samples, other.samples),
            targets: or(self.targets, other.targets),
            labels: or(self.labels, other.labels),
            label_name_length: or(self.label_name_length, other.label_name_length),
            label_value_length: or(self.label_value_length, other.label_value_length),
            keep_dropped_targets: or(self.keep_dropped_targets, other.keep_dropped_targets),
        }
    }
}

/// How names are asked for that are not valid in all formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// As they are.
    AllowUtf8,
    /// With underscores.
    Underscores,
    /// With dots spelled out.
    Dots,
    /// With code points spelled out.
    Values,
}

impl Escaping {
    /// The scheme's name in configuration and in the Accept header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }

    fn from_name(name: &str, whose: &str) -> Result<Self, String> {
        let all = [Self::AllowUtf8, Self::Underscores, Self::Dots, Self::Values];
        all.into_iter().find(|scheme| scheme.as_str() == name).ok_or_else(|| {
            format!(
                "unknown {whose} name escaping method specified, must be one of 'allow-utf-8', 'underscores', 'dots', or 'values', got {name:?}"
            )
        })
    }

    const fn of(names: NameValidation) -> Self {
        match names {
            NameValidation::Utf8 => Self::AllowUtf8,
            NameValidation::Legacy => Self::Underscores,
        }
    }
}

/// What is said about names, globally or by a job.
pub(crate) struct NamesFields {
    validation: Option<NameValidation>,
    escaping: String,
}

impl NamesFields {
    pub(crate) fn take(fields: &mut Fields<'_>) -> Result<Self, Error> {
        Ok(Self {
            validation: fields
                .get::<Validation>("metric_name_validation_scheme")?
                .and_then(|v| v.0),
            escaping: fields.or_default("metric_name_escaping_scheme")?,
        })
    }

    /// What holds for a job: its own, or that of `global`; the escaping follows what the job itself says of names.
    pub(crate) fn of_job(&self, global: &Global) -> Result<(NameValidation, Escaping), String> {
        let names = self.validation.unwrap_or(global.names);
        let global_escaping = match global.escaping.as_str() {
            "" => Escaping::of(global.names),
            name => Escaping::from_name(name, "global")?,
        };
        let escaping = match (self.escaping.as_str(), self.validation) {
            ("", None) => global_escaping,
            ("", Some(own)) => Escaping::of(own),
            (name, _) => Escaping::from_name(name, "scrape config")?,
        };
        if escaping == Escaping::AllowUtf8 && names == NameValidation::Legacy {
            return Err(
                "utf8 metric names requested but validation scheme is not set to UTF8".to_owned(),
            );
        }
        Ok((names, escaping))
    }
}

/// A scheme of names; the empty text leaves it open.
struct Validation(Option<NameValidation>);

impl Decode for Validation {
    fn decode(node: &Node) -> Result<Self, Error> {
        match String::decode(node)?.as_str() {
            "" => Ok(Self(None)),
            "utf8" => Ok(Self(Some(NameValidation::Utf8))),
            "legacy" => Ok(Self(Some(NameValidation::Legacy))),
            other => Err(Error::invalid(
                node.place.line,
                format!("unrecognized ValidationScheme: {other:?}"),
            )),
        }
    }
}

impl Decode for Global {
    fn decode(node: &Node) -> Result<Self, Error> {
        let default = Self::default();
        let mut fields = Fields::of(node, "config.plain")?;
        let names = NamesFields::take(&mut fields)?;
        let external: Texts = fields.or_default("external_labels")?;
        let protocols: Option<Protocols> = fields.get("scrape_protocols")?;
        let global = Self {
            scrape_interval: fields.or_default("scrape_interval")?,
            scrape_timeout: fields.or_default("scrape_timeout")?,
            protocols: None,
            evaluation_interval: fields.or_default("evaluation_interval")?,
            rule_query_offset: fields.or_default("rule_query_offset")?,
            query_log_file: fields.or_default("query_log_file")?,
            failure_log_file: fields.or_default("scrape_failure_log_file")?,
            external_labels: external.iter().collect(),
            limits: Limits::take(&mut fields)?,
            names: names.validation.unwrap_or_default(),
            escaping: names.escaping,
            native_histograms: fields.or_default("scrape_native_histograms")?,
            classic_to_nhcb: fields.or_default("convert_classic_histograms_to_nhcb")?,
            always_classic_histograms: fields.or_default("always_scrape_classic_histograms")?,
            extra_metrics: fields.or_default("extra_scrape_metrics")?,
        };
        fields.finish()?;
        if let Some(name) = external
            .keys()
            .find(|name| !global.names.is_label_name(name))
        {
            return Err(fields.invalid(format!("{name:?} is not a valid label name")));
        }
        let protocols = protocols.map(|protocols| protocols.validate()).transpose();
        let protocols =
            protocols.map_err(|what| fields.invalid(format!("{what} for global config")))?;
        let or = |own: Millis, default: Millis| if own == Millis::ZERO { default } else { own };
        let scrape_interval = or(global.scrape_interval, default.scrape_interval);
        if global.scrape_timeout > scrape_interval {
            return Err(fields.invalid("global scrape timeout greater than scrape interval"));
        }
        Ok(Self {
            scrape_interval,
            scrape_timeout: or(
                global.scrape_timeout,
                default.scrape_timeout.min(scrape_interval),
            ),
            evaluation_interval: or(global.evaluation_interval, default.evaluation_interval),
            protocols,
            ..global
        })
    }
}

impl Global {
    /// Makes relative paths begin at `directory`.
    pub(crate) fn set_directory(&mut self, directory: &Path) {
        join(directory, &mut self.query_log_file);
        join(directory, &mut self.failure_log_file);
    }

    /// Puts the environment into the external labels.
    pub(crate) fn expand(&mut self, variable: impl Fn(&str) -> Option<String>) {
        let pairs = self.external_labels.iter();
        self.external_labels = pairs
            .map(|(name, value)| (name, crate::expand::expand(value, &variable)))
            .collect();
    }
}
