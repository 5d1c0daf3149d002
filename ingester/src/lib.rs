//! The ingester: scrapes its targets, stores their rows, answers for its series.
//!
//! ```text
//! discoverers -> assignment -> pool -> scrapes -> rows -> tsdb -> gRPC -> queriers
//!             -> configuration -> jobs ^          pushed samples ^
//! ```
//!
//! Targets and configuration come from the leader and are remembered in the store, so that scraping begins before
//! any discoverer answers and goes on while none does. [`run`] is all of it; the clock, the network, the threads
//! and the store are handed in.

mod args;
mod assignment;
mod error;
mod jobs;
mod limits;
mod metrics;
mod nearby;
mod open;
mod retention;
mod saved;
mod scrape;
mod service;
mod settings;
mod shared;
mod snapshots;
mod status;
mod storage;
mod told;

use std::{convert::Infallible, sync::Arc};

use prometheus_client::registry::Registry;
use proto::{MAX_MESSAGE_BYTES, v1::ingester_server::IngesterServer};
use runtime::{
    Components, Discoverers, Membership, Readiness, Tasks, base_router, bundle_of, read_config,
    serve_grpc, serve_http,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use tsdb::{Retention, Store};

pub use args::Args;
pub use error::Error;
pub use limits::Limits;
pub use saved::FAMILY as STORE_FAMILY;
pub use settings::Settings;

use crate::{
    assignment::Assignment,
    metrics::Metrics,
    nearby::Nearby,
    scrape::{Extras, Jobs, Pool},
    service::Service,
    shared::Shared,
    storage::Figures,
};

/// Batches of changes that wait for the pool; the leader's stream waits when it is behind.
const CHANGES: usize = 16;

/// Runs an ingester over `store` until `shutdown`; what was appended is durable when it returns.
///
/// # Errors
/// [`Error`] if it cannot begin, or if one of its tasks fails.
pub async fn run(
    settings: Settings,
    components: Components,
    store: Arc<dyn Store>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let web = components.listen(&settings.web_listen_address).await?;
    let grpc = components.listen(&settings.grpc_listen_address).await?;
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let _exposed = components.exposed.add(registry);

    let mut tasks = Tasks::new(shutdown);
    // Health and metrics are served while the database is being opened, which may take its time.
    let (readiness, shown) = (Readiness::default(), status::Opened::default());
    let pages = base_router(components.exposed.clone(), readiness.clone())
        .merge(status::router(Arc::clone(&shown)));
    let web_port = web.local_addr().port();
    tasks.spawn("http", |stop| serve_http(web, pages, stop));

    let (of_open, now) = (settings.clone(), components.clock.now());
    let opened = components
        .offload
        .run(move || open::open(&of_open, store, now));
    let opened = opened.await?;
    let (saved, former) = (opened.saved.clone(), opened.former.clone());
    let db = opened.db.clone();

    let discoverers = Discoverers::new(
        settings.discoverers.iter().cloned(),
        components.channels.clone(),
    );
    let grpc_port = grpc.local_addr().port();
    let identity = settings.identity.on_ports(web_port, grpc_port);
    info!(
        id = identity.id,
        http = identity.http,
        grpc = identity.grpc,
        "ingester starts"
    );
    let (holders, address) = (components.holders.clone(), identity.grpc.clone());
    let figures = Figures::new(opened.targets.clone());
    let told = figures.clone();
    let membership = Membership::start(&mut tasks, discoverers.clone(), identity, move || {
        told.load()
    });
    let shared = Arc::new(Shared::new(
        components,
        metrics,
        membership.cluster(),
        opened,
        (
            settings.sync_interval.is_zero(),
            Extras {
                starts: settings.start_storage,
                metadata_labels: settings.metadata_labels,
            },
            settings.limits,
        ),
    ));

    let flags = Retention {
        time: settings.retention,
        bytes: settings.retention_bytes,
    };
    retention::set(&shared, flags);
    let former_config = former.config.as_ref().map(bundle_of);
    let known_jobs = match former_config.map(|bundle| read_config(&bundle)) {
        Some(Ok(config)) => {
            retention::configure(&shared, flags, &config.storage);
            let ceiling = settings.max_body_size;
            jobs::jobs(config, &Jobs::new(), ceiling, &shared)
        }
        Some(Err(error)) => {
            warn!(error = %runtime::Chain(&error), "the saved configuration was refused");
            // It may have said that more is kept than the flags say: until one is read, nothing is dropped.
            retention::set(&shared, Retention::default());
            Jobs::new()
        }
        None => Jobs::new(),
    };
    let (jobs_to, jobs) = watch::channel(Arc::new(known_jobs));
    let (changes_to, changes) = mpsc::channel(CHANGES);
    if !former.targets.is_empty() {
        info!(
            n_targets = former.targets.len(),
            "targets of before the restart"
        );
        // The channel has room: nothing was sent yet.
        let _ = changes_to.try_send(former.targets.clone());
    }
    let assignment = Assignment::new(&former.targets);

    let pool = Pool::new(Arc::clone(&shared), jobs);
    tasks.spawn("scrapes", |stop| endless(pool.run(changes, stop)));
    let node = membership.node();
    let follow = assignment::follow(
        Arc::clone(&shared),
        saved.clone(),
        discoverers,
        node,
        assignment,
        changes_to,
    );
    tasks.spawn("assignment", |stop| endless(until(stop, follow)));
    let follow = jobs::follow(
        Arc::clone(&shared),
        saved,
        flags,
        settings.max_body_size,
        jobs_to,
    );
    tasks.spawn("configuration", |stop| endless(until(stop, follow)));
    if !shared.sync_each {
        let (of_sync, every) = (Arc::clone(&shared), settings.sync_interval);
        tasks.spawn("sync", move |stop| {
            endless(storage::sync(of_sync, every, stop))
        });
    }
    let of_maintain = Arc::clone(&shared);
    tasks.spawn("maintain", |stop| {
        endless(storage::maintain(of_maintain, stop))
    });
    let of_figures = Arc::clone(&shared);
    tasks.spawn("figures", |stop| endless(figures.gather(of_figures, stop)));

    let service = IngesterServer::new(Service(Arc::clone(&shared)))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let routes = tonic::service::Routes::new(service);
    tasks.spawn("grpc", |stop| serve_grpc(grpc, routes, stop));
    // Set once: the cell was empty.
    let _ = shown.set(Arc::clone(&shared));
    readiness.set(true);
    let _offer = holders.offer(address, Arc::new(Nearby(Arc::clone(&shared))));

    let ended = tasks.run(settings.grace).await;
    let synced = shared.offload().run(move || db.sync()).await;
    ended?;
    synced.map_err(Error::Sync)
}

/// A task that ends well whenever it ends.
async fn endless(task: impl Future<Output = ()>) -> Result<(), Infallible> {
    task.await;
    Ok(())
}

/// `task`, cut at `stop`.
async fn until(stop: CancellationToken, task: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = task => {}
    }
}
