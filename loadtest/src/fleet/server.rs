//! The fleet on the network.
use std::{
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
use model::Timestamp;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

use super::{Fleet, gaps::Gaps};

/// How targets are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// One port, paths `/t/0/metrics`, `/t/1/metrics` and so on.
    PathPerTarget,
    /// Ports in a row (or any, if the first is 0), path `/metrics`.
    PortPerTarget,
}

/// A fleet with its ports.
#[derive(Debug)]
pub struct Server {
    fleet: Arc<Fleet>,
    listeners: Vec<TcpListener>,
    /// One for each listener.
    bound: Vec<SocketAddr>,
    addresses: Addresses,
    advertised: Option<String>,
    name: String,
    gzip: bool,
}

impl Server {
    /// Takes the ports that `fleet` needs, `first` being the first.
    ///
    /// # Errors
    /// If one of them cannot be had.
    pub async fn bind(
        fleet: Arc<Fleet>,
        first: SocketAddr,
        addresses: Addresses,
        gzip: bool,
    ) -> io::Result<Self> {
        let n_ports = match addresses {
            Addresses::PathPerTarget => 1,
            Addresses::PortPerTarget => fleet.shape().targets.max(1),
        };
        let (mut listeners, mut bound) = (Vec::new(), Vec::new());
        for i in 0..n_ports {
            let mut address = first;
            if first.port() != 0 {
                let port = usize::from(first.port()) + i;
                let port = u16::try_from(port)
                    .map_err(|_| io::Error::other("there are not that many ports"))?;
                address.set_port(port);
            }
            let listener = TcpListener::bind(address).await?;
            bound.push(listener.local_addr()?);
            listeners.push(listener);
        }
        Ok(Self {
            fleet,
            listeners,
            bound,
            addresses,
            advertised: None,
            name: "target".to_owned(),
            gzip,
        })
    }

    /// Lets the lists of targets name `host`, if there is one, in place of the address that is listened on.
    #[must_use]
    pub fn advertised_as(mut self, host: Option<String>) -> Self {
        self.advertised = host;
        self
    }

    /// Lets the targets' instances begin with `name`.
    #[must_use]
    pub fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// Where the first port listens.
    pub fn address(&self) -> SocketAddr {
        self.bound[0]
    }

    /// The targets as file and HTTP discovery read them; the label `instance` tells them apart.
    pub fn targets_json(&self) -> String {
        let groups: Vec<_> = (0..self.fleet.shape().targets)
            .map(|target| self.target_group(target))
            .collect();
        json!(groups).to_string()
    }

    fn target_group(&self, target: usize) -> serde_json::Value {
        let (bound, path) = match self.addresses {
            Addresses::PathPerTarget => (self.bound[0], format!("/t/{target}/metrics")),
            Addresses::PortPerTarget => (self.bound[target], "/metrics".to_owned()),
        };
        let host = match (&self.advertised, bound.ip()) {
            (Some(host), _) => host.clone(),
            (None, IpAddr::V6(ip)) => format!("[{ip}]"),
            (None, IpAddr::V4(ip)) => ip.to_string(),
        };
        json!({
            "targets": [format!("{host}:{}", bound.port())],
            "labels": { "__metrics_path__": path, "instance": format!("{}-{target}", self.name) },
        })
    }

    /// Serves until it is dropped.
    ///
    /// # Errors
    /// If a listener breaks.
    pub async fn run(self) -> io::Result<()> {
        let targets: Arc<str> = self.targets_json().into();
        let samples: Arc<AtomicU64> = Arc::default();
        let gaps = Arc::new(Gaps::new(self.fleet.shape().targets));
        let targets_of_all = 0..self.fleet.shape().targets;
        let n_series: usize = targets_of_all.map(|i| self.fleet.n_series(i)).sum();
        let mut serving = JoinSet::new();
        for (i, listener) in self.listeners.into_iter().enumerate() {
            let pages = Pages {
                fleet: Arc::clone(&self.fleet),
                gzip: self.gzip,
                length: Arc::default(),
                samples: Arc::clone(&samples),
                gaps: Arc::clone(&gaps),
            };
            let router = match self.addresses {
                Addresses::PathPerTarget => {
                    Router::new().route("/t/{target}/metrics", get(by_path))
                }
                Addresses::PortPerTarget => Router::new().route(
                    "/metrics",
                    get(
                        async move |State(pages): State<Pages>, headers: HeaderMap| {
                            pages.answer(i, &headers)
                        },
                    ),
                ),
            };
            let targets = Arc::clone(&targets);
            let list = async move || {
                (
                    [(header::CONTENT_TYPE, "application/json")],
                    targets.to_string(),
                )
            };
            let samples = Arc::clone(&samples);
            let stats = async move || {
                let samples = samples.load(Ordering::Relaxed);
                json!({ "samples": samples, "series": n_series }).to_string()
            };
            let gaps = Arc::clone(&gaps);
            let gaps = async move || json!({ "micros": gaps.take() }).to_string();
            let router = router
                .route("/targets", get(list))
                .route("/gaps", get(gaps))
                .route("/stats", get(stats))
                .with_state(pages);
            serving.spawn(async move { axum::serve(listener, router).await });
        }
        while let Some(ended) = serving.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        Ok(())
    }
}

async fn by_path(
    State(pages): State<Pages>,
    Path(target): Path<usize>,
    headers: HeaderMap,
) -> Response {
    if target < pages.fleet.shape().targets {
        pages.answer(target, &headers)
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

#[derive(Clone)]
struct Pages {
    fleet: Arc<Fleet>,
    gzip: bool,
    /// How long the last page was, for the next one's buffer.
    length: Arc<AtomicUsize>,
    /// How many samples were shown on all pages of all targets.
    samples: Arc<AtomicU64>,
    gaps: Arc<Gaps>,
}

impl Pages {
    fn answer(&self, target: usize, headers: &HeaderMap) -> Response {
        self.gaps.asked(target, Instant::now());
        let expected = self.length.load(Ordering::Relaxed);
        let mut page = Vec::with_capacity(expected + expected / 16);
        self.fleet.write_page(target, now(), &mut page);
        self.length.store(page.len(), Ordering::Relaxed);
        let n_samples = self.fleet.n_series(target) as u64;
        self.samples.fetch_add(n_samples, Ordering::Relaxed);
        let content_type = (
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        );
        if self.gzip && accepts_gzip(headers) {
            let encoding = (header::CONTENT_ENCODING, "gzip");
            ([content_type, encoding], compressed(&page)).into_response()
        } else {
            ([content_type], page).into_response()
        }
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|accepted| accepted.to_str().ok())
        .is_some_and(|accepted| accepted.contains("gzip"))
}

fn compressed(page: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(page)
        .and_then(|()| encoder.finish())
        .expect("a Vec takes whatever is written")
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.expect("the clock stands after 1970").as_millis();
    Timestamp::from_millis(millis as i64)
}
