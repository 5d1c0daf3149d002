//! The formats in which pages are asked for, as configuration names them.
use exposition::{DEFAULT_SCRAPE_PROTOCOLS, ScrapeProtocol};

use crate::{Error, decode::Decode, yaml::Node};

/// The formats that are asked for where configuration names none, the best first.
pub(crate) fn defaults(native_histograms: bool) -> Vec<ScrapeProtocol> {
    let first = native_histograms.then_some(ScrapeProtocol::PrometheusProto);
    first.into_iter().chain(DEFAULT_SCRAPE_PROTOCOLS).collect()
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
            let protocol = name.parse();
            protocols.push(protocol.map_err(|what| format!("scrape_protocols: {what}"))?);
        }
        Ok(protocols)
    }
}
