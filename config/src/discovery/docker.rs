//! Targets that a Docker daemon tells: its containers.
//!
//! Source: `discovery/moby/docker.go` in Prometheus.
use model::Millis;

use crate::{
    Error, HttpClient,
    decode::{Decode, Fields},
    http::{HttpFields, check_url},
    yaml::Node,
};

/// A Docker daemon whose containers become targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerDiscovery {
    /// Where it listens: `unix:///var/run/docker.sock`, `tcp://…` or a URL.
    pub host: String,
    /// The port of containers that expose none.
    pub port: u16,
    /// Which containers.
    pub filters: Vec<DockerFilter>,
    /// The address of containers in the host's network.
    pub host_networking_host: String,
    /// Whether a container is a target in the first of its networks alone.
    pub match_first_network: bool,
    /// How often it is asked.
    pub refresh_interval: Millis,
    /// How it is spoken to.
    pub http: HttpClient,
}

/// What a container has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerFilter {
    /// Of what: `label`, `status`, …
    pub name: String,
    /// One of these.
    pub values: Vec<String>,
}

impl Decode for DockerDiscovery {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "moby.plain")?;
        let host: String = fields.or_default("host")?;
        let port: i64 = fields.or("port", 80)?;
        let filters = fields.or_default("filters")?;
        let host_networking_host = fields.or("host_networking_host", "localhost".to_owned())?;
        let match_first_network = fields.or("match_first_network", true)?;
        let refresh_interval = fields.or("refresh_interval", Millis::from_seconds(60))?;
        let http = HttpFields::take(&mut fields, true)?;
        fields.finish()?;
        if host.is_empty() {
            return Err(fields.invalid("host missing"));
        }
        check_url(&host).map_err(|what| fields.invalid(what))?;
        let scheme = host.split_once("://").map(|(scheme, _)| scheme);
        if !scheme.is_some_and(|s| matches!(s, "unix" | "tcp" | "http" | "https")) {
            return Err(fields.invalid(format!(
                "unable to parse docker host {host:?}: it begins with unix://, tcp://, http:// or https://"
            )));
        }
        let port = u16::try_from(port).map_err(|_| fields.invalid(format!("{port} is no port")))?;
        let http = http.validate().map_err(|what| fields.invalid(what))?;
        Ok(Self {
            host,
            port,
            filters,
            host_networking_host,
            match_first_network,
            refresh_interval,
            http,
        })
    }
}

impl Decode for DockerFilter {
    const GO: &'static str = "moby.Filter";

    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "moby.Filter")?;
        let filter = Self {
            name: fields.or_default("name")?,
            values: fields.or_default("values")?,
        };
        fields.finish()?;
        Ok(filter)
    }
}
