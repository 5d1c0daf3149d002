//! Through whom to go.
use std::collections::BTreeMap;

use crate::{Error, Secret, decode::Fields};

/// Through whom to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// The proxy's address.
    pub url: Option<String>,
    /// Hosts that are reached without it, separated by commas.
    pub no_proxy: String,
    /// Whether the environment says through whom.
    pub from_environment: bool,
    /// Headers for the proxy itself.
    pub connect_header: BTreeMap<String, Vec<Secret>>,
}

impl Proxy {
    pub(super) fn take(fields: &mut Fields<'_>) -> Result<Self, Error> {
        Ok(Self {
            url: fields.get("proxy_url")?,
            no_proxy: fields.or_default("no_proxy")?,
            from_environment: fields.or_default("proxy_from_environment")?,
            connect_header: fields.or_default("proxy_connect_header")?,
        })
    }

    pub(super) fn validate(&self) -> Result<(), &'static str> {
        let has_url = self.url.as_ref().is_some_and(|url| !url.is_empty());
        if !self.connect_header.is_empty() && !self.from_environment && !has_url {
            return Err(
                "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
            );
        }
        if self.from_environment && has_url {
            return Err(
                "if proxy_from_environment is configured, proxy_url must not be configured",
            );
        }
        if self.from_environment && !self.no_proxy.is_empty() {
            return Err("if proxy_from_environment is configured, no_proxy must not be configured");
        }
        if self.url.is_none() && !self.no_proxy.is_empty() {
            return Err("if no_proxy is configured, proxy_url must also be configured");
        }
        Ok(())
    }
}
