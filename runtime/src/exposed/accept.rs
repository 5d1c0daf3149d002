//! In which format a page is asked for.

/// A format of `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposition {
    /// The text format, 0.0.4.
    Text,
    /// OpenMetrics, 1.0.0.
    OpenMetrics1,
    /// OpenMetrics, 0.0.1, which is written in the same way.
    OpenMetrics0,
}

impl Exposition {
    /// The one that the Accept header asks for most; the text format if it asks for none.
    ///
    /// Source: `NegotiateIncludingOpenMetrics` in prometheus/common, `expfmt/encode.go`.
    pub(crate) fn accepted(header: &str) -> Self {
        let mut best = (0.0, Self::Text);
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let (mut weight, mut version) = (1.0_f64, "");
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim() {
                    "q" => weight = value.trim().parse().unwrap_or(0.0),
                    "version" => version = value.trim().trim_matches('"'),
                    _ => {}
                }
            }
            let format = match (media_type.to_ascii_lowercase().as_str(), version) {
                ("text/plain", "" | "0.0.4") => Self::Text,
                ("application/openmetrics-text", "" | "0.0.1") => Self::OpenMetrics0,
                ("application/openmetrics-text", "1.0.0") => Self::OpenMetrics1,
                _ => continue,
            };
            // Of two that are asked for alike the first holds.
            if weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
    }

    /// The Content-Type of a page.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics1 => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::OpenMetrics0 => "application/openmetrics-text; version=0.0.1; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use exposition::{DEFAULT_SCRAPE_PROTOCOLS, EscapingScheme, ScrapeProtocol, accept_header};

    use super::*;

    #[test]
    fn the_best_of_what_is_asked_for_is_given() {
        use Exposition::{OpenMetrics0, OpenMetrics1, Text};
        let scrape = accept_header(&DEFAULT_SCRAPE_PROTOCOLS, EscapingScheme::AllowUtf8);
        let proto = [
            ScrapeProtocol::PrometheusProto,
            ScrapeProtocol::PrometheusText0_0_4,
        ];
        let proto = accept_header(&proto, EscapingScheme::AllowUtf8);
        for (header, format) in [
            ("", Text),
            ("*/*", Text),
            ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", Text),
            ("application/openmetrics-text", OpenMetrics0),
            ("application/openmetrics-text; version=2.0.0", Text),
            ("application/openmetrics-text;version=1.0.0;q=0", Text),
            (
                "text/plain;version=0.0.4;q=0.5, Application/OpenMetrics-Text;version=\"1.0.0\"",
                OpenMetrics1,
            ),
            (
                "text/plain;version=1.0.0;q=0.9,text/plain;q=0.2,application/openmetrics-text;q=0.1",
                Text,
            ),
            (&scrape, OpenMetrics1),
            (&proto, Text),
        ] {
            assert_eq!(Exposition::accepted(header), format, "{header}");
        }
    }
}
