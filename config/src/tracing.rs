//! Where spans are sent.
//!
//! Source: `TracingConfig` in Prometheus, `config/config.go`.
use std::{collections::BTreeMap, path::Path};

use model::Millis;

use crate::{
    Error, TlsConfig,
    decode::{Decode, Fields, Texts},
    http::is_reserved,
    yaml::Node,
};

/// The `tracing` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracing {
    /// How spans are sent.
    pub client: TracingClient,
    /// Where to.
    pub endpoint: String,
    /// The share of traces that are sent.
    pub sampling_fraction: f64,
    /// Whether TLS is left out.
    pub insecure: bool,
    /// How to speak TLS.
    pub tls: TlsConfig,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// How long a request may take; zero is the client's own limit.
    pub timeout: Millis,
}

/// How spans are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TracingClient {
    /// OTLP over gRPC.
    #[default]
    Grpc,
    /// OTLP over HTTP.
    Http,
}

impl Decode for TracingClient {
    fn decode(node: &Node) -> Result<Self, Error> {
        match String::decode(node)?.as_str() {
            "grpc" => Ok(Self::Grpc),
            "http" => Ok(Self::Http),
            other => Err(Error::invalid(
                node.place.line,
                format!("expected tracing client type to be to be http or grpc, but got {other}"),
            )),
        }
    }
}

impl Decode for Tracing {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let compression: String = fields.or_default("compression")?;
        let tracing = Self {
            client: fields.or_default("client_type")?,
            endpoint: fields.or_default("endpoint")?,
            sampling_fraction: fields.or_default("sampling_fraction")?,
            insecure: fields.or_default("insecure")?,
            tls: fields.or_default("tls_config")?,
            headers: fields.or_default::<Texts>("headers")?,
            gzip: compression == "gzip",
            timeout: fields.or_default("timeout")?,
        };
        fields.finish()?;
        match tracing.headers.keys().find(|name| is_reserved(name)) {
            Some(name) if name.eq_ignore_ascii_case("authorization") => {
                let what = "custom authorization header configuration is not yet supported";
                return Err(fields.invalid(what));
            }
            Some(name) => {
                let what = format!("{name} is a reserved header. It must not be changed");
                return Err(fields.invalid(what));
            }
            None => {}
        }
        if tracing.endpoint.is_empty() {
            return Err(fields.invalid("tracing endpoint must be set"));
        }
        if !compression.is_empty() && !tracing.gzip {
            return Err(fields.invalid(format!(
                "invalid compression type {compression} provided, valid options: gzip"
            )));
        }
        Ok(tracing)
    }
}

impl Tracing {
    /// Makes relative paths begin at `directory`.
    pub(crate) fn set_directory(&mut self, directory: &Path) {
        self.tls.set_directory(directory);
    }
}
