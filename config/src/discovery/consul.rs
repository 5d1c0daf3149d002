//! Targets that Consul's catalogue tells.
//!
//! Source: `discovery/consul/consul.go` in Prometheus.
use std::collections::BTreeMap;

use model::Millis;

use crate::{
    Auth, Error, HttpClient, Secret, Source,
    decode::{Decode, Fields, Texts},
    http::HttpFields,
    yaml::Node,
};

/// A Consul agent, and which services it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsulDiscovery {
    /// `host:port`
    pub server: String,
    /// What stands before the paths of its API.
    pub path_prefix: String,
    /// What it lets us in for; perhaps empty.
    pub token: Secret,
    /// The agent's own if empty.
    pub datacenter: String,
    /// Of Consul Enterprise.
    pub namespace: String,
    /// Of Consul Enterprise.
    pub partition: String,
    /// What stands between, before and after tags.
    pub tag_separator: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Whether any server may answer, not the leader alone.
    pub allow_stale: bool,
    /// The least pause between two questions about one thing.
    pub refresh_interval: Millis,
    /// Services by name; all if there are none.
    pub services: Vec<String>,
    /// Only services and instances with all of these.
    pub tags: Vec<String>,
    /// Only nodes with these.
    pub node_meta: BTreeMap<String, String>,
    /// An expression over the catalogue's services.
    pub filter: String,
    /// An expression over the instances of a service.
    pub health_filter: String,
    /// How it is spoken to.
    pub http: HttpClient,
}

impl Decode for ConsulDiscovery {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "consul.plain")?;
        let username: String = fields.or_default("username")?;
        let password: Secret = fields.or_default("password")?;
        let node_meta: Texts = fields.or_default("node_meta")?;
        let client = HttpFields::take(&mut fields, true)?;
        let mut discovery = Self {
            server: fields.or("server", "localhost:8500".to_owned())?,
            path_prefix: fields.or_default("path_prefix")?,
            token: fields.or_default("token")?,
            datacenter: fields.or_default("datacenter")?,
            namespace: fields.or_default("namespace")?,
            partition: fields.or_default("partition")?,
            tag_separator: fields.or("tag_separator", ",".to_owned())?,
            scheme: fields.or("scheme", "http".to_owned())?,
            allow_stale: fields.or("allow_stale", true)?,
            refresh_interval: fields.or("refresh_interval", Millis::from_seconds(30))?,
            services: fields.or_default("services")?,
            tags: fields.or_default("tags")?,
            node_meta: node_meta.into_iter().collect(),
            filter: fields.or_default("filter")?,
            health_filter: fields.or_default("health_filter")?,
            http: HttpClient::default(),
        };
        fields.finish()?;
        let auths = client.auths();
        let is_named = !username.is_empty() || !password.is_empty();
        let contradictions = [
            (
                discovery.server.trim().is_empty(),
                "consul SD configuration requires a server address",
            ),
            (
                is_named && auths.contains(&"basic_auth"),
                "at most one of consul SD configuration username and password and basic auth can be configured",
            ),
            (
                !discovery.token.is_empty()
                    && (auths.contains(&"authorization") || auths.contains(&"oauth2")),
                "at most one of consul SD token, authorization, or oauth2 can be configured",
            ),
            (
                is_named && !auths.is_empty(),
                "at most one of basic_auth, oauth2 & authorization must be configured",
            ),
        ];
        if let Some((_, what)) = contradictions.into_iter().find(|(holds, _)| *holds) {
            return Err(fields.invalid(what));
        }
        discovery.http = client.validate().map_err(|what| fields.invalid(what))?;
        if is_named {
            discovery.http.auth = Auth::Basic {
                username: Source::Inline(Secret::new(username)),
                password: Source::Inline(password),
            };
        }
        Ok(discovery)
    }
}
