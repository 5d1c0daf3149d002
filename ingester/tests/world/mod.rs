//! A cluster in one process on paused time: an ingester, a discoverer that says what it is told to, and exporters.
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::HeaderMap, http::Uri, response::Response, routing::any};
use futures::{TryStreamExt as _, stream::BoxStream};
use ingester::{Limits, Settings};
use model::{GroupSlice, Labels, Matcher, Millis, Target, TargetSettings, TimeRange, Timestamp};
use parking_lot::Mutex;
use proto::v1::{self, cluster_server::Cluster, ingester_client::IngesterClient};
use runtime::{
    Components, Identity, InProcess, Offload, TokioClock, TracedChannel, serve_grpc, serve_http,
};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};
use tsdb::Store;

pub(crate) const START: i64 = 1_700_000_000_000;
pub(crate) const EXPORTER: &str = "exporter.inside:9100";
/// One job, without targets of its own.
pub(crate) const CONFIG: &str = "scrape_configs: [{job_name: a}]";
const DISCOVERER: &str = "discoverer.inside:1";
const INGESTER: &str = "ingester.inside:2";

/// Lets the clock run.
pub(crate) async fn seconds(n: u64) {
    tokio::time::sleep(Duration::from_secs(n)).await;
}

/// The messages of a stream.
pub(crate) async fn all<M>(answer: tonic::Response<tonic::Streaming<M>>) -> Vec<M> {
    answer.into_inner().try_collect().await.unwrap()
}

/// All of it.
pub(crate) struct World {
    pub(crate) components: Components,
    pub(crate) exporter: Exporter,
    pub(crate) discoverer: Discoverer,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) limits: Limits,
    ingester: Option<(
        CancellationToken,
        tokio::task::JoinHandle<Result<(), ingester::Error>>,
    )>,
    rest: CancellationToken,
    discoverer_runs: CancellationToken,
}

impl World {
    /// A world in which nothing runs but an exporter.
    pub(crate) async fn new() -> Self {
        let network = InProcess::default();
        let clock = TokioClock::starting_at(Timestamp::from_millis(START));
        let components = Components::new(Arc::new(clock), Arc::new(network), Offload::Inline);
        Self::over(components, EXPORTER).await.0
    }

    /// The same with an exporter at `address`, which is given as it turned out to be.
    pub(crate) async fn over(components: Components, address: &str) -> (Self, String) {
        let world = Self {
            exporter: Exporter::default(),
            discoverer: Discoverer::new(),
            store: Arc::new(tsdb::MemoryStore::default()),
            limits: Limits::default(),
            ingester: None,
            rest: CancellationToken::new(),
            discoverer_runs: CancellationToken::new(),
            components,
        };
        let listener = world
            .components
            .network
            .listen(address.to_owned())
            .await
            .unwrap();
        let pages = Router::new()
            .fallback(any(Exporter::answer))
            .with_state(world.exporter.clone());
        let address = listener.local_addr().to_string();
        tokio::spawn(serve_http(listener, pages, world.rest.clone()));
        (world, address)
    }

    /// Serves the exporter's pages over TLS too, at `address`, by the certificate and key given.
    pub(crate) async fn serve_tls(&self, address: &str, cert: &str, key: &str) {
        use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
        let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let mut listener = self
            .components
            .network
            .listen(address.to_owned())
            .await
            .unwrap();
        let exporter = self.exporter.clone();
        tokio::spawn(async move {
            loop {
                let connection = listener.accept().await;
                let Ok(stream) = acceptor.accept(connection).await else {
                    continue;
                };
                let pages = Router::new()
                    .fallback(any(Exporter::answer))
                    .with_state(exporter.clone());
                let service = hyper_util::service::TowerToHyperService::new(pages);
                tokio::spawn(async move {
                    let executor = hyper_util::rt::TokioExecutor::new();
                    let server = hyper_util::server::conn::auto::Builder::new(executor);
                    let io = hyper_util::rt::TokioIo::new(stream);
                    let _ = server.serve_connection(io, service).await;
                });
            }
        });
    }

    /// The body of the ingester's HTTP page at `path`.
    pub(crate) async fn page(&self, path: &str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let connection = self
            .components
            .network
            .connect("ingester.inside:1".to_owned());
        let mut connection = connection.await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: i\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        body.to_owned()
    }

    pub(crate) async fn start_discoverer(&self) {
        let listener = self
            .components
            .network
            .listen(DISCOVERER.to_owned())
            .await
            .unwrap();
        let service = v1::cluster_server::ClusterServer::new(self.discoverer.clone());
        let routes = tonic::service::Routes::new(service);
        tokio::spawn(serve_grpc(listener, routes, self.discoverer_runs.clone()));
    }

    pub(crate) fn stop_discoverer(&self) {
        self.discoverer_runs.cancel();
    }

    pub(crate) fn start_ingester(&mut self) {
        let settings = Settings {
            identity: Identity {
                id: "ingester-0".to_owned(),
                role: v1::Role::Ingester,
                http: "ingester.inside:1".to_owned(),
                grpc: INGESTER.to_owned(),
                zone: String::new(),
            },
            discoverers: vec![DISCOVERER.to_owned()],
            web_listen_address: "ingester.inside:1".to_owned(),
            grpc_listen_address: INGESTER.to_owned(),
            retention: None,
            retention_bytes: None,
            sync_interval: Duration::from_secs(1),
            max_body_size: 1 << 20,
            limits: self.limits,
            exemplar_storage: true,
            start_storage: false,
            metadata_labels: false,
            snapshots: "snapshots".into(),
            snapshot_part: "",
            grace: Duration::from_secs(10),
        };
        let stop = CancellationToken::new();
        let run = ingester::run(
            settings,
            self.components.clone(),
            Arc::clone(&self.store),
            stop.clone(),
        );
        self.ingester = Some((stop, tokio::spawn(run)));
    }

    pub(crate) async fn stop_ingester(&mut self) {
        let (stop, task) = self.ingester.take().expect("it runs");
        stop.cancel();
        task.await.unwrap().unwrap();
    }

    /// An ingester and a discoverer that has `config` and has assigned `targets`.
    pub(crate) async fn running(config: &str, targets: Vec<Target>) -> Self {
        Self::limited(Limits::default(), config, targets).await
    }

    /// The same with an ingester that has `limits`.
    pub(crate) async fn limited(limits: Limits, config: &str, targets: Vec<Target>) -> Self {
        let mut world = Self::new().await;
        world.limits = limits;
        world.discoverer.set_config(config);
        world.discoverer.assign(targets);
        world.start_discoverer().await;
        world.start_ingester();
        world
    }

    pub(crate) fn client(&self) -> IngesterClient<TracedChannel> {
        IngesterClient::new(self.components.channels.to(INGESTER).unwrap())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.components.clock.now()
    }

    /// Everything of the series that `matchers` select, as PromQL writes a selector.
    pub(crate) async fn select(&self, matchers: &[Matcher]) -> Vec<GroupSlice> {
        let request = v1::SelectRequest {
            selector: Some(matchers.into()),
            range: Some(TimeRange::ALL.into()),
        };
        let mut stream = self.client().select(request).await.unwrap().into_inner();
        let mut groups = Vec::new();
        while let Some(batch) = stream.message().await.unwrap() {
            groups.extend(
                batch
                    .groups
                    .iter()
                    .map(|g| GroupSlice::try_from(g).unwrap()),
            );
        }
        groups
    }

    /// The values of the one series called `name`, and of its group the outcomes of all rows.
    pub(crate) async fn values(&self, name: &str) -> Vec<f64> {
        let groups = self.select(&[Matcher::equal("__name__", name)]).await;
        let mut series = groups.into_iter().flat_map(|group| group.series);
        let values = series
            .next()
            .map(|series| series.values)
            .unwrap_or_default();
        assert!(series.next().is_none(), "{name} is several series");
        values.to_numbers().into_owned()
    }

    pub(crate) async fn targets(&self) -> Vec<v1::TargetStatus> {
        let answer = self.client().targets(v1::TargetsRequest {}).await.unwrap();
        answer.into_inner().targets
    }

    /// What the targets page says of the one target after so many seconds.
    pub(crate) async fn error_after(&self, seconds: u64) -> String {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let targets = self.targets().await;
        assert_eq!(targets.len(), 1);
        targets[0].last_error.clone()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.rest.cancel();
        self.discoverer_runs.cancel();
    }
}

/// A target of the exporter, scraped every 10 s within 5 s.
pub(crate) fn target(job: &str, path: &str) -> Target {
    Target {
        labels: Labels::from_pairs([("job", job), ("instance", "exporter:9100")]),
        discovered: Labels::from_pairs([("__address__", EXPORTER)]),
        job: job.to_owned(),
        settings: TargetSettings {
            scheme: "http".to_owned(),
            address: EXPORTER.to_owned(),
            metrics_path: path.to_owned(),
            params: vec![],
            interval: Millis::from_seconds(10),
            timeout: Millis::from_seconds(5),
            own: None,
        },
    }
}

/// How the exporter answers for one path.
pub(crate) type Answer = Arc<dyn Fn(&HeaderMap) -> BoxResponse + Send + Sync>;
pub(crate) type BoxResponse = futures::future::BoxFuture<'static, Response>;

/// Serves pages.
#[derive(Clone, Default)]
pub(crate) struct Exporter {
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    n_requests: Arc<AtomicU64>,
}

impl Exporter {
    pub(crate) fn page(&self, path: &str, page: impl Into<String>) {
        let page = page.into();
        self.on(path, move |_| {
            let answer = Response::builder().header("content-type", "text/plain; version=0.0.4");
            answer.body(page.clone().into()).unwrap()
        });
    }

    pub(crate) fn on(
        &self,
        path: &str,
        answer: impl Fn(&HeaderMap) -> Response + Send + Sync + 'static,
    ) {
        let answer: Answer = Arc::new(move |headers| {
            let answer = answer(headers);
            Box::pin(async move { answer })
        });
        self.answers.lock().insert(path.to_owned(), answer);
    }

    pub(crate) fn never(&self, path: &str) {
        let answer: Answer = Arc::new(|_| Box::pin(futures::future::pending()));
        self.answers.lock().insert(path.to_owned(), answer);
    }

    pub(crate) fn n_requests(&self) -> u64 {
        self.n_requests.load(Ordering::Relaxed)
    }

    async fn answer(State(exporter): State<Self>, uri: Uri, headers: HeaderMap) -> Response {
        exporter.n_requests.fetch_add(1, Ordering::Relaxed);
        let answer = exporter.answers.lock().get(uri.path()).cloned();
        match answer {
            Some(answer) => answer(&headers).await,
            None => Response::builder().status(404).body("".into()).unwrap(),
        }
    }
}

/// A discoverer that leads alone and says what it is told to.
#[derive(Clone)]
pub(crate) struct Discoverer {
    config: Arc<Mutex<v1::ConfigBundle>>,
    assigned: Arc<Mutex<Vec<v1::Assignment>>>,
    states: broadcast::Sender<()>,
    deltas: broadcast::Sender<v1::AssignmentDelta>,
    version: Arc<AtomicU64>,
    /// Of whole sets of targets.
    epoch: Arc<AtomicU64>,
    /// Streams of assignments that were opened.
    n_streams: Arc<AtomicU64>,
    /// How many targets the last heartbeat told.
    pub(crate) told_targets: Arc<AtomicU64>,
}

impl Discoverer {
    fn new() -> Self {
        Self {
            config: Arc::default(),
            assigned: Arc::default(),
            states: broadcast::channel(16).0,
            deltas: broadcast::channel(16).0,
            version: Arc::new(AtomicU64::new(1)),
            epoch: Arc::new(AtomicU64::new(3)),
            n_streams: Arc::default(),
            told_targets: Arc::default(),
        }
    }

    pub(crate) fn set_config(&self, text: &str) {
        let mut config = self.config.lock();
        config.version = self.version.fetch_add(1, Ordering::Relaxed);
        config.path = "/etc/prometheus/prometheus.yml".to_owned();
        config.main = text.to_owned();
        let _ = self.states.send(());
    }

    pub(crate) fn assign(&self, targets: Vec<Target>) {
        let assignments: Vec<_> = targets
            .iter()
            .map(|target| v1::Assignment {
                target: Some(target.into()),
                key: target.key().0,
                rank: 0,
            })
            .collect();
        self.assigned.lock().extend(assignments.clone());
        let _ = self.deltas.send(v1::AssignmentDelta {
            upserts: assignments,
            ..Default::default()
        });
    }

    pub(crate) fn unassign(&self, target: &Target, reason: v1::unassignment::Reason) {
        let key = target.key().0;
        self.assigned
            .lock()
            .retain(|assignment| assignment.key != key);
        let _ = self.deltas.send(v1::AssignmentDelta {
            removes: vec![v1::Unassignment {
                key,
                reason: reason.into(),
            }],
            ..Default::default()
        });
    }

    /// The sets of targets that are asked for from now on are of `epoch`; the cluster's own stays 3.
    pub(crate) fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
    }

    /// How often the assignment was asked for.
    pub(crate) fn n_streams(&self) -> u64 {
        self.n_streams.load(Ordering::Relaxed)
    }

    fn state(&self) -> v1::ClusterState {
        v1::ClusterState {
            version: self.version.load(Ordering::Relaxed),
            epoch: 3,
            replication_factor: 1,
            config: Some(self.config.lock().clone()),
            leader: "discoverer-0".to_owned(),
            ..Default::default()
        }
    }
}

type Answered<T> = Result<tonic::Response<T>, Status>;

#[tonic::async_trait]
impl Cluster for Discoverer {
    type WatchStream = BoxStream<'static, Result<v1::ClusterState, Status>>;
    type AssignmentsStream = BoxStream<'static, Result<v1::AssignmentDelta, Status>>;

    async fn join(&self, _: Request<v1::JoinRequest>) -> Answered<v1::JoinResponse> {
        Ok(tonic::Response::new(v1::JoinResponse { node: 7 }))
    }

    async fn heartbeat(
        &self,
        request: Request<v1::HeartbeatRequest>,
    ) -> Answered<v1::HeartbeatResponse> {
        let n_targets = request.into_inner().n_targets;
        self.told_targets.store(n_targets, Ordering::Relaxed);
        Ok(tonic::Response::new(v1::HeartbeatResponse::default()))
    }

    async fn watch(&self, _: Request<v1::WatchRequest>) -> Answered<Self::WatchStream> {
        let (this, changed) = (self.clone(), self.states.subscribe());
        let states = futures::stream::unfold(
            (this, changed, true),
            |(this, mut changed, first)| async move {
                if !first {
                    changed.recv().await.ok()?;
                }
                Some((Ok(this.state()), (this, changed, false)))
            },
        );
        Ok(tonic::Response::new(Box::pin(states)))
    }

    async fn assignments(
        &self,
        _: Request<v1::AssignmentsRequest>,
    ) -> Answered<Self::AssignmentsStream> {
        self.n_streams.fetch_add(1, Ordering::Relaxed);
        let deltas = self.deltas.subscribe();
        let full = v1::AssignmentDelta {
            epoch: self.epoch.load(Ordering::Relaxed),
            full: true,
            upserts: self.assigned.lock().clone(),
            ..Default::default()
        };
        let deltas =
            futures::stream::unfold((Some(full), deltas), |(full, mut deltas)| async move {
                match full {
                    Some(full) => Some((Ok(full), (None, deltas))),
                    None => Some((Ok(deltas.recv().await.ok()?), (None, deltas))),
                }
            });
        Ok(tonic::Response::new(Box::pin(deltas)))
    }

    async fn reload(&self, _: Request<v1::ReloadRequest>) -> Answered<v1::ReloadResponse> {
        Err(Status::unimplemented("not here"))
    }

    type AlertmanagersStream = BoxStream<'static, Result<v1::AlertmanagersResponse, Status>>;

    async fn alertmanagers(
        &self,
        _: Request<v1::AlertmanagersRequest>,
    ) -> Answered<Self::AlertmanagersStream> {
        Err(Status::unimplemented("not here"))
    }

    async fn discovered_targets(
        &self,
        _: Request<v1::DiscoveredTargetsRequest>,
    ) -> Answered<v1::DiscoveredTargetsResponse> {
        Err(Status::unimplemented("not here"))
    }
}
