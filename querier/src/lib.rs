//! The front door: Prometheus' HTTP API over a cluster of ingesters.
//!
//! ```text
//! request -> parameters -> plan -> fan-out to every ingester -> merge -> evaluation -> JSON
//! ```
//!
//! A querier keeps nothing: membership comes from the discoverers, samples from the ingesters, rules from the rulers.

mod api;
mod args;
mod cancel;
mod configuration;
mod coverage;
mod damage;
mod embedded;
mod fanout;
mod fetch;
mod grpc;
mod json;
mod merge;
mod metrics;
mod number;
mod page;
mod query;
mod settings;
#[cfg(test)]
mod testing;
mod union;
mod write;

pub use args::{Args, QueryArgs};
pub use embedded::{Answered, Embedded};
pub use merge::merge;
pub use settings::{QuerySettings, Settings};

use std::{sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use proto::v1::querier_server::QuerierServer;
use runtime::{
    Cluster, Components, Discoverers, ListenError, Load, Membership, Readiness, TaskError, Tasks,
    base_router, serve_grpc, serve_http,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    api::{Api, Receiver},
    metrics::{Metrics, WriteMetrics},
    query::{Engine, View},
};

/// How long queries under way are given at shutdown.
const GRACE: Duration = Duration::from_secs(10);

/// Why a querier ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// One of its tasks ended.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Runs a querier until `shutdown`.
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
    let discoverers = Discoverers::new(settings.discoverers.clone(), components.channels.clone());
    let (http_port, grpc_port) = (http.local_addr().port(), grpc.local_addr().port());
    let identity = settings.identity.on_ports(http_port, grpc_port);
    let membership = Membership::start(&mut tasks, discoverers, identity, Load::default);

    let mut registry = Registry::default();
    let metrics = Arc::new(Metrics::new(&mut registry));
    let receiver = Receiver::new(WriteMetrics::new(&mut registry));
    let exposed = components.exposed.clone();
    let _exposed = exposed.add(registry);
    let started = components.clock.now();
    let view = view(&mut tasks, &components, membership.cluster());
    let engine = Engine::new(components, view, settings.query, metrics);

    let readiness = Readiness::default();
    let (ready, mut cluster) = (readiness.clone(), membership.cluster());
    tasks.spawn("readiness", |stop| async move {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            // An error means that the cluster is followed no more, which ends the process elsewhere.
            _ = cluster.wait_for(|cluster| cluster.version > 0) => ready.set(true),
        }
        stop.cancelled().await;
        ready.set(false);
        Ok::<_, TaskError>(())
    });
    let service = QuerierServer::new(grpc::Service(engine.clone()))
        .max_encoding_message_size(proto::MAX_MESSAGE_BYTES);
    let api = Arc::new(Api {
        engine,
        discoverers: membership.discoverers().clone(),
        receiver,
        settings,
        started,
    });
    let router = api::router(api).merge(base_router(exposed, readiness));
    tasks.spawn("http", |stop| serve_http(http, router, stop));
    let routes = tonic::service::Routes::new(service);
    tasks.spawn("grpc", |stop| serve_grpc(grpc, routes, stop));
    Ok(tasks.run(GRACE).await?)
}

/// What is known of the cluster and of its configuration from now on.
fn view(
    tasks: &mut Tasks,
    components: &Components,
    cluster: watch::Receiver<Arc<Cluster>>,
) -> View {
    let (to, configuration) = watch::channel(Arc::default());
    let (followed, outside) = (cluster.clone(), components.clone());
    tasks.spawn("configuration", |stop| async move {
        configuration::follow(outside, followed, to, stop).await;
        Ok::<_, TaskError>(())
    });
    View {
        cluster,
        configuration,
    }
}
