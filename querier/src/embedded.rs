//! A querier without servers, for a program that asks a cluster by itself.
use std::sync::Arc;

use model::{Steps, TimeRange, Timestamp};
use prometheus_client::registry::Registry;
use promql::QueryValue;
use proto::v1;
use runtime::{Cluster, Components, Discoverers, Push, Tasks, WriteError, Written};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    QuerySettings,
    fanout::Ingester,
    metrics::Metrics,
    query::{Completeness, Engine, Query},
};

/// Asks the ingesters of a cluster, and writes to them, over gRPC; it follows the cluster for as long as it lives.
pub struct Embedded {
    engine: Engine,
    /// What follows the cluster ends with it.
    _tasks: Tasks,
}

/// The result of a query.
#[derive(Debug)]
pub struct Answered {
    /// The value.
    pub value: QueryValue,
    /// What is wrong.
    pub warnings: Vec<String>,
    /// What may not be what was meant.
    pub infos: Vec<String>,
}

impl Embedded {
    /// Follows the cluster of `discoverers`, `host:port` of their gRPC services; within a tokio runtime.
    pub fn start(
        discoverers: Vec<String>,
        settings: QuerySettings,
        components: Components,
    ) -> Self {
        let mut tasks = Tasks::new(CancellationToken::new());
        let discoverers = Discoverers::new(discoverers, components.channels.clone());
        let cluster = runtime::follow(&mut tasks, discoverers);
        let view = crate::view(&mut tasks, &components, cluster);
        let metrics = Arc::new(Metrics::new(&mut Registry::default()));
        Self {
            engine: Engine::new(components, view, settings, metrics),
            _tasks: tasks,
        }
    }

    /// Waits until shards are placed on `n_ingesters`.
    pub async fn placed(&self, n_ingesters: usize) {
        let placed = |cluster: &Arc<Cluster>| {
            let members = cluster.members_of(v1::Role::Ingester);
            let active = members.filter(|m| m.state() == v1::MemberState::Active);
            let nodes = cluster.map().map_or(0, |map| map.members().len());
            nodes >= n_ingesters && active.count() >= n_ingesters
        };
        // It ends only with what it belongs to.
        let _ = self.engine.view.cluster.clone().wait_for(placed).await;
    }

    /// Evaluates `text` at `steps`; a result that lacks something is an error.
    ///
    /// # Errors
    /// The text that the HTTP API would give.
    pub async fn query(&self, text: &str, steps: Steps) -> Result<Answered, String> {
        let query = Query {
            text: text.to_owned(),
            steps,
            timeout: None,
            lookback_delta: None,
            per_step_stats: false,
            completeness: Completeness::Required,
        };
        let answer = self.engine.answer(query).await;
        let answer = answer.map_err(|error| error.to_string())?;
        Ok(Answered {
            value: answer.value,
            warnings: answer.warnings,
            infos: answer.infos,
        })
    }

    /// Writes to every replica.
    ///
    /// # Errors
    /// [`WriteError`]
    pub async fn write(&self, push: &Push) -> Result<Written, WriteError> {
        runtime::write(push, &self.cluster(), &self.engine.components.channels).await
    }

    /// Deletes all series on every ingester, and what the deletion leaves behind.
    ///
    /// # Errors
    /// Which ingester did not, and why.
    pub async fn clear(&self) -> Result<(), String> {
        let deadline = Instant::now() + self.engine.timeout();
        let all = TimeRange::new(Timestamp::MIN, Timestamp::MAX).expect("one is before the other");
        let request = v1::DeleteRequest {
            selectors: vec![v1::Selector::default()],
            range: Some(all.into()),
        };
        let clear = |mut ingester: Ingester| {
            let request = request.clone();
            async move {
                ingester.delete(request).await?;
                let clean = v1::CleanTombstonesRequest {};
                ingester.clean_tombstones(clean).await.map(drop)
            }
        };
        let cluster = self.cluster();
        let cleared = self.engine.ingesters.every(&cluster, deadline, clear).await;
        cleared.map_err(|failure| failure.to_string())
    }

    fn cluster(&self) -> Arc<Cluster> {
        Arc::clone(&self.engine.view.cluster.borrow())
    }
}
