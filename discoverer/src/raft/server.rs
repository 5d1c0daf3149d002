//! The group's side of calls from other discoverers.
use std::future::Future;

use openraft::Raft;
use proto::v1::{RaftMessage, raft_server};
use serde::{Serialize, de::DeserializeOwned};
use tonic::{Request, Response, Status};

use super::{
    codec::{decode, encode},
    types::Types,
};

/// Answers what other discoverers ask of the group.
pub(crate) struct Server(pub(crate) Raft<Types>);

impl Server {
    async fn answer<Q, A, E, F>(
        &self,
        message: Request<RaftMessage>,
        call: impl FnOnce(Raft<Types>, Q) -> F,
    ) -> Result<Response<RaftMessage>, Status>
    where
        Q: DeserializeOwned,
        A: Serialize,
        E: Serialize,
        F: Future<Output = Result<A, E>>,
    {
        let request = decode(&message.into_inner().payload)
            .map_err(|e| Status::invalid_argument(e.to_string()))?;
        let answer = call(self.0.clone(), request).await;
        let payload = encode(&answer).map_err(|e| Status::internal(e.to_string()))?;
        Ok(Response::new(RaftMessage { payload }))
    }
}

#[tonic::async_trait]
impl raft_server::Raft for Server {
    async fn append_entries(
        &self,
        message: Request<RaftMessage>,
    ) -> Result<Response<RaftMessage>, Status> {
        self.answer(message, |raft, request| async move {
            raft.append_entries(request).await
        })
        .await
    }

    async fn vote(&self, message: Request<RaftMessage>) -> Result<Response<RaftMessage>, Status> {
        self.answer(
            message,
            |raft, request| async move { raft.vote(request).await },
        )
        .await
    }

    async fn install_snapshot(
        &self,
        message: Request<RaftMessage>,
    ) -> Result<Response<RaftMessage>, Status> {
        self.answer(message, |raft, request| async move {
            raft.install_snapshot(request).await
        })
        .await
    }
}
