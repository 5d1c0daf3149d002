//! One query from text to value.
//!
//! ```text
//! text -> Expr -> Plan -> Select on every ingester -> merge -> evaluate
//!         └─ on the reactor ──────────────────────┘   └─ off it ──────┘
//! ```
use std::{
    num::NonZeroUsize,
    sync::{Arc, atomic::Ordering},
    thread::available_parallelism,
    time::Duration,
};

use model::{Millis, Steps, TimeRange};
use promql::{
    EvalError, Evaluation, ParseError, Plan, QueryOptions, SampleCounts,
    source::{Each, Extent, Selection, Source},
};
use runtime::{Cluster, Components, Offload};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use tracing::Instrument as _;

use crate::{
    QuerySettings,
    cancel::Canceled,
    configuration::Configuration,
    damage,
    fanout::{Ingesters, Stop},
    fetch::Fetch,
    merge::{Merged, Slices},
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
    /// Whether the samples of each step are counted one by one, if the setting allows it.
    pub(crate) per_step_stats: bool,
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
    /// What it cost.
    pub(crate) costs: Costs,
}

/// What a query cost.
#[derive(Clone, Debug)]
pub(crate) struct Costs {
    /// Waiting for a place.
    pub(crate) queued: Duration,
    /// Waiting for the ingesters.
    pub(crate) fetching: Duration,
    /// Merging and evaluating.
    pub(crate) evaluating: Duration,
    /// The samples that it took.
    pub(crate) samples: SampleCounts,
    /// The steps that `samples` may tell of one by one.
    pub(crate) steps: Steps,
}

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// The text is no query.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It cannot be evaluated.
    #[error(transparent)]
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

/// So few samples, looked at once, and so short a text are light work: tens of microseconds.
const LIGHT_SAMPLES: usize = 256;
const LIGHT_TEXT: usize = 1024;

/// What Prometheus calls the phase that fetching and evaluation are for it.
const EVALUATION: &str = "expression evaluation";

/// What the discoverers say, always the newest.
#[derive(Clone)]
pub(crate) struct View {
    /// Members and maps.
    pub(crate) cluster: watch::Receiver<Arc<Cluster>>,
    /// The configuration, read.
    pub(crate) configuration: watch::Receiver<Arc<Configuration>>,
}

/// Answers queries. Clones share limits and metrics.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) components: Components,
    pub(crate) view: View,
    pub(crate) ingesters: Ingesters,
    settings: QuerySettings,
    places: Arc<Semaphore>,
    /// How many threads may work on one query.
    threads: NonZeroUsize,
    metrics: Arc<Metrics>,
}

impl Engine {
    /// An engine over the ingesters that `view` shows.
    pub(crate) fn new(
        components: Components,
        view: View,
        settings: QuerySettings,
        metrics: Arc<Metrics>,
    ) -> Self {
        // Asked once: every answer takes a walk through the files of control groups.
        let threads = match components.offload {
            Offload::Threads => available_parallelism().unwrap_or(NonZeroUsize::MIN),
            Offload::Inline => NonZeroUsize::MIN,
        };
        metrics.engine.limited(settings.max_concurrency);
        Self {
            ingesters: Ingesters::new(&components, Arc::clone(&metrics)),
            components,
            view,
            settings,
            places: Arc::new(Semaphore::new(settings.max_concurrency)),
            threads,
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
        let cluster = Arc::clone(&self.view.cluster.borrow());
        match cluster.version {
            0 => Err(QueryError::Unavailable(
                "the cluster's members are not known yet: no discoverer has answered".to_owned(),
            )),
            _ => Ok(cluster),
        }
    }

    /// The configuration now.
    pub(crate) fn configuration(&self) -> Arc<Configuration> {
        Arc::clone(&self.view.configuration.borrow())
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
        let span = tracing::info_span!("query", text = %query.text, steps = query.steps.count());
        let answer = self.answer_within(query, begun).instrument(span).await;
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
        let expr = promql::parse_with(&query.text, self.settings.language)?;
        let limit = self.settings.timeout;
        let deadline = begun + query.timeout.map_or(limit, |asked| asked.min(limit));
        let plan = promql::plan(&expr, query.steps, &self.options(&query))?;
        let place = tokio::time::timeout_at(deadline, Arc::clone(&self.places).acquire_owned());
        let place = place
            .await
            .map_err(|_| QueryError::Timeout("query queue"))?
            .expect("the semaphore is never closed");
        let mut costs = Costs {
            queued: begun.elapsed(),
            fetching: Duration::ZERO,
            evaluating: Duration::ZERO,
            samples: SampleCounts::default(),
            steps: query.steps,
        };
        let (slices, warning) = self.fetch(&plan.selections, deadline).await?;
        costs.fetching = begun.elapsed() - costs.queued;
        let is_complete = warning.is_none();
        if let Some(warning) = warning.clone()
            && query.completeness == Completeness::Required
        {
            return Err(QueryError::Unavailable(warning));
        }
        let canceled = Canceled::default();
        let guard = canceled.on_drop();
        let offload = match is_light(&plan, &slices) && query.text.len() <= LIGHT_TEXT {
            true => Offload::Inline,
            false => self.components.offload,
        };
        let work = offload.run(move || {
            // The place is given back when the work ends, even if nobody waits for it any more.
            let _place = place;
            evaluate(&plan, slices, &canceled)
        });
        let evaluation = tokio::time::timeout_at(deadline, work)
            .await
            .map_err(|_| QueryError::Timeout(EVALUATION))??;
        drop(guard);
        costs.evaluating = begun.elapsed() - costs.queued - costs.fetching;
        let Evaluation {
            value,
            annotations,
            samples,
        } = evaluation;
        costs.samples = samples;
        self.metrics.engine.evaluated(
            costs.queued,
            costs.fetching,
            costs.evaluating,
            costs.samples.total,
        );
        let mut warnings = annotations.warnings(&query.text);
        warnings.extend(warning);
        let infos = annotations.infos(&query.text);
        let answer = Answer {
            value,
            warnings,
            infos,
            costs,
        };
        Ok((answer, is_complete))
    }

    fn options(&self, query: &Query) -> QueryOptions {
        let lookback = query.lookback_delta.filter(|asked| *asked > Millis::ZERO);
        QueryOptions {
            lookback_delta: lookback.unwrap_or(self.settings.lookback_delta),
            max_samples: self.settings.max_samples,
            start_timestamps: self.settings.start_timestamps,
            metadata_labels: self.settings.metadata_labels,
            delayed_name_removal: self.settings.delayed_name_removal,
            per_step_stats: self.settings.per_step_stats && query.per_step_stats,
            threads: self.threads,
            subquery_step: self.configuration().evaluation_interval,
        }
    }

    /// What the ingesters have of each selection, and what to warn of.
    async fn fetch(
        &self,
        selections: &[Selection],
        deadline: Instant,
    ) -> Result<(Vec<Slices>, Option<String>), QueryError> {
        let Some(range) = selections.iter().map(|s| s.range).reduce(TimeRange::hull) else {
            return Ok((Vec::new(), None));
        };
        let cluster = self.cluster()?;
        let fetch = Fetch::new(
            selections,
            deadline,
            self.settings.max_samples,
            (self.components.offload, self.threads),
        );
        let fetch = Arc::new(fetch);
        let asked = self
            .ingesters
            .ask(&cluster, range, deadline, |_, ingester| {
                let fetch = Arc::clone(&fetch);
                async move { fetch.from(ingester).await }
            });
        let asked = asked.await;
        let n_fetched = fetch.n_fetched.load(Ordering::Relaxed);
        self.metrics.fetched_samples.inc_by(n_fetched);
        let asked = asked?;
        let damage = damage::warning(&cluster, range, &asked.answers);
        let warning = match (asked.warning(), damage) {
            (Some(missing), Some(damage)) => Some(format!("{missing}; {damage}")),
            (missing, damage) => missing.or(damage),
        };
        Ok((fetch.take(), warning))
    }
}

/// True if the evaluation takes less time than the way to another thread and back.
fn is_light(plan: &Plan, slices: &[Slices]) -> bool {
    let n_samples: usize = slices.iter().map(Slices::n_samples).sum();
    matches!(plan.steps, Steps::Instant(_)) && !plan.has_subquery && n_samples <= LIGHT_SAMPLES
}

/// Merges and evaluates; runs off the reactor unless it is light.
fn evaluate(
    plan: &Plan,
    slices: Vec<Slices>,
    canceled: &Canceled,
) -> Result<Evaluation, EvalError> {
    let canceled = || canceled.get();
    let mut selections = Vec::with_capacity(slices.len());
    for (selection, slices) in plan.selections.iter().zip(slices) {
        if canceled() {
            return Err(EvalError::Canceled);
        }
        selections.push(Merged::new(slices, selection.range));
    }
    promql::evaluate(plan, &Fetched(selections), &canceled)
}

/// What was fetched, unfolded series by series while evaluation goes over it.
struct Fetched(Vec<Merged>);

impl Source for Fetched {
    fn extent(&self, selection: usize) -> Extent {
        self.0[selection].extent()
    }

    fn part(&self, selection: usize, part: usize, each: &mut Each<'_>) -> Result<(), EvalError> {
        self.0[selection].part(part, each)
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
