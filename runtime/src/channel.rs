//! gRPC channels: one for each address, opened at the first call and opened again when broken.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tonic::{
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};

use crate::{Network, net, trace::Inject};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often an open connection is probed, so that a peer that vanished is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// How long a probe may take.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Calls under way to one peer; more wait.
const CONCURRENCY: usize = 1024;

/// A channel whose calls carry the trace context of the current span.
pub type TracedChannel = InterceptedService<Channel, Inject>;

/// The channels of one process. Cheap to clone; clones share the channels.
#[derive(Clone)]
pub struct Channels {
    network: Arc<dyn Network>,
    /// In an order that does not change from run to run: when a process ends they are closed in it.
    open: Arc<Mutex<BTreeMap<String, Channel>>>,
}

impl Channels {
    /// No channels yet; they will go over `network`.
    pub fn new(network: Arc<dyn Network>) -> Self {
        Self {
            network,
            open: Arc::default(),
        }
    }

    /// The channel to `address` (`host:port`); it connects at its first call.
    ///
    /// # Errors
    /// If `address` is none.
    pub fn to(&self, address: &str) -> Result<TracedChannel, tonic::Status> {
        let mut open = self.open.lock();
        if let Some(channel) = open.get(address) {
            return Ok(InterceptedService::new(channel.clone(), Inject));
        }
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|e| tonic::Status::invalid_argument(format!("address {address:?}: {e}")))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .concurrency_limit(CONCURRENCY)
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(16 << 20);
        let network = Arc::clone(&self.network);
        let channel = endpoint.connect_with_connector_lazy(tower::service_fn(move |uri| {
            net::connect(Arc::clone(&network), uri)
        }));
        open.insert(address.to_owned(), channel.clone());
        Ok(InterceptedService::new(channel, Inject))
    }
}
