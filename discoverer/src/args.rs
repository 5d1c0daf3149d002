//! The command line of a discoverer.
use std::path::PathBuf;

use clap::Args as ClapArgs;
use model::ReplicationFactor;
use runtime::{FeatureArgs, advertised};

use crate::{Settings, raft::Peer};

/// Flags of a discoverer; each has an environment variable beside it.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// The discoverer's name, one of the Raft peers'.
    #[arg(long, env = "PLEIADES_ID")]
    pub id: String,
    /// All discoverers, this one among them: id=host:port of their gRPC listeners, separated by commas.
    #[arg(long = "raft.peers", env = "PLEIADES_RAFT_PEERS", value_delimiter = ',', required = true, value_parser = peer)]
    pub raft_peers: Vec<Peer>,
    /// Where HTTP is answered.
    #[arg(
        long = "web.listen-address",
        env = "PLEIADES_WEB_LISTEN_ADDRESS",
        default_value = "0.0.0.0:9090"
    )]
    pub web_listen_address: String,
    /// Where other members are answered.
    #[arg(
        long = "grpc.listen-address",
        env = "PLEIADES_GRPC_LISTEN_ADDRESS",
        default_value = "0.0.0.0:9095"
    )]
    pub grpc_listen_address: String,
    /// The HTTP address under which others reach this discoverer; without it the one it listens on.
    #[arg(long = "web.advertise-address", env = "PLEIADES_WEB_ADVERTISE_ADDRESS")]
    pub web_advertise_address: Option<String>,
    /// The topology zone that the discoverer stands in.
    #[arg(long, env = "PLEIADES_ZONE", default_value = "")]
    pub zone: String,
    /// Prometheus configuration file path.
    #[arg(
        long = "config.file",
        env = "PLEIADES_CONFIG_FILE",
        default_value = "prometheus.yml"
    )]
    pub config_file: PathBuf,
    /// Copies of every shard; fixed with the group's first start.
    #[arg(long = "replication-factor", env = "PLEIADES_REPLICATION_FACTOR", default_value = "2", value_parser = factor)]
    pub replication_factor: ReplicationFactor,
    /// What rules may use although it is not stable yet; queriers, which evaluate them, need the same.
    #[command(flatten)]
    pub features: FeatureArgs,
    /// Take a configuration that finds targets by mechanisms that are not supported, and leave those out.
    #[arg(
        long = "config.skip-unsupported-sd",
        env = "PLEIADES_CONFIG_SKIP_UNSUPPORTED_SD"
    )]
    pub skip_unsupported_sd: bool,
    /// Manifest of a Prometheus object: take the ServiceMonitors, PodMonitors, Probes, ScrapeConfigs and
    /// PrometheusRules that it selects in the Kubernetes cluster, as Prometheus Operator would.
    #[arg(
        long = "operator.prometheus-file",
        env = "PLEIADES_OPERATOR_PROMETHEUS_FILE"
    )]
    pub operator_file: Option<PathBuf>,
    /// Where the Raft log and its snapshots are kept.
    #[arg(long, env = "PLEIADES_DATA_DIR", default_value = "data")]
    pub data_dir: PathBuf,
}

fn peer(text: &str) -> Result<Peer, String> {
    match text.split_once('=') {
        Some((id, grpc)) if !id.is_empty() && grpc.contains(':') => Ok(Peer {
            id: id.to_owned(),
            grpc: grpc.to_owned(),
        }),
        _ => Err("a peer is written id=host:port".to_owned()),
    }
}

fn factor(text: &str) -> Result<ReplicationFactor, String> {
    let copies = text.parse().ok().and_then(ReplicationFactor::new);
    copies.ok_or_else(|| "a replication factor is a whole number from 1 to 255".to_owned())
}

impl From<Args> for Settings {
    fn from(args: Args) -> Self {
        Self {
            id: args.id,
            peers: args.raft_peers,
            advertised_http: advertised(&args.web_advertise_address, &args.web_listen_address),
            http: args.web_listen_address,
            grpc: args.grpc_listen_address,
            zone: args.zone,
            config_file: args.config_file,
            language: args.features.language(),
            skip_unsupported_sd: args.skip_unsupported_sd,
            replication: args.replication_factor,
            operator_file: args.operator_file,
        }
    }
}
