//! The formats in which pages are asked for.
use crate::{Error, decode::Decode, yaml::Node};

/// A format of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScrapeProtocol {
    /// Protobuf, each message after its length.
    PrometheusProto,
    /// The text format with plain names.
    PrometheusText0_0_4,
    /// The text format with names in quotes.
    PrometheusText1_0_0,
    /// OpenMetrics as it began.
    OpenMetricsText0_0_1,
    /// OpenMetrics.
    OpenMetricsText1_0_0,
}

impl ScrapeProtocol {
    /// In the order of their names.
    const ALL: [(&'static str, Self); 5] = [
        ("OpenMetricsText0.0.1", Self::OpenMetricsText0_0_1),
        ("OpenMetricsText1.0.0", Self::OpenMetricsText1_0_0),
        ("PrometheusProto", Self::PrometheusProto),
        ("PrometheusText0.0.4", Self::PrometheusText0_0_4),
        ("PrometheusText1.0.0", Self::PrometheusText1_0_0),
    ];

    /// The formats that are asked for where configuration names none, the best first.
    pub fn defaults(native_histograms: bool) -> Vec<Self> {
        let mut protocols = vec![
            Self::OpenMetricsText1_0_0,
            Self::OpenMetricsText0_0_1,
            Self::PrometheusText1_0_0,
            Self::PrometheusText0_0_4,
        ];
        if native_histograms {
            protocols.insert(0, Self::PrometheusProto);
        }
        protocols
    }

    pub(crate) fn from_name(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(n, protocol)| (n == name).then_some(protocol))
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).collect();
                format!(
                    "unknown scrape protocol {name}, supported: [{}]",
                    known.join(" ")
                )
            })
    }

    /// The format's name in configuration.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find_map(|(name, protocol)| (*protocol == self).then_some(*name))
            .expect("every format has a name")
    }

    /// The media type that asks for the format.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            Self::PrometheusText0_0_4 => "text/plain;version=0.0.4",
            Self::PrometheusText1_0_0 => "text/plain;version=1.0.0",
            Self::OpenMetricsText0_0_1 => "application/openmetrics-text;version=0.0.1",
            Self::OpenMetricsText1_0_0 => "application/openmetrics-text;version=1.0.0",
        }
    }
}

/// The names of formats as they were written.
pub(crate) struct Protocols(Vec<String>);

impl Decode for Protocols {
    fn decode(node: &Node) -> Result<Self, Error> {
        Vec::decode(node).map(Self)
    }
}

impl Protocols {
    /// The formats, if there are any and none comes twice.
    pub(crate) fn validate(&self) -> Result<Vec<ScrapeProtocol>, String> {
        if self.0.is_empty() {
            return Err("scrape_protocols cannot be empty".to_owned());
        }
        let mut protocols = Vec::with_capacity(self.0.len());
        for (i, name) in self.0.iter().enumerate() {
            if self.0[..i]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
            {
                let names = self.0.join(" ");
                return Err(format!(
                    "duplicated protocol in scrape_protocols, got [{names}]"
                ));
            }
            let protocol = ScrapeProtocol::from_name(name);
            protocols.push(protocol.map_err(|what| format!("scrape_protocols: {what}"))?);
        }
        Ok(protocols)
    }
}
