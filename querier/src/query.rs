//! One query from text to value.
//!
//! ```text
//! text -> Expr -> Plan -> Select on every ingester -> merge -> evaluate
//!         └─ on the reactor ──────────────────────┘   └─ off it ──────┘
//! ```
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::try_join_all;
use model::{GroupSlice, Millis, Steps, TimeRange};
use promql::{
    EvalError, Evaluation, ParseError, Plan, QueryOptions,
    source::{Fetched, Selection},
};
use proto::v1;
use runtime::{Cluster, Components};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};
use tonic::Status;

use crate::{
    QuerySettings,
    fanout::{Answers, AskError, Ingester, Ingesters, Stop},
    merge,
    metrics::{ByOutcome, Metrics, Outcome},
};

/// A question in PromQL.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// The text.
    pub(crate) text: String,
    /// When it is evaluated.
    pub(crate) steps: Steps,
    /// Less time than the limit, if the caller wants so.
    pub(crate) timeout: Option<Duration>,
    /// Another lookback than the setting's, if the caller wants so.
    pub(crate) lookback_delta: Option<Millis>,
    /// Whether a result that lacks something is none.
    pub(crate) completeness: Completeness,
}

/// What is done if no replica of some shard answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// The result comes with a warning.
    Warned,
    /// The query fails: rules must not act on half of the data.
    Required,
}

/// The result of a query.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The value.
    pub(crate) value: promql::QueryValue,
    /// What is wrong or missing.
    pub(crate) warnings: Vec<String>,
    /// What may not be what was meant.
    pub(crate) infos: Vec<String>,
}

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// The text is no query.
    #[error("{0}")]
    Parse(#[from] ParseError),
    /// It cannot be evaluated.
    #[error("{0}")]
    Eval(#[from] EvalError),
    /// Too much time was needed.
    #[error("query timed out in {0}")]
    Timeout(&'static str),
    /// Too little of the cluster answered.
    #[error("{0}")]
    Unavailable(String),
}

impl From<Stop> for QueryError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::TooManySamples => Self::Eval(EvalError::TooManySamples),
            Stop::Timeout => Self::Timeout(EVALUATION),
        }
    }
}

/// What Prometheus calls the phase that fetching and evaluation are for it.
const EVALUATION: &str = "expression evaluation";

/// Answers queries. Clones share limits and metrics.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) components: Components,
    pub(crate) cluster: watch::Receiver<Arc<Cluster>>,
    pub(crate) ingesters: Ingesters,
    settings: QuerySettings,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Engine {
    /// An engine over the ingesters of `cluster`.
    pub(crate) fn new(
        components: Components,
        cluster: watch::Receiver<Arc<Cluster>>,
        settings: QuerySettings,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            ingesters: Ingesters::new(components.channels.clone(), Arc::clone(&metrics)),
            components,
            cluster,
            settings,
            places: Arc::new(Semaphore::new(settings.max_concurrency)),
            metrics,
        }
    }

    /// The longest that anything may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// The cluster's state now.
    ///
    /// # Errors
    /// [`QueryError::Unavailable`] before a discoverer has told it.
    pub(crate) fn cluster(&self) -> Result<Arc<Cluster>, QueryError> {
        let cluster = Arc::clone(&self.cluster.borrow());
        match cluster.version {
            0 => Err(QueryError::Unavailable(
                "the cluster's members are not known yet: no discoverer has answered".to_owned(),
            )),
            _ => Ok(cluster),
        }
    }

    /// Answers `query`; dropping the future ends all work on it.
    ///
    /// # Errors
    /// [`QueryError`]
    pub(crate) async fn answer(&self, query: Query) -> Result<Answer, QueryError> {
        let begun = Instant::now();
        let mut record = Record {
            metrics: Arc::clone(&self.metrics),
            begun,
            outcome: Outcome::Canceled,
        };
        self.metrics.queries_active.inc();
        let answer = self.answer_within(query, begun).await;
        record.outcome = match &answer {
            Ok((_, true)) => Outcome::Success,
            Ok((_, false)) => Outcome::Partial,
            Err(QueryError::Parse(_)) => Outcome::Invalid,
            Err(QueryError::Eval(_)) => Outcome::Execution,
            Err(QueryError::Timeout(_)) => Outcome::Timeout,
            Err(QueryError::Unavailable(_)) => Outcome::Unavailable,
        };
        answer.map(|(answer, _)| answer)
    }

    /// The answer, and whether it is complete.
    async fn answer_within(
        &self,
        query: Query,
        begun: Instant,
    ) -> Result<(Answer, bool), QueryError> {
        let expr = promql::parse(&query.text)?;
        let limit = self.settings.timeout;
        let deadline = begun + query.timeout.map_or(limit, |asked| asked.min(limit));
        let plan = promql::plan(&expr, query.steps, &self.options(&query))?;
        let place = tokio::time::timeout_at(deadline, Arc::clone(&self.places).acquire_owned());
        let place = place
            .await
            .map_err(|_| QueryError::Timeout("query queue"))?;
        let (slices, warning) = match plan.selections.is_empty() {
            true => (Vec::new(), None),
            false => {
                let fetched = self.fetch(&plan.selections, deadline).await?;
                let warning = fetched.warning();
                (by_selection(fetched, plan.selections.len()), warning)
            }
        };
        let is_complete = warning.is_none();
        if let Some(warning) = warning.clone()
            && query.completeness == Completeness::Required
        {
            return Err(QueryError::Unavailable(warning));
        }
        let canceled = Arc::new(AtomicBool::new(false));
        let guard = CancelOnDrop(Arc::clone(&canceled));
        let work = self.components.offload.run(move || {
            // The place is given back when the work ends, even if nobody waits for it any more.
            let _place = place;
            evaluate(&plan, slices, &canceled)
        });
        let evaluation = tokio::time::timeout_at(deadline, work)
            .await
            .map_err(|_| QueryError::Timeout(EVALUATION))??;
        drop(guard);
        let Evaluation { value, annotations } = evaluation;
        let mut warnings = annotations.warnings(&query.text);
        warnings.extend(warning);
        let infos = annotations.infos(&query.text);
        let answer = Answer {
            value,
            warnings,
            infos,
        };
        Ok((answer, is_complete))
    }

    fn options(&self, query: &Query) -> QueryOptions {
        let lookback = query.lookback_delta.filter(|asked| *asked > Millis::ZERO);
        QueryOptions {
            lookback_delta: lookback.unwrap_or(self.settings.lookback_delta),
            max_samples: self.settings.max_samples,
            ..QueryOptions::default()
        }
    }

    /// The slices that every ingester has of each selection.
    async fn fetch(
        &self,
        selections: &[Selection],
        deadline: Instant,
    ) -> Result<Answers<Vec<Vec<GroupSlice>>>, QueryError> {
        let cluster = self.cluster()?;
        let range = selections
            .iter()
            .map(|selection| selection.range)
            .reduce(TimeRange::hull)
            .unwrap_or(TimeRange::ALL);
        let requests: Arc<[v1::SelectRequest]> = selections.iter().map(select_request).collect();
        let copies = cluster.replication_factor.max(1) as u64;
        let budget = Arc::new(Budget {
            left: AtomicU64::new((self.settings.max_samples as u64).saturating_mul(copies)),
        });
        let answers = self.ingesters.ask(&cluster, range, deadline, |ingester| {
            let (requests, budget) = (Arc::clone(&requests), Arc::clone(&budget));
            let timeout = deadline.saturating_duration_since(Instant::now());
            async move {
                let selects = requests
                    .iter()
                    .map(|request| select(ingester.clone(), request.clone(), timeout, &budget));
                try_join_all(selects).await
            }
        });
        let answers = answers.await?;
        let spent = (self.settings.max_samples as u64).saturating_mul(copies)
            - budget.left.load(Ordering::Relaxed);
        self.metrics.fetched_samples.inc_by(spent);
        Ok(answers)
    }
}

fn select_request(selection: &Selection) -> v1::SelectRequest {
    v1::SelectRequest {
        selector: Some(selection.matchers[..].into()),
        range: Some(selection.range.into()),
    }
}

/// The slices that one ingester has of one selection.
async fn select(
    mut ingester: Ingester,
    request: v1::SelectRequest,
    timeout: Duration,
    budget: &Budget,
) -> Result<Vec<GroupSlice>, AskError> {
    let mut request = tonic::Request::new(request);
    request.set_timeout(timeout);
    let mut batches = ingester.select(request).await?.into_inner();
    let mut slices = Vec::new();
    while let Some(batch) = batches.message().await? {
        for group in &batch.groups {
            let n_bytes: usize = group.series.iter().map(|series| series.values.len()).sum();
            budget.spend((n_bytes / size_of::<f64>()) as u64)?;
            let slice = GroupSlice::try_from(group)
                .map_err(|error| Status::data_loss(error.to_string()))?;
            slices.push(slice);
        }
    }
    Ok(slices)
}

/// How many samples a query may still fetch: replicas count each, so the limit counts for each of them.
struct Budget {
    left: AtomicU64,
}

impl Budget {
    fn spend(&self, n_samples: u64) -> Result<(), AskError> {
        let less = |left: u64| left.checked_sub(n_samples);
        match self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(AskError::Stop(Stop::TooManySamples)),
        }
    }
}

/// For each selection the slices of all holders.
fn by_selection(
    answers: Answers<Vec<Vec<GroupSlice>>>,
    n_selections: usize,
) -> Vec<Vec<GroupSlice>> {
    let mut slices = vec![Vec::new(); n_selections];
    for (_, answer) in answers.answers {
        for (all, some) in slices.iter_mut().zip(answer) {
            all.extend(some);
        }
    }
    slices
}

/// Merges and evaluates; runs off the reactor.
fn evaluate(
    plan: &Plan,
    slices: Vec<Vec<GroupSlice>>,
    canceled: &AtomicBool,
) -> Result<Evaluation, EvalError> {
    let canceled = || canceled.load(Ordering::Relaxed);
    let mut selections = Vec::with_capacity(slices.len());
    for (selection, slices) in plan.selections.iter().zip(slices) {
        if canceled() {
            return Err(EvalError::Canceled);
        }
        let series = merge(slices, selection.range);
        selections.push(series.into_iter().map(Arc::new).collect());
    }
    promql::evaluate(plan, &Fetched { selections }, &canceled)
}

/// Ends an evaluation that nobody waits for.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Counts a query when it ends, or when it is dropped because its client went away.
struct Record {
    metrics: Arc<Metrics>,
    begun: Instant,
    outcome: Outcome,
}

impl Drop for Record {
    fn drop(&mut self) {
        let outcome = self.outcome;
        self.metrics.queries_active.dec();
        self.metrics
            .queries
            .get_or_create(&ByOutcome { outcome })
            .inc();
        let seconds = self.begun.elapsed().as_secs_f64();
        self.metrics.query_duration.observe(seconds);
    }
}
