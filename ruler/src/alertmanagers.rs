//! The Alertmanagers that discovery has found: followed from the leader.
use std::{convert::Infallible, time::Duration};

use proto::v1;
use runtime::{DiscovererClient, Discoverers};
use tokio::sync::watch;
use tonic::Status;
use tracing::debug;

/// The pause before the leader is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// What was told last; nothing in the beginning.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// The configuration under which they were found.
    pub(crate) version: u64,
    /// Where alerts are sent, for each section of the configuration.
    pub(crate) sections: Vec<Vec<String>>,
}

impl From<v1::AlertmanagersResponse> for Found {
    fn from(message: v1::AlertmanagersResponse) -> Self {
        Self {
            version: message.config_version,
            sections: message.sections.into_iter().map(|s| s.urls).collect(),
        }
    }
}

/// Follows the leader, whoever leads, for ever. What was told holds until something else is.
pub(crate) async fn follow(discoverers: Discoverers, to: watch::Sender<Found>) {
    loop {
        let Err(ended) = stream(&discoverers, &to).await;
        debug!(error = ended.message(), "the stream of Alertmanagers ended");
        tokio::time::sleep(RETRY).await;
    }
}

async fn stream(
    discoverers: &Discoverers,
    to: &watch::Sender<Found>,
) -> Result<Infallible, Status> {
    let ask = |mut leader: DiscovererClient| async move {
        leader.alertmanagers(v1::AlertmanagersRequest {}).await
    };
    let mut sets = discoverers.on_leader(ask).await?.into_inner();
    loop {
        let set = sets.message().await?;
        let set = set.ok_or_else(|| Status::unavailable("the leader ended it"))?;
        to.send_replace(set.into());
    }
}
