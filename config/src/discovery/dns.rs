//! Targets that the domain name system tells.
//!
//! Source: `discovery/dns/dns.go` in Prometheus.
use model::Millis;

use crate::{
    Error,
    decode::{Decode, Fields},
    yaml::Node,
};

/// Names whose records become targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsDiscovery {
    /// The names; one is a group.
    pub names: Vec<String>,
    /// Which records.
    pub record: DnsRecord,
    /// The port of targets whose records tell none.
    pub port: u16,
    /// How often they are asked for.
    pub refresh_interval: Millis,
}

/// A kind of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsRecord {
    /// Hosts and ports of a service.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

impl Decode for DnsDiscovery {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "dns.plain")?;
        let names: Vec<String> = fields.or_default("names")?;
        let refresh_interval = fields.or("refresh_interval", Millis::from_seconds(30))?;
        let kind = fields.or("type", "SRV".to_owned())?;
        let port: i64 = fields.or_default("port")?;
        fields.finish()?;
        if names.is_empty() {
            return Err(fields.invalid("DNS-SD config must contain at least one SRV record name"));
        }
        let record = match kind.to_uppercase().as_str() {
            "SRV" => DnsRecord::Srv,
            "A" => DnsRecord::A,
            "AAAA" => DnsRecord::Aaaa,
            "MX" => DnsRecord::Mx,
            "NS" => DnsRecord::Ns,
            _ => return Err(fields.invalid(format!("invalid DNS-SD records type {kind}"))),
        };
        if port == 0 && record != DnsRecord::Srv {
            return Err(fields
                .invalid("a port is required in DNS-SD configs for all record types except SRV"));
        }
        let port = u16::try_from(port).map_err(|_| fields.invalid(format!("{port} is no port")))?;
        Ok(Self {
            names,
            record,
            port,
            refresh_interval,
        })
    }
}
