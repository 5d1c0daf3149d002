//! What this ingester holds of series: for queriers and rulers of the same process as it stands, for others by the service.
use std::{num::NonZeroUsize, sync::Arc};

use model::{Labels, Matcher, TimeRange};
use parking_lot::Mutex;
use proto::{WireError, v1};
use runtime::{Holder, TakeGroup};
use tonic::Status;
use tsdb::SeriesOf;

use crate::{error::status, metrics::Method, service::Unread, shared::Shared};

/// Answers without a wire.
pub(crate) struct Nearby(pub(crate) Arc<Shared>);

impl Holder for Nearby {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        n_threads: NonZeroUsize,
        take: &TakeGroup<'_>,
    ) -> Result<Vec<v1::Damage>, Status> {
        self.called("Select");
        let select = self.0.db.select(matchers, range).map_err(|e| status(&e))?;
        let unread = Mutex::new(Unread::default());
        select.each(n_threads, &|found| match found {
            Ok(slice) => take(slice),
            Err(error) => {
                unread.lock().add(error);
                true
            }
        });
        unread.into_inner().told()
    }

    fn selects_little(&self, matchers: &[Matcher], range: TimeRange) -> bool {
        self.0.db.selects_little(matchers, range)
    }

    fn label_names(&self, request: v1::LabelsRequest) -> Result<Vec<String>, Status> {
        self.called("LabelNames");
        let within = Within::try_from(request)?;
        let names = self.0.db.label_names(within.series_of());
        names.map_err(|e| status(&e))
    }

    fn label_values(&self, request: v1::LabelValuesRequest) -> Result<Vec<String>, Status> {
        self.called("LabelValues");
        let v1::LabelValuesRequest { name, within } = request;
        let within = within.ok_or(WireError::Missing("a request's bounds"))?;
        let within = Within::try_from(within)?;
        let values = self.0.db.label_values(&name, within.series_of());
        values.map_err(|e| status(&e))
    }

    fn has_few_values(&self, request: &v1::LabelValuesRequest) -> bool {
        let within = request.within.clone().map(Within::try_from);
        let few = |within: &Within| self.0.db.has_few_values(&request.name, within.series_of());
        within.is_some_and(|within| within.as_ref().is_ok_and(few))
    }

    fn series(&self, request: v1::LabelsRequest) -> Result<Vec<Labels>, Status> {
        self.called("Series");
        let within = Within::try_from(request)?;
        let series = self.0.db.series(within.series_of());
        series.map_err(|e| status(&e))
    }
}

impl Nearby {
    fn called(&self, method: &'static str) {
        self.0.metrics.calls.get_or_create(&Method { method }).inc();
    }
}

/// A question about labels, with its matchers compiled.
struct Within {
    matchers: Vec<Vec<Matcher>>,
    range: TimeRange,
    limit: Option<usize>,
}

impl Within {
    fn series_of(&self) -> SeriesOf<'_> {
        SeriesOf {
            matchers: &self.matchers,
            range: self.range,
            limit: self.limit,
        }
    }
}

impl TryFrom<v1::LabelsRequest> for Within {
    type Error = WireError;

    fn try_from(request: v1::LabelsRequest) -> Result<Self, WireError> {
        let range = request.range.ok_or(WireError::Missing("a time range"))?;
        Ok(Self {
            matchers: request
                .selectors
                .iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            range: range.try_into()?,
            limit: usize::try_from(request.limit)
                .ok()
                .filter(|limit| *limit > 0),
        })
    }
}
