//! What a role is given besides its settings.
use std::sync::Arc;

use crate::{Channels, Clock, Exposed, Holders, Listener, Network, Offload, SystemClock, Tcp};

/// The outside world of one process.
#[derive(Clone)]
pub struct Components {
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// Listens and connects.
    pub network: Arc<dyn Network>,
    /// Where work that blocks or computes runs.
    pub offload: Offload,
    /// gRPC channels to other processes, one for each address.
    pub channels: Channels,
    /// What ingesters of this process hold.
    pub holders: Holders,
    /// The metrics of this process.
    pub exposed: Exposed,
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("listen on {address}")]
pub struct ListenError {
    /// As it was given.
    pub address: String,
    /// Why.
    pub source: std::io::Error,
}

impl Components {
    /// Listens on `address`.
    ///
    /// # Errors
    /// [`ListenError`]
    pub async fn listen(&self, address: &str) -> Result<Box<dyn Listener>, ListenError> {
        let listening = self.network.listen(address.to_owned()).await;
        listening.map_err(|source| ListenError {
            address: address.to_owned(),
            source,
        })
    }

    /// The machine's clock, TCP, and threads.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(Tcp), Offload::Threads)
    }

    /// The parts given; channels go over `network`.
    pub fn new(clock: Arc<dyn Clock>, network: Arc<dyn Network>, offload: Offload) -> Self {
        Self {
            clock,
            channels: Channels::new(Arc::clone(&network)),
            holders: Holders::default(),
            exposed: Exposed::default(),
            network,
            offload,
        }
    }
}
