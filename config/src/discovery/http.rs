//! Targets that a server tells over HTTP.
//!
//! Source: `discovery/http/http.go` in Prometheus.
use model::Millis;

use crate::{
    Error, HttpClient,
    decode::{Decode, Fields},
    http::{HttpFields, check_url},
    yaml::Node,
};

/// A server that answers with target groups in JSON, as they stand in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpDiscovery {
    /// What is asked.
    pub url: String,
    /// How often.
    pub refresh_interval: Millis,
    /// How it is spoken to.
    pub http: HttpClient,
}

impl Decode for HttpDiscovery {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "http.plain")?;
        let url: String = fields.or_default("url")?;
        let refresh_interval = fields.or("refresh_interval", Millis::from_seconds(60))?;
        let http = HttpFields::take(&mut fields, true)?;
        fields.finish()?;
        check_http_url(&url).map_err(|what| fields.invalid(what))?;
        let http = http.validate().map_err(|what| fields.invalid(what))?;
        Ok(Self {
            url,
            refresh_interval,
            http,
        })
    }
}

/// Fails unless `url` names a host, to be reached over HTTP.
pub(super) fn check_http_url(url: &str) -> Result<(), String> {
    if url.is_empty() {
        return Err("URL is missing".to_owned());
    }
    check_url(url)?;
    let host = ["http://", "https://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    match host {
        None => Err("URL scheme must be 'http' or 'https'".to_owned()),
        Some(host) if host.is_empty() || host.starts_with('/') => {
            Err("host is missing in URL".to_owned())
        }
        Some(_) => Ok(()),
    }
}
