//! Asking every ingester at once, and knowing what the answers lack.
//!
//! A query asks all ingesters, whatever their state: history stays where it was written. It waits for those that are
//! well. Once those that answered hold everything, it waits a little for the rest and goes on without them, so that
//! a dead or stuck ingester with a living replica costs nothing. One that has just failed is asked only if the others
//! cannot have everything. What is left missing is told.
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, future::Either, stream::FuturesUnordered};
use model::{NodeId, TimeRange};
use parking_lot::Mutex;
use proto::{MAX_MESSAGE_BYTES, v1, v1::ingester_client::IngesterClient};
use runtime::{Channels, Cluster, Components, Holder, Holders, TracedChannel};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status};
use tracing::Instrument as _;

use crate::{
    coverage::{self, Missing},
    metrics::Metrics,
};

/// The way to one ingester.
#[derive(Clone)]
pub(crate) struct Ingester {
    client: IngesterClient<TracedChannel>,
    /// The ingester itself, if it is in this process.
    pub(crate) nearby: Option<Arc<dyn Holder>>,
}

impl Deref for Ingester {
    type Target = IngesterClient<TracedChannel>;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl DerefMut for Ingester {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.client
    }
}

/// How long a failure is taken for granted: the ingester is not asked again while the others may have everything.
const REMEMBERED: Duration = Duration::from_secs(1);
/// How long an ingester that failed is not waited for if others have what it holds.
const SUSPECTED: Duration = Duration::from_secs(10);
/// How long suspects are waited for once the answer is complete without them.
const GRACE_FOR_SUSPECTS: Duration = Duration::from_millis(50);
/// How long the others are then waited for, on top of the time that the query has taken.
const GRACE: Duration = Duration::from_secs(2);

/// The way to the ingesters. Clones share what is known of their failures.
#[derive(Clone)]
pub(crate) struct Ingesters {
    channels: Channels,
    holders: Holders,
    /// When each that failed did so last, by node.
    failures: Arc<Mutex<HashMap<u32, Instant>>>,
    metrics: Arc<Metrics>,
}

/// What the ingesters answered.
#[derive(Debug)]
pub(crate) struct Answers<T> {
    /// Who answered what, by node.
    pub(crate) answers: Vec<(NodeId, T)>,
    /// Who did not, and why.
    pub(crate) failures: Vec<Failure>,
    /// What the answers lack, if they lack anything.
    pub(crate) missing: Option<Missing>,
}

/// An ingester that did not answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Its name and address.
    pub(crate) member: String,
    /// Why.
    pub(crate) status: Status,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub(crate) enum AskError {
    /// The ingester failed; others may have what it holds.
    Failed(Status),
    /// The query is over, whoever else answers.
    Stop(Stop),
}

/// Why a query ends before all have answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// More samples than the limit were sent.
    TooManySamples,
    /// Time is up.
    Timeout,
}

impl From<Status> for AskError {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

impl<T> Answers<T> {
    /// What is to be told with the result, if something is missing.
    pub(crate) fn warning(&self) -> Option<String> {
        self.missing.map(|missing| {
            let failures: Vec<String> = self.failures.iter().map(ToString::to_string).collect();
            match failures.is_empty() {
                true => format!("{missing} are missing: their ingesters are gone"),
                false => format!("{missing} are missing: {}", failures.join("; ")),
            }
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.member, self.status.message())
    }
}

impl Ingesters {
    /// The ingesters that are in this process, and the others as its channels reach them.
    pub(crate) fn new(components: &Components, metrics: Arc<Metrics>) -> Self {
        Self {
            channels: components.channels.clone(),
            holders: components.holders.clone(),
            failures: Arc::default(),
            metrics,
        }
    }

    /// Makes `ask` on every ingester of `cluster` at once, for data of `range`; ends by `deadline`.
    ///
    /// # Errors
    /// [`Stop`] if a call says so, or if the deadline comes before everything is there and before all have failed.
    pub(crate) async fn ask<T, F>(
        &self,
        cluster: &Cluster,
        range: TimeRange,
        deadline: Instant,
        ask: impl Fn(NodeId, Ingester) -> F,
    ) -> Result<Answers<T>, Stop>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AskError>> + Send + 'static,
    {
        let begun = Instant::now();
        let mut calls = FuturesUnordered::new();
        let mut pending: HashMap<u32, Pending> = HashMap::new();
        let mut answers = Answers {
            answers: Vec::new(),
            failures: Vec::new(),
            missing: None,
        };
        let members = cluster.members_of(v1::Role::Ingester);
        let (mut spared, mut next): (Vec<_>, Vec<_>) =
            members.partition(|member| self.has_just_failed(member));
        let mut is_complete = false;
        loop {
            for member in next.drain(..) {
                let (node, name) = (member.node, name(member));
                match self.client(member) {
                    Ok(client) => {
                        let span = tracing::info_span!("ask", ingester = %member.id);
                        let is_near = client.nearby.is_some();
                        let call = ask(NodeId(node), client);
                        let call = async move { (node, call.await) }.instrument(span);
                        // What comes by wire is decoded on any core; what is near is only waited for, which is not worth a task.
                        calls.push(match is_near {
                            true => Either::Left(call),
                            false => {
                                Either::Right(joined(AbortOnDropHandle::new(tokio::spawn(call))))
                            }
                        });
                        let is_suspect = self.is_suspect(member);
                        pending.insert(node, Pending { name, is_suspect });
                    }
                    Err(status) => answers.failures.push(Failure {
                        member: name,
                        status,
                    }),
                }
            }
            let has = |node: NodeId| answers.has(node) || pending.contains_key(&node.0);
            if !spared.is_empty() && !coverage::is_complete(&cluster.maps, range, has) {
                // What they have nobody else tells, and they may be back.
                next.append(&mut spared);
                continue;
            }
            if pending.is_empty() {
                break;
            }
            is_complete = is_complete || answers.are_complete(cluster, range);
            let until = match is_complete {
                true if pending.values().all(|p| p.is_suspect) => {
                    Instant::now() + GRACE_FOR_SUSPECTS
                }
                true => Instant::now() + begun.elapsed() + GRACE,
                false => deadline,
            };
            let until = until.min(deadline);
            let Ok(Some((node, outcome))) = tokio::time::timeout_at(until, calls.next()).await
            else {
                break;
            };
            let Some(Pending { name, .. }) = pending.remove(&node) else {
                continue;
            };
            match outcome {
                Ok(answer) => {
                    self.failures.lock().remove(&node);
                    answers.answers.push((NodeId(node), answer));
                }
                Err(AskError::Failed(status)) => {
                    answers.failures.push(self.failed(node, name, status));
                }
                Err(AskError::Stop(stop)) => return Err(stop),
            }
        }
        for (node, Pending { name, .. }) in pending {
            let status = Status::deadline_exceeded("no answer in time");
            answers.failures.push(self.failed(node, name, status));
        }
        answers.answers.sort_by_key(|(node, _)| *node);
        answers.failures.sort_by(|a, b| a.member.cmp(&b.member));
        answers.missing = answers.missing_of(cluster, range);
        match answers.missing.is_some() && deadline <= Instant::now() {
            true => Err(Stop::Timeout),
            false => Ok(answers),
        }
    }

    /// Makes `ask` on every ingester of `cluster` at once; nothing is asked unless all are well, and all must answer.
    ///
    /// # Errors
    /// The first that is not well or does not answer by `deadline`.
    pub(crate) async fn every<F>(
        &self,
        cluster: &Cluster,
        deadline: Instant,
        ask: impl Fn(Ingester) -> F,
    ) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), Status>>,
    {
        let members = cluster.members_of(v1::Role::Ingester);
        let mut calls = Vec::new();
        for member in members {
            let member_name = format!("{} ({})", member.id, member.grpc);
            let client = match member.state() {
                v1::MemberState::Unhealthy => Err(Status::unavailable("it is away")),
                _ => self.client(member),
            };
            let client = client.map_err(|status| Failure {
                member: member_name.clone(),
                status,
            })?;
            calls.push((member_name, client));
        }
        let calls = calls.into_iter().map(|(member, client)| {
            let call = tokio::time::timeout_at(deadline, ask(client));
            async move {
                let in_time = call.await;
                let answer =
                    in_time.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
                answer.map_err(|status| Failure { member, status })
            }
        });
        let answers = futures::future::join_all(calls).await;
        answers.into_iter().collect()
    }

    fn client(&self, member: &v1::Member) -> Result<Ingester, Status> {
        let client = IngesterClient::new(self.channels.to(&member.grpc)?);
        Ok(Ingester {
            client: client.max_decoding_message_size(MAX_MESSAGE_BYTES),
            nearby: self.holders.at(&member.grpc),
        })
    }

    fn is_suspect(&self, member: &v1::Member) -> bool {
        member.state() == v1::MemberState::Unhealthy || self.failed_within(member.node, SUSPECTED)
    }

    fn has_just_failed(&self, member: &v1::Member) -> bool {
        self.failed_within(member.node, REMEMBERED)
    }

    fn failed_within(&self, node: u32, time: Duration) -> bool {
        let failed = self.failures.lock().get(&node).copied();
        failed.is_some_and(|at| at.elapsed() < time)
    }

    fn failed(&self, node: u32, member: String, status: Status) -> Failure {
        // One that is asked in vain by query after query is told of once in a while.
        if !self.failed_within(node, REMEMBERED) {
            tracing::warn!(ingester = %member, error = status.message(), "an ingester did not answer");
        }
        self.metrics.ingester_failures.inc();
        // One that refuses this request is well.
        if !matches!(
            status.code(),
            Code::InvalidArgument | Code::ResourceExhausted
        ) {
            self.failures.lock().insert(node, Instant::now());
        }
        Failure { member, status }
    }
}

/// An ingester that has yet to answer.
struct Pending {
    name: String,
    is_suspect: bool,
}

/// What comes of a task, which ends when nobody waits for it any more.
async fn joined<T>(task: AbortOnDropHandle<T>) -> T {
    match task.await {
        Ok(ended) => ended,
        // It is never aborted while it is waited for, so this is a panic, and it is passed on.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn name(member: &v1::Member) -> String {
    format!("{} ({})", member.id, member.grpc)
}

impl<T> Answers<T> {
    fn has(&self, node: NodeId) -> bool {
        self.answers.iter().any(|(known, _)| *known == node)
    }

    fn are_complete(&self, cluster: &Cluster, range: TimeRange) -> bool {
        coverage::is_complete(&cluster.maps, range, |node| self.has(node))
    }

    fn missing_of(&self, cluster: &Cluster, range: TimeRange) -> Option<Missing> {
        coverage::missing(&cluster.maps, range, |node| self.has(node))
    }
}
