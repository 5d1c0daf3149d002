//! The gRPC service: series, labels, pushed samples, targets.
mod batches;
mod exemplars;
mod pieces;
mod pushed;
mod select;
mod stats;

pub(crate) use select::Unread;

use std::{collections::HashSet, sync::Arc};

use model::{Labels, Matcher, Outcome, Timestamp};
use proto::v1::{self, ingester_server::Ingester, target_status};
use runtime::Holder as _;
use tonic::{Request, Response, Status};
use tsdb::{Pushed, Refused, TsdbError};

use self::{batches::Messages, pushed::PushedSeries};
use crate::{
    error::status,
    metrics::{Method, Reason},
    nearby::Nearby,
    scrape::{Health, TargetState},
    shared::Shared,
    told,
};

/// Answers for one ingester.
pub(crate) struct Service(pub(crate) Arc<Shared>);

#[tonic::async_trait]
impl Ingester for Service {
    type SelectStream = select::Batches;
    type LabelNamesStream = Messages<v1::StringsResponse>;
    type LabelValuesStream = Messages<v1::StringsResponse>;
    type SeriesStream = Messages<v1::SeriesResponse>;

    async fn select(
        &self,
        request: Request<v1::SelectRequest>,
    ) -> Result<Response<Self::SelectStream>, Status> {
        self.called("Select");
        let request = request.into_inner();
        let selector = request.selector.unwrap_or_default();
        let matchers = Vec::<Matcher>::try_from(&selector)?;
        let range = request
            .range
            .ok_or(proto::WireError::Missing("a time range"))?;
        let batches = select::batches(Arc::clone(&self.0), matchers, range.try_into()?).await?;
        Ok(Response::new(batches))
    }

    async fn label_names(
        &self,
        request: Request<v1::LabelsRequest>,
    ) -> Result<Response<Self::LabelNamesStream>, Status> {
        let (holder, request) = (self.holder(), request.into_inner());
        let names = self.0.offload().run(move || holder.label_names(request));
        let values = names.await?;
        Ok(Response::new(batches::strings(values)))
    }

    async fn label_values(
        &self,
        request: Request<v1::LabelValuesRequest>,
    ) -> Result<Response<Self::LabelValuesStream>, Status> {
        let (holder, request) = (self.holder(), request.into_inner());
        let values = self.0.offload().run(move || holder.label_values(request));
        let values = values.await?;
        Ok(Response::new(batches::strings(values)))
    }

    async fn series(
        &self,
        request: Request<v1::LabelsRequest>,
    ) -> Result<Response<Self::SeriesStream>, Status> {
        let (holder, request) = (self.holder(), request.into_inner());
        let found = self.0.offload().run(move || {
            let series = holder.series(request)?;
            Ok::<_, Status>(series.iter().map(v1::Labels::from).collect())
        });
        let series = found.await?;
        Ok(Response::new(batches::series(series)))
    }

    async fn write(
        &self,
        request: Request<v1::WriteRequest>,
    ) -> Result<Response<v1::WriteResponse>, Status> {
        self.called("Write");
        let request = request.into_inner();
        let (series, backfill) = (pushed::series(&request)?, request.backfill);
        let mut exemplars = exemplars::pushed(&request.series);
        let metadata = request.metadata.into_iter().map(told::decoded).collect();
        let (series, kept_out) = self.admitted(series);
        if kept_out.n_samples > 0 && !exemplars.is_empty() {
            let known: HashSet<&Labels> = series.iter().map(|s| &s.labels).collect();
            exemplars.retain(|(labels, _)| known.contains(labels));
        }
        let shared = Arc::clone(&self.0);
        let written = self.0.offload().run(move || {
            let series: Vec<Pushed<'_>> = series.iter().map(Into::into).collect();
            let stamp = |group| shared.stamp(Outcome::Success, shared.rank(group));
            let written = match backfill {
                true => shared.db.backfill(&series, &stamp)?,
                false => shared.db.append_pushed(&series, &stamp)?,
            };
            shared.store_exemplars(exemplars);
            shared.targets.told().push(metadata)?;
            shared.db.sync()?;
            let reason = written.refused.first().map(|first| {
                let (labels, at) = (series[first.series].labels, first.sample.at);
                format!("{}: {labels} at {at}", first.reason)
            });
            Ok((written, reason.unwrap_or_default()))
        });
        let (written, reason) = written.await.map_err(|e: TsdbError| status(&e))?;
        self.0.metrics.pushed_samples.inc_by(written.n_stored);
        self.0.metrics.prometheus.appended(written.n_stored);
        for refusal in &written.refused {
            let reason = match refusal.reason {
                Refused::OutOfBounds => "out of bounds",
                Refused::OutOfOrder => "out of order",
                Refused::TooOld => "too old",
                Refused::Duplicate => "duplicate",
                Refused::TooManyBuckets => "too many buckets",
            };
            let counters = &self.0.metrics.refused_samples;
            counters.get_or_create(&Reason { reason }).inc();
        }
        Ok(Response::new(v1::WriteResponse {
            n_refused: kept_out.n_samples + written.refused.len() as u64,
            reason: kept_out.reason.unwrap_or(reason),
        }))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteRequest>,
    ) -> Result<Response<v1::DeleteResponse>, Status> {
        self.called("Delete");
        let v1::DeleteRequest { selectors, range } = request.into_inner();
        let range = range.ok_or(proto::WireError::Missing("a time range"))?;
        let range = model::TimeRange::try_from(range)?;
        let selectors = selectors.iter().map(TryInto::try_into);
        let selectors: Vec<Vec<Matcher>> = selectors.collect::<Result<_, _>>()?;
        let db = self.0.db.clone();
        let deleted = self.0.offload().run(move || db.delete(selectors, range));
        deleted.await.map_err(|e| status(&e))?;
        Ok(Response::new(v1::DeleteResponse {}))
    }

    async fn clean_tombstones(
        &self,
        _: Request<v1::CleanTombstonesRequest>,
    ) -> Result<Response<v1::CleanTombstonesResponse>, Status> {
        self.called("CleanTombstones");
        let db = self.0.db.clone();
        let cleaned = self.0.offload().run(move || db.clean_tombstones());
        cleaned.await.map_err(|e| status(&e))?;
        Ok(Response::new(v1::CleanTombstonesResponse {}))
    }

    async fn exemplars(
        &self,
        request: Request<v1::ExemplarsRequest>,
    ) -> Result<Response<v1::ExemplarsResponse>, Status> {
        self.called("Exemplars");
        let (shared, request) = (Arc::clone(&self.0), request.into_inner());
        let selected = move || exemplars::selected(&shared, &request);
        let selected = self.0.offload().run(selected).await;
        Ok(Response::new(selected?))
    }

    async fn snapshot(
        &self,
        request: Request<v1::SnapshotRequest>,
    ) -> Result<Response<v1::SnapshotResponse>, Status> {
        self.called("Snapshot");
        let (snapshots, name) = (self.0.snapshots.clone(), request.into_inner().name);
        let made = self.0.offload().run(move || snapshots.make(&name)).await;
        made.map_err(|error| status(&error.into()))?;
        Ok(Response::new(v1::SnapshotResponse {}))
    }

    async fn targets(
        &self,
        _: Request<v1::TargetsRequest>,
    ) -> Result<Response<v1::TargetsResponse>, Status> {
        self.called("Targets");
        let targets = self.0.targets.all();
        let targets = targets.iter().map(|state| target_status(state)).collect();
        Ok(Response::new(v1::TargetsResponse { targets }))
    }

    async fn metadata(
        &self,
        _: Request<v1::MetadataRequest>,
    ) -> Result<Response<v1::MetadataResponse>, Status> {
        self.called("Metadata");
        let mut metrics = Vec::new();
        for state in self.0.targets.all() {
            let target = v1::Labels::from(&state.target.labels);
            metrics.extend(state.metadata().iter().map(|told| v1::MetricMetadata {
                target: Some(target.clone()),
                ..told::encoded(told)
            }));
        }
        let pushed = self.0.targets.told().pushed();
        metrics.extend(pushed.iter().map(told::encoded));
        Ok(Response::new(v1::MetadataResponse { metrics }))
    }

    async fn stats(
        &self,
        request: Request<v1::StatsRequest>,
    ) -> Result<Response<v1::StatsResponse>, Status> {
        self.called("Stats");
        let stats = stats::stats(&self.0, request.into_inner()).await?;
        Ok(Response::new(stats))
    }
}

impl Service {
    fn holder(&self) -> Nearby {
        Nearby(Arc::clone(&self.0))
    }

    fn called(&self, method: &'static str) {
        self.0.metrics.calls.get_or_create(&Method { method }).inc();
    }

    /// The series that are known or admitted, and what became of the others.
    fn admitted(&self, series: Vec<PushedSeries>) -> (Vec<PushedSeries>, KeptOut) {
        let (shared, mut kept_out) = (&self.0, KeptOut::default());
        if !shared.gate.is_guarded() {
            return (series, kept_out);
        }
        let now = shared.now();
        let is_admitted = |series: &PushedSeries| {
            let labels = &series.labels;
            if shared.db.is_pushed_known(labels) {
                return true;
            }
            let admitted = shared.gate.admit(None, labels, now);
            if let Err(refusal) = admitted {
                shared.refused(refusal);
                kept_out.n_samples += series.n_samples();
                let text = || format!("{labels} is refused: {refusal}");
                kept_out.reason.get_or_insert_with(text);
            }
            admitted.is_ok()
        };
        let series = series.into_iter().filter(is_admitted).collect();
        (series, kept_out)
    }
}

/// What limits refused of a push.
#[derive(Default)]
struct KeptOut {
    n_samples: u64,
    reason: Option<String>,
}

fn target_status(state: &TargetState) -> v1::TargetStatus {
    let last = state.last();
    let health = match last.health {
        Health::Unknown => target_status::Health::Unknown,
        Health::Up => target_status::Health::Up,
        Health::Down => target_status::Health::Down,
    };
    v1::TargetStatus {
        target: Some((&state.target).into()),
        key: state.key.0,
        rank: u32::from(state.rank),
        health: health.into(),
        last_error: last.error,
        last_scrape_millis: last.began.map_or(0, Timestamp::as_millis),
        last_duration_seconds: last.took_seconds,
    }
}
