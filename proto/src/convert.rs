//! Labels, matchers, ranges and targets to and from their messages.
use model::{
    EmptyTimeRange, Exemplar, Labels, MatchOp, Matcher, MatcherError, MetricType, Millis,
    OwnSettings, Target, TargetSettings, TimeRange, Timestamp,
};

use crate::v1;

/// A message that does not stand for a value.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A field that must be there is not.
    #[error("the message lacks {0}")]
    Missing(&'static str),
    /// A range ends before it starts.
    #[error("bad time range")]
    Range(#[from] EmptyTimeRange),
    /// A pattern does not compile.
    #[error("bad matcher on {name}")]
    Matcher {
        /// The label.
        name: String,
        /// Why.
        source: MatcherError,
    },
    /// A column does not decode, or does not fit the others.
    #[error("bad column of group {group:016x}: {what}")]
    Column {
        /// The group.
        group: u64,
        /// What is wrong.
        what: String,
    },
}

impl From<WireError> for tonic::Status {
    fn from(error: WireError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

impl From<&Labels> for v1::Labels {
    fn from(labels: &Labels) -> Self {
        let label = |(name, value): (&str, &str)| v1::Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        Self {
            labels: labels.iter().map(label).collect(),
        }
    }
}

impl From<&v1::Labels> for Labels {
    fn from(labels: &v1::Labels) -> Self {
        labels
            .labels
            .iter()
            .map(|label| (&label.name, &label.value))
            .collect()
    }
}

impl From<&Exemplar> for v1::Exemplar {
    fn from(exemplar: &Exemplar) -> Self {
        Self {
            labels: Some((&exemplar.labels).into()),
            value: exemplar.value,
            time_millis: exemplar.at.as_millis(),
            is_timed: exemplar.is_timed,
        }
    }
}

impl From<&v1::Exemplar> for Exemplar {
    fn from(exemplar: &v1::Exemplar) -> Self {
        Self {
            labels: exemplar.labels.as_ref().map(Into::into).unwrap_or_default(),
            value: exemplar.value,
            at: Timestamp::from_millis(exemplar.time_millis),
            is_timed: exemplar.is_timed,
        }
    }
}

impl From<&[Matcher]> for v1::Selector {
    fn from(matchers: &[Matcher]) -> Self {
        let op = |op| match op {
            MatchOp::Equal => v1::matcher::Op::Equal,
            MatchOp::NotEqual => v1::matcher::Op::NotEqual,
            MatchOp::Regex => v1::matcher::Op::Regex,
            MatchOp::NotRegex => v1::matcher::Op::NotRegex,
        };
        let matcher = |m: &Matcher| v1::Matcher {
            op: op(m.op()).into(),
            name: m.name().to_owned(),
            value: m.value().to_owned(),
        };
        Self {
            matchers: matchers.iter().map(matcher).collect(),
        }
    }
}

impl TryFrom<&v1::Selector> for Vec<Matcher> {
    type Error = WireError;

    fn try_from(selector: &v1::Selector) -> Result<Self, WireError> {
        let matcher = |m: &v1::Matcher| {
            let op = match m.op() {
                v1::matcher::Op::Equal => MatchOp::Equal,
                v1::matcher::Op::NotEqual => MatchOp::NotEqual,
                v1::matcher::Op::Regex => MatchOp::Regex,
                v1::matcher::Op::NotRegex => MatchOp::NotRegex,
            };
            Matcher::new(op, &m.name, &m.value).map_err(|source| WireError::Matcher {
                name: m.name.clone(),
                source,
            })
        };
        selector.matchers.iter().map(matcher).collect()
    }
}

impl From<TimeRange> for v1::TimeRange {
    fn from(range: TimeRange) -> Self {
        Self {
            start_millis: range.start().as_millis(),
            end_millis: range.end().as_millis(),
        }
    }
}

impl TryFrom<v1::TimeRange> for TimeRange {
    type Error = WireError;

    fn try_from(range: v1::TimeRange) -> Result<Self, WireError> {
        Ok(Self::new(
            Timestamp::from_millis(range.start_millis),
            Timestamp::from_millis(range.end_millis),
        )?)
    }
}

impl From<&Target> for v1::Target {
    fn from(target: &Target) -> Self {
        let settings = &target.settings;
        let own = settings.own.as_deref();
        let param = |(name, values): &(String, Vec<String>)| v1::Param {
            name: name.clone(),
            values: values.clone(),
        };
        Self {
            labels: Some((&target.labels).into()),
            discovered: Some((&target.discovered).into()),
            job: target.job.clone(),
            scheme: settings.scheme.clone(),
            address: settings.address.clone(),
            metrics_path: settings.metrics_path.clone(),
            params: settings.params.iter().map(param).collect(),
            interval_millis: settings.interval.as_millis(),
            timeout_millis: settings.timeout.as_millis(),
            native_histograms: own.and_then(|own| own.native_histograms),
            always_classic_histograms: own.and_then(|own| own.always_classic_histograms),
            classic_to_nhcb: own.and_then(|own| own.classic_to_nhcb),
            unix_socket: own.map_or(String::new(), |own| own.unix_socket.to_string()),
            refusal: own.map_or(String::new(), |own| own.refusal.to_string()),
        }
    }
}

impl TryFrom<&v1::Target> for Target {
    type Error = WireError;

    fn try_from(target: &v1::Target) -> Result<Self, WireError> {
        let labels = |labels: &Option<v1::Labels>| labels.as_ref().map(Labels::from);
        let span = |millis: i64, what| match millis {
            1.. => Ok(Millis::new(millis)),
            _ => Err(WireError::Missing(what)),
        };
        Ok(Self {
            labels: labels(&target.labels).ok_or(WireError::Missing("a target's labels"))?,
            discovered: labels(&target.discovered).unwrap_or_default(),
            job: target.job.clone(),
            settings: TargetSettings {
                scheme: target.scheme.clone(),
                address: target.address.clone(),
                metrics_path: target.metrics_path.clone(),
                params: target
                    .params
                    .iter()
                    .map(|p| (p.name.clone(), p.values.clone()))
                    .collect(),
                interval: span(target.interval_millis, "a target's interval")?,
                timeout: span(target.timeout_millis, "a target's timeout")?,
                own: OwnSettings {
                    native_histograms: target.native_histograms,
                    always_classic_histograms: target.always_classic_histograms,
                    classic_to_nhcb: target.classic_to_nhcb,
                    unix_socket: target.unix_socket.as_str().into(),
                    refusal: target.refusal.as_str().into(),
                }
                .boxed(),
            },
        })
    }
}

/// The metric type of its name in exposition formats; what is not known is [`MetricType::Unknown`].
pub fn metric_type(name: &str) -> MetricType {
    MetricType::ALL
        .into_iter()
        .find(|t| t.as_str() == name)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_comes_back_as_it_was_sent() {
        let target = Target {
            labels: Labels::from_pairs([("job", "a"), ("instance", "b")]),
            discovered: Labels::from_pairs([("__address__", "b")]),
            job: "a".to_owned(),
            settings: TargetSettings {
                scheme: "http".to_owned(),
                address: "b:80".to_owned(),
                metrics_path: "/metrics".to_owned(),
                params: vec![("x".to_owned(), vec!["1".to_owned(), "2".to_owned()])],
                interval: Millis::new(15_000),
                timeout: Millis::new(10_000),
                own: OwnSettings {
                    native_histograms: Some(true),
                    classic_to_nhcb: Some(false),
                    unix_socket: "/run/a.sock".into(),
                    refusal: "too many".into(),
                    ..OwnSettings::default()
                }
                .boxed(),
            },
        };
        let sent = v1::Target::from(&target);
        assert_eq!(Target::try_from(&sent).unwrap(), target);
        let broken = v1::Target {
            interval_millis: 0,
            ..sent
        };
        assert!(Target::try_from(&broken).is_err());
    }

    #[test]
    fn matchers_come_back_as_they_were_sent() {
        let matchers = [
            Matcher::equal("a", "b"),
            Matcher::new(MatchOp::NotRegex, "c", "d.*").unwrap(),
        ];
        let selector = v1::Selector::from(&matchers[..]);
        assert_eq!(Vec::<Matcher>::try_from(&selector).unwrap(), matchers);
    }
}
