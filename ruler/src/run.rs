//! The ruler's process: it joins, follows the configuration, evaluates, and answers.
use std::{sync::Arc, time::Duration};

use config::Config;
use prometheus_client::registry::Registry;
use proto::v1::ruler_server::RulerServer;
use runtime::{
    Components, Configurations, Discoverers, Identity, ListenError, Load, Membership, Readiness,
    TaskError, Tasks, base_router, serve_grpc, serve_http,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    alertmanagers::{self, Found},
    groups::{self, Evaluator, Statuses},
    metrics::Metrics,
    notify::Notifier,
    service::Service,
};

/// How long evaluations under way may take at the end.
const GRACE: Duration = Duration::from_secs(10);

/// What a ruler is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who it is, under the addresses at which others reach it; a port 0 stands for the one that is listened on.
    pub identity: Identity,
    /// Where HTTP is answered.
    pub http: String,
    /// Where gRPC is answered.
    pub grpc: String,
    /// The discoverers' gRPC addresses.
    pub discoverers: Vec<String>,
    /// Where people reach the querier: the links in alerts begin with it.
    pub external_url: String,
}

/// The configuration of the time.
#[derive(Debug, Default)]
pub(crate) struct Current {
    pub(crate) version: u64,
    pub(crate) config: Config,
}

/// Why a ruler ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A task failed.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Runs a ruler until `shutdown`.
///
/// # Errors
/// [`Error`]
pub async fn run(
    settings: Settings,
    components: Components,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let http = components.listen(&settings.http).await?;
    let grpc = components.listen(&settings.grpc).await?;
    let mut tasks = Tasks::new(shutdown);
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let exposed = components.exposed.clone();
    let _exposed = exposed.add(registry);
    let readiness = Readiness::default();

    let discoverers = Discoverers::new(settings.discoverers, components.channels.clone());
    let (http_port, grpc_port) = (http.local_addr().port(), grpc.local_addr().port());
    let identity = settings.identity.on_ports(http_port, grpc_port);
    let membership = Membership::start(&mut tasks, discoverers.clone(), identity, Load::default);
    let committed = Configurations::of(membership.cluster(), components.offload);
    let config = configurations(&mut tasks, committed);
    let (notifier, sending) = Notifier::new(metrics.clone());
    let status = Statuses::default();

    let mut ready = (membership.node(), membership.cluster());
    let answer = readiness.clone();
    tasks.spawn("readiness", move |stop| async move {
        let joined = async {
            let node = ready.0.wait_for(Option::is_some).await.is_ok();
            let config = ready
                .1
                .wait_for(|cluster| cluster.config.is_some())
                .await
                .is_ok();
            answer.set(node && config);
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = joined => {}
        }
        stop.cancelled().await;
        Ok::<_, TaskError>(())
    });
    let evaluator = Evaluator {
        components: components.clone(),
        membership,
        notifier,
        external_url: settings.external_url,
        metrics,
        status: Arc::clone(&status),
    };
    let (found, alertmanagers) = watch::channel(Found::default());
    tasks.spawn("alertmanagers", move |stop| async move {
        let follow = alertmanagers::follow(discoverers, found);
        stop.run_until_cancelled(follow).await;
        Ok::<_, TaskError>(())
    });
    let of_groups = config.clone();
    tasks.spawn("groups", move |stop| {
        groups::run(evaluator, of_groups, stop)
    });
    tasks.spawn("notifications", move |stop| async move {
        sending.run(config, alertmanagers, components, stop).await;
        Ok::<_, TaskError>(())
    });
    let routes = tonic::service::Routes::new(RulerServer::new(Service { status }));
    tasks.spawn("grpc", move |stop| serve_grpc(grpc, routes, stop));
    let router = base_router(exposed, readiness);
    tasks.spawn("http", move |stop| serve_http(http, router, stop));
    Ok(tasks.run(GRACE).await?)
}

/// The configurations of the cluster as they are committed; one that cannot be read here changes nothing.
fn configurations(
    tasks: &mut Tasks,
    mut committed: Configurations,
) -> watch::Receiver<Arc<Current>> {
    let (to, config) = watch::channel(Arc::default());
    tasks.spawn("configuration", move |stop| async move {
        let take = async {
            while let Some(committed) = committed.next().await {
                if let Some(config) = committed.config {
                    let version = committed.message.version;
                    to.send_replace(Arc::new(Current { version, config }));
                }
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = take => {}
        }
        Ok::<_, TaskError>(())
    });
    config
}
