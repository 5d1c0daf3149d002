//! What a role is given besides its settings.
use std::sync::Arc;

use crate::{Channels, Clock, Network, Offload, SystemClock, Tcp};

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
}

impl Components {
    /// The machine's clock, TCP, and threads.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(Tcp), Offload::Threads)
    }

    /// The parts given; channels go over `network`.
    pub fn new(clock: Arc<dyn Clock>, network: Arc<dyn Network>, offload: Offload) -> Self {
        Self {
            clock,
            channels: Channels::new(Arc::clone(&network)),
            network,
            offload,
        }
    }
}
