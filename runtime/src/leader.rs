//! The discoverers as a client sees them: several addresses, one leader that may change.
use std::{future::Future, sync::Arc, time::Duration};

use parking_lot::Mutex;
use proto::{LEADER_KEY, MAX_MESSAGE_BYTES, v1::cluster_client::ClusterClient};
use tonic::{Code, Status};

use crate::{Channels, TracedChannel};

/// A client of one discoverer.
pub type DiscovererClient = ClusterClient<TracedChannel>;

/// How long one discoverer may take to answer before the next is asked.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Redirections that are followed before the caller is told; elections can chase each other.
const REDIRECTS: usize = 3;

/// The discoverers of a cluster. Clones share what is known of the leader.
#[derive(Clone)]
pub struct Discoverers {
    addresses: Arc<[String]>,
    channels: Channels,
    leader: Arc<Mutex<Option<String>>>,
}

impl Discoverers {
    /// The discoverers at `addresses` (`host:port` of their gRPC listeners).
    pub fn new(addresses: impl IntoIterator<Item = String>, channels: Channels) -> Self {
        Self {
            addresses: addresses.into_iter().collect(),
            channels,
            leader: Arc::default(),
        }
    }

    /// The addresses that were given.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// A client of the discoverer at `address`.
    ///
    /// # Errors
    /// If `address` is none.
    pub fn client(&self, address: &str) -> Result<DiscovererClient, Status> {
        let client = ClusterClient::new(self.channels.to(address)?);
        Ok(client.max_decoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// Makes `call` on the leader: the last known one first, then whom the others name.
    ///
    /// `call` opens a stream or gets an answer within 2 s; a stream itself may last.
    ///
    /// # Errors
    /// The leader's own refusal at once; UNAVAILABLE if no discoverer leads or answers now.
    pub async fn on_leader<T, F>(&self, call: impl Fn(DiscovererClient) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut last = Status::unavailable("no discoverer was named");
        let known = self.leader.lock().clone();
        for first in known.into_iter().chain(self.addresses.iter().cloned()) {
            let mut address = first;
            for _ in 0..=REDIRECTS {
                let attempt = tokio::time::timeout(ATTEMPT, call(self.client(&address)?)).await;
                let status = match attempt {
                    Ok(Ok(answer)) => {
                        *self.leader.lock() = Some(address);
                        return Ok(answer);
                    }
                    Ok(Err(status)) => status,
                    Err(_) => Status::unavailable(format!("{address} did not answer in time")),
                };
                match status.code() {
                    Code::FailedPrecondition | Code::Unavailable | Code::Cancelled => {}
                    Code::Unknown | Code::Internal | Code::DeadlineExceeded => {}
                    _ => return Err(status),
                }
                let named = status
                    .metadata()
                    .get(LEADER_KEY)
                    .and_then(|v| v.to_str().ok());
                let next = named.filter(|named| *named != address).map(str::to_owned);
                last = status;
                match next {
                    Some(next) => address = next,
                    None => break,
                }
            }
        }
        *self.leader.lock() = None;
        Err(Status::unavailable(format!(
            "no discoverer leads: {}",
            last.message()
        )))
    }
}
