//! `pleiades all`: every role in one process, under Prometheus' own flags.
//!
//! The roles speak the same messages as between processes, over a network inside this one; the HTTP API alone
//! listens on the machine's.
use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use model::{Millis, ReplicationFactor};
use proto::v1::Role;
use runtime::{Components, Identity, InProcess, Offload, SystemClock};
use tokio::{signal::unix, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    data_dir::{DataDir, Kind},
    roles,
};

/// Prometheus' flags, as far as they mean something here; any other is refused by name.
#[derive(Clone, Debug, Args)]
pub(crate) struct All {
    /// Prometheus configuration file path.
    #[arg(
        long = "config.file",
        env = "PLEIADES_CONFIG_FILE",
        default_value = "prometheus.yml"
    )]
    config_file: PathBuf,
    /// Take a configuration that finds targets by mechanisms that are not supported, and leave those out.
    #[arg(
        long = "config.skip-unsupported-sd",
        env = "PLEIADES_CONFIG_SKIP_UNSUPPORTED_SD"
    )]
    skip_unsupported_sd: bool,
    /// Manifest of a Prometheus object: take the ServiceMonitors, PodMonitors, Probes, ScrapeConfigs and
    /// PrometheusRules that it selects in the Kubernetes cluster, as Prometheus Operator would.
    #[arg(
        long = "operator.prometheus-file",
        env = "PLEIADES_OPERATOR_PROMETHEUS_FILE"
    )]
    operator_file: Option<PathBuf>,
    /// Base path for metrics storage.
    #[arg(
        long = "storage.tsdb.path",
        env = "PLEIADES_STORAGE_TSDB_PATH",
        default_value = "data/"
    )]
    storage_path: PathBuf,
    /// How long to retain samples in storage.
    #[arg(long = "storage.tsdb.retention.time", env = "PLEIADES_STORAGE_TSDB_RETENTION_TIME", default_value = "15d", value_parser = model::parse_duration)]
    retention_time: Millis,
    /// Maximum number of bytes that can be stored for blocks. Units: B, KB, MB, GB, TB, PB, EB; 0 sets no limit.
    #[arg(long = "storage.tsdb.retention.size", env = "PLEIADES_STORAGE_TSDB_RETENTION_SIZE", default_value = "0", value_parser = bytes)]
    retention_size: u64,
    /// How often scraped samples are made to survive a crash of the machine.
    #[arg(long = "storage.sync-interval", env = "PLEIADES_STORAGE_SYNC_INTERVAL", default_value = "1s", value_parser = model::parse_duration)]
    sync_interval: Millis,
    /// Address to listen on for UI, API, and telemetry.
    #[arg(
        long = "web.listen-address",
        env = "PLEIADES_WEB_LISTEN_ADDRESS",
        default_value = "0.0.0.0:9090"
    )]
    web_listen_address: String,
    /// The URL under which people reach it: the links in alerts begin with it.
    #[arg(
        long = "web.external-url",
        env = "PLEIADES_WEB_EXTERNAL_URL",
        default_value = "http://127.0.0.1:9090"
    )]
    external_url: String,
    /// Enable reload via HTTP request.
    #[arg(long = "web.enable-lifecycle", env = "PLEIADES_WEB_ENABLE_LIFECYCLE")]
    enable_lifecycle: bool,
    /// Answer the calls under /api/v1/admin/tsdb, which delete and copy stored data.
    #[arg(long = "web.enable-admin-api", env = "PLEIADES_WEB_ENABLE_ADMIN_API")]
    enable_admin_api: bool,
    /// Enable API endpoint accepting remote write requests.
    #[arg(
        long = "web.enable-remote-write-receiver",
        env = "PLEIADES_WEB_ENABLE_REMOTE_WRITE_RECEIVER"
    )]
    remote_write_receiver: bool,
    /// What new series are refused by.
    #[command(flatten)]
    limits: ingester::Limits,
    /// What a query may cost and hold.
    #[command(flatten)]
    query: querier::QueryArgs,
}

/// Where the roles listen inside the process.
const DISCOVERER: &str = "discoverer.inside:1";

/// Runs every role until SIGTERM.
pub(crate) async fn run(args: All) -> anyhow::Result<()> {
    let network = Arc::new(InProcess::default());
    let components = Components::new(Arc::new(SystemClock), network, Offload::Threads);
    let stop = roles::until_signal();
    let mut running = JoinSet::new();

    let discoverer = discoverer::Settings {
        id: "discoverer-0".to_owned(),
        peers: vec![discoverer::raft::Peer {
            id: "discoverer-0".to_owned(),
            grpc: DISCOVERER.to_owned(),
        }],
        http: "discoverer.inside:2".to_owned(),
        grpc: DISCOVERER.to_owned(),
        advertised_http: "discoverer.inside:2".to_owned(),
        zone: String::new(),
        config_file: args.config_file.clone(),
        language: args.query.features.language(),
        skip_unsupported_sd: args.skip_unsupported_sd,
        replication: ReplicationFactor::new(1).expect("one is above zero"),
        operator_file: args.operator_file.clone(),
    };
    let data = DataDir::new("--storage.tsdb.path", &args.storage_path);
    let store = data.open_part(Kind::Discoverer)?;
    spawn(
        &mut running,
        &stop,
        discoverer::run(discoverer, components.clone(), store, stop.clone()),
    );

    let ingester = ingester::Settings {
        identity: inside("ingester", Role::Ingester),
        discoverers: vec![DISCOVERER.to_owned()],
        web_listen_address: "ingester.inside:2".to_owned(),
        grpc_listen_address: "ingester.inside:1".to_owned(),
        retention: Some(args.retention_time).filter(|time| *time > Millis::ZERO),
        retention_bytes: Some(args.retention_size).filter(|size| *size > 0),
        sync_interval: args.sync_interval.to_std(),
        max_body_size: 256 << 20,
        limits: args.limits,
        exemplar_storage: args.query.features.has(runtime::Feature::ExemplarStorage),
        start_storage: args.query.features.has(runtime::Feature::StStorage),
        metadata_labels: args.query.features.has(runtime::Feature::TypeAndUnitLabels),
        snapshots: args.storage_path.join("snapshots"),
        snapshot_part: Kind::Ingester.name(),
        grace: std::time::Duration::from_secs(10),
    };
    let store = data.open_part(Kind::Ingester)?;
    let ingester = ingester::run(ingester, components.clone(), store, stop.clone());
    spawn(&mut running, &stop, async move {
        ingester.await.map_err(|error| data.named(error))
    });

    let querier = querier::Settings {
        identity: Identity {
            http: args.web_listen_address.clone(),
            ..inside("querier", Role::Querier)
        },
        http: args.web_listen_address.clone(),
        grpc: "querier.inside:1".to_owned(),
        discoverers: vec![DISCOVERER.to_owned()],
        enable_lifecycle: args.enable_lifecycle,
        enable_remote_write_receiver: args.remote_write_receiver,
        enable_admin_api: args.enable_admin_api,
        query: args.query.into(),
    };
    spawn(
        &mut running,
        &stop,
        querier::run(querier, components.clone(), stop.clone()),
    );

    let ruler = ruler::Settings {
        identity: inside("ruler", Role::Ruler),
        http: "ruler.inside:2".to_owned(),
        grpc: "ruler.inside:1".to_owned(),
        discoverers: vec![DISCOVERER.to_owned()],
        external_url: args.external_url.trim_end_matches('/').to_owned(),
    };
    spawn(
        &mut running,
        &stop,
        ruler::run(ruler, components.clone(), stop.clone()),
    );
    tokio::spawn(reload_on_hangup(components, stop.clone()));

    info!(address = args.web_listen_address, "serving");
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        outcome = outcome.and(ended.context("a role panicked")?);
        stop.cancel();
    }
    outcome
}

/// The only member of `role` in this process.
fn inside(name: &str, role: Role) -> Identity {
    Identity {
        id: format!("{name}-0"),
        role,
        http: format!("{name}.inside:2"),
        grpc: format!("{name}.inside:1"),
        zone: String::new(),
    }
}

/// Runs one role among the others; whichever ends first ends all.
fn spawn<E>(
    running: &mut JoinSet<anyhow::Result<()>>,
    stop: &CancellationToken,
    role: impl Future<Output = Result<(), E>> + Send + 'static,
) where
    anyhow::Error: From<E>,
{
    let stop = stop.clone();
    running.spawn(async move {
        let ended = role.await;
        stop.cancel();
        Ok(ended?)
    });
}

/// Reads the configuration anew at each SIGHUP.
async fn reload_on_hangup(components: Components, stop: CancellationToken) {
    let Ok(mut hangup) = unix::signal(unix::SignalKind::hangup()) else {
        warn!("SIGHUP cannot be heard");
        return;
    };
    let discoverers = runtime::Discoverers::new([DISCOVERER.to_owned()], components.channels);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            heard = hangup.recv() => if heard.is_none() { return },
        }
        let reloaded = discoverers.on_leader(|mut client| async move {
            client.reload(proto::v1::ReloadRequest {}).await
        });
        match reloaded.await {
            Ok(_) => info!("the configuration was read anew"),
            Err(status) => warn!(
                error = status.message(),
                "the configuration is left as it was"
            ),
        }
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let bytes = config::parse_bytes(text)?;
    u64::try_from(bytes.0).map_err(|_| "a size is not negative".to_owned())
}
