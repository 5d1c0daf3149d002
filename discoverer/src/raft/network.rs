//! Calls from one discoverer to another: openraft's messages within proto's.
use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

use openraft::{
    error::{InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Unreachable},
    network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest,
        InstallSnapshotResponse, VoteRequest, VoteResponse,
    },
};
use proto::{
    MAX_MESSAGE_BYTES,
    v1::{RaftMessage, raft_client::RaftClient},
};
use runtime::{Channels, TracedChannel};
use serde::{Serialize, de::DeserializeOwned};
use tonic::{Response, Status};

use super::{
    codec::{decode, encode},
    types::{Peer, Types},
};

/// The pause before an unreachable peer is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// Opens ways to peers.
pub(crate) struct Ways {
    pub(crate) channels: Channels,
    /// Addresses as this process was told them, which count before those that the group was once told.
    pub(crate) addresses: Arc<BTreeMap<u64, String>>,
}

impl RaftNetworkFactory<Types> for Ways {
    type Network = Way;

    async fn new_client(&mut self, target: u64, peer: &Peer) -> Way {
        Way {
            target,
            address: self.addresses.get(&target).unwrap_or(&peer.grpc).clone(),
            channels: self.channels.clone(),
        }
    }
}

/// The way to one peer.
pub(crate) struct Way {
    target: u64,
    address: String,
    channels: Channels,
}

type Failed<E> = RPCError<u64, Peer, E>;

impl Way {
    fn client(&self) -> Result<RaftClient<TracedChannel>, Status> {
        let client = RaftClient::new(self.channels.to(&self.address)?);
        Ok(client
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// Sends `request` by `call` and reads what the peer's group made of it.
    async fn call<Q, A, E, F>(
        &self,
        request: &Q,
        call: impl FnOnce(RaftClient<TracedChannel>, RaftMessage) -> F,
    ) -> Result<A, Failed<E>>
    where
        Q: Serialize,
        A: DeserializeOwned,
        E: Error + DeserializeOwned,
        F: Future<Output = Result<Response<RaftMessage>, Status>>,
    {
        let payload = encode(request).map_err(|e| NetworkError::new(&e))?;
        let client = self.client().map_err(|e| Unreachable::new(&e))?;
        let answer = call(client, RaftMessage { payload }).await;
        // Openraft repeats at once what failed as a network error; every refusal is worth a pause.
        let answer = answer.map_err(|status| Unreachable::new(&status))?;
        let answer: Result<A, E> =
            decode(&answer.into_inner().payload).map_err(|e| NetworkError::new(&e))?;
        answer.map_err(|e| Failed::RemoteError(RemoteError::new(self.target, e)))
    }
}

impl RaftNetwork<Types> for Way {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, Failed<RaftError<u64>>> {
        self.call(&request, |mut client, message| async move {
            client.append_entries(message).await
        })
        .await
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<Types>,
        _: RPCOption,
    ) -> Result<InstallSnapshotResponse<u64>, Failed<RaftError<u64, InstallSnapshotError>>> {
        self.call(&request, |mut client, message| async move {
            client.install_snapshot(message).await
        })
        .await
    }

    async fn vote(
        &mut self,
        request: VoteRequest<u64>,
        _: RPCOption,
    ) -> Result<VoteResponse<u64>, Failed<RaftError<u64>>> {
        self.call(&request, |mut client, message| async move {
            client.vote(message).await
        })
        .await
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(RETRY))
    }
}
