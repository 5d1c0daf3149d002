//! What an operator may set.
use std::time::Duration;

use model::Millis;

/// The settings of one ingester.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name, unique among ingesters and the same after a restart.
    pub id: String,
    /// `host:port` of the discoverers' gRPC listeners.
    pub discoverers: Vec<String>,
    /// Where HTTP is served.
    pub web_listen_address: String,
    /// Where gRPC is served.
    pub grpc_listen_address: String,
    /// The host under which others reach it; none: the one that is listened on.
    pub advertise_host: Option<String>,
    /// Topology zone, or empty.
    pub zone: String,
    /// How long samples are kept; none: for ever.
    pub retention: Option<Millis>,
    /// How many bytes samples may take; none: any number.
    pub retention_bytes: Option<u64>,
    /// How often rows are made durable.
    pub sync_interval: Duration,
    /// Pages of so many bytes or more are refused whatever their job says.
    pub max_body_size: u64,
    /// How long its tasks may take to end.
    pub grace: Duration,
}

impl Settings {
    /// The `host:port` under which others reach what listens on `listen`, whose port turned out to be `port`.
    pub(crate) fn advertised(&self, listen: &str, port: u16) -> String {
        let (host, named) = listen.rsplit_once(':').unwrap_or((listen, "0"));
        let host = match (&self.advertise_host, host) {
            (Some(host), _) => host,
            (None, "" | "0.0.0.0" | "[::]") => "127.0.0.1",
            (None, host) => host,
        };
        match port {
            // A network without ports of its own.
            0 => format!("{host}:{named}"),
            port => format!("{host}:{port}"),
        }
    }
}
