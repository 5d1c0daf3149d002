//! What this ingester holds, for queriers and rulers of the same process.
use std::{num::NonZeroUsize, sync::Arc};

use model::{Matcher, TimeRange};
use parking_lot::Mutex;
use proto::v1;
use runtime::{Holder, TakeGroup};
use tonic::Status;

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
        let Self(shared) = self;
        let method = "Select";
        shared.metrics.calls.get_or_create(&Method { method }).inc();
        let select = shared.db.select(matchers, range).map_err(|e| status(&e))?;
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
}
