//! How a scraper asks for a format, and which one a target has answered in.
use std::{fmt, str::FromStr};

use crate::{Encoding, EscapingScheme, Format, content_type::media_type, quote::quoted};

/// A format as `scrape_protocols` and `fallback_scrape_protocol` name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScrapeProtocol {
    /// Delimited protobuf messages.
    PrometheusProto,
    /// Text 0.0.4.
    PrometheusText0_0_4,
    /// Text 1.0.0.
    PrometheusText1_0_0,
    /// OpenMetrics 0.0.1.
    OpenMetricsText0_0_1,
    /// OpenMetrics 1.0.0.
    OpenMetricsText1_0_0,
}

/// What targets are asked for if nothing is configured, best first.
pub const DEFAULT_SCRAPE_PROTOCOLS: [ScrapeProtocol; 4] = [
    ScrapeProtocol::OpenMetricsText1_0_0,
    ScrapeProtocol::OpenMetricsText0_0_1,
    ScrapeProtocol::PrometheusText1_0_0,
    ScrapeProtocol::PrometheusText0_0_4,
];

impl ScrapeProtocol {
    /// All, in the order of their names.
    const ALL: [Self; 5] = [
        Self::OpenMetricsText0_0_1,
        Self::OpenMetricsText1_0_0,
        Self::PrometheusProto,
        Self::PrometheusText0_0_4,
        Self::PrometheusText1_0_0,
    ];

    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrometheusProto => "PrometheusProto",
            Self::PrometheusText0_0_4 => "PrometheusText0.0.4",
            Self::PrometheusText1_0_0 => "PrometheusText1.0.0",
            Self::OpenMetricsText0_0_1 => "OpenMetricsText0.0.1",
            Self::OpenMetricsText1_0_0 => "OpenMetricsText1.0.0",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::PrometheusProto => PROTOBUF,
            Self::PrometheusText0_0_4 | Self::PrometheusText1_0_0 => TEXT,
            Self::OpenMetricsText0_0_1 | Self::OpenMetricsText1_0_0 => OPEN_METRICS,
        }
    }

    /// What stands behind the media type in the Accept header, and whether that version knows of escaping.
    const fn parameters(self) -> (&'static str, bool) {
        match self {
            Self::PrometheusProto => (
                "proto=io.prometheus.client.MetricFamily;encoding=delimited",
                false,
            ),
            Self::PrometheusText0_0_4 => ("version=0.0.4", false),
            Self::OpenMetricsText0_0_1 => ("version=0.0.1", false),
            Self::PrometheusText1_0_0 | Self::OpenMetricsText1_0_0 => ("version=1.0.0", true),
        }
    }
}

impl fmt::Display for ScrapeProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such scrape protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scrape protocol {}, supported: [{}]", .0, supported())]
pub struct UnknownScrapeProtocol(pub String);

fn supported() -> String {
    ScrapeProtocol::ALL.map(ScrapeProtocol::as_str).join(" ")
}

impl FromStr for ScrapeProtocol {
    type Err = UnknownScrapeProtocol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.as_str() == text)
            .ok_or_else(|| UnknownScrapeProtocol(text.to_owned()))
    }
}

const TEXT: &str = "text/plain";
const OPEN_METRICS: &str = "application/openmetrics-text";
const PROTOBUF: &str = "application/vnd.google.protobuf";

/// The Accept header that asks for `protocols`, best first, and for anything else last.
///
/// Source: `acceptHeader` in Prometheus, `scrape/scrape.go`.
pub fn accept_header(protocols: &[ScrapeProtocol], escaping: EscapingScheme) -> String {
    let mut header = String::new();
    let mut weight = ScrapeProtocol::ALL.len() + 1;
    for protocol in protocols {
        let (parameters, escapes) = protocol.parameters();
        header += &format!("{};{parameters}", protocol.media_type());
        if escapes {
            header += &format!(";escaping={escaping}");
        }
        header += &format!(";q=0.{weight},");
        // The configuration names each protocol once.
        weight = weight.saturating_sub(1);
    }
    header + &format!("*/*;q=0.{weight}")
}

/// The format of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// How to read the page.
    pub format: Encoding,
    /// Why the fallback had to be taken, if it was; worth a debug message.
    pub warning: Option<String>,
}

/// An answer in no format that is known; the scrape fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// No Content-Type.
    #[error(
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target"
    )]
    Blank,
    /// A Content-Type that cannot be read.
    #[error("cannot parse Content-Type {} and no fallback_scrape_protocol for target\n{reason}", quoted(content_type.as_bytes()))]
    Malformed {
        /// The header.
        content_type: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A Content-Type of something else.
    #[error("received unsupported Content-Type {} and no fallback_scrape_protocol specified for target", quoted(content_type.as_bytes()))]
    Unsupported {
        /// The header.
        content_type: String,
    },
}

/// The format in which a target answered with `content_type` (empty if there was none), `fallback` holding if that
/// tells nothing.
///
/// # Errors
/// [`NegotiationError`] if there is no fallback either.
///
/// Source: `extractMediaType` in Prometheus, `model/textparse/interface.go`.
pub fn choose_format(
    content_type: &str,
    fallback: Option<ScrapeProtocol>,
) -> Result<Chosen, NegotiationError> {
    let header = quoted(content_type.as_bytes());
    let (error, why) = if content_type.is_empty() {
        let why = "non-compliant scrape target sending blank Content-Type".to_owned();
        (NegotiationError::Blank, why)
    } else {
        let content_type = content_type.to_owned();
        match media_type(&content_type) {
            Ok(known) if [TEXT, OPEN_METRICS, PROTOBUF].contains(&known.as_str()) => {
                return Ok(chosen(&known, None));
            }
            Ok(_) => (
                NegotiationError::Unsupported { content_type },
                format!("received unsupported Content-Type {header}"),
            ),
            Err(reason) => (
                NegotiationError::Malformed {
                    content_type,
                    reason,
                },
                format!("could not parse received Content-Type {header}"),
            ),
        }
    };
    let fallback = fallback.ok_or_else(|| error.clone())?.media_type();
    let mut warning = format!("{why}, using fallback_scrape_protocol \"{fallback}\"");
    if let NegotiationError::Malformed { reason, .. } = error {
        warning = format!("{warning}\n{reason}");
    }
    Ok(chosen(fallback, Some(warning)))
}

/// What a page of `media_type`, which is known, is read as.
fn chosen(media_type: &str, warning: Option<String>) -> Chosen {
    let format = match media_type {
        TEXT => Encoding::Lines(Format::Text),
        OPEN_METRICS => Encoding::Lines(Format::OpenMetrics),
        _ => Encoding::Protobuf,
    };
    Chosen { format, warning }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_accept_header_is_that_of_prometheus() {
        expect!["application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"]
            .assert_eq(&accept_header(&DEFAULT_SCRAPE_PROTOCOLS, EscapingScheme::AllowUtf8));
        let protocols = [
            ScrapeProtocol::PrometheusProto,
            ScrapeProtocol::PrometheusText1_0_0,
        ];
        expect!["application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;version=1.0.0;escaping=underscores;q=0.5,*/*;q=0.4"]
            .assert_eq(&accept_header(&protocols, EscapingScheme::Underscores));
    }

    #[test]
    fn protocols_are_read_by_their_names() {
        assert_eq!(
            "PrometheusText1.0.0".parse(),
            Ok(ScrapeProtocol::PrometheusText1_0_0)
        );
        expect!["unknown scrape protocol text, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0]"]
            .assert_eq(&"text".parse::<ScrapeProtocol>().unwrap_err().to_string());
    }

    #[test]
    fn the_content_type_decides() {
        for (header, format) in [
            ("text/plain", Encoding::Lines(Format::Text)),
            (
                "text/plain; version=0.0.4; charset=utf-8",
                Encoding::Lines(Format::Text),
            ),
            (
                "application/openmetrics-text; version=1.0.0",
                Encoding::Lines(Format::OpenMetrics),
            ),
            (
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
                Encoding::Protobuf,
            ),
        ] {
            let warning = None;
            assert_eq!(choose_format(header, None), Ok(Chosen { format, warning }));
        }
    }

    #[test]
    fn without_a_fallback_other_answers_are_refused() {
        let refusal = |header| choose_format(header, None).unwrap_err().to_string();
        expect!["non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target"]
            .assert_eq(&refusal(""));
        expect![[r#"
            cannot parse Content-Type "invalid/" and no fallback_scrape_protocol for target
            mime: expected token after slash"#]]
        .assert_eq(&refusal("invalid/"));
        expect![[r#"received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target"#]]
            .assert_eq(&refusal("text/html"));
    }

    #[test]
    fn a_fallback_is_taken_with_a_warning() {
        let taken =
            |header| choose_format(header, Some(ScrapeProtocol::OpenMetricsText0_0_1)).unwrap();
        let warning = |header| taken(header).warning.unwrap();
        assert_eq!(taken("").format, Encoding::Lines(Format::OpenMetrics));
        expect![[r#"non-compliant scrape target sending blank Content-Type, using fallback_scrape_protocol "application/openmetrics-text""#]]
            .assert_eq(&warning(""));
        expect![[r#"
            could not parse received Content-Type "/", using fallback_scrape_protocol "application/openmetrics-text"
            mime: no media type"#]]
        .assert_eq(&warning("/"));
        expect![[r#"received unsupported Content-Type "text/html", using fallback_scrape_protocol "application/openmetrics-text""#]]
            .assert_eq(&warning("text/html"));
    }
}
