//! The slices of a query's selections, taken in from all ingesters at once.
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::try_join_all;
use model::GroupSlice;
use parking_lot::Mutex;
use promql::source::Selection;
use proto::v1;
use runtime::{Holder, Offload};
use tokio::time::Instant;
use tonic::Status;

use crate::{
    cancel::Canceled,
    fanout::{AskError, Ingester, Stop},
    merge::{Slices, n_samples},
};

/// How many fetched samples may be held for each that evaluation may hold: packed, two take the room of one.
const PACKED: i64 = 2;

/// One query's fetch, shared by the calls to all ingesters.
///
/// A row that has arrived is true even if the call that brought it fails later: scraped groups come whole, and what an
/// ingester did not send is for the others to say.
#[derive(Debug)]
pub(crate) struct Fetch {
    parts: Vec<Part>,
    deadline: Instant,
    /// How many samples may still be held.
    left: AtomicI64,
    /// Where what is in this process is read, and by how many threads.
    offload: Offload,
    threads: NonZeroUsize,
    /// How many samples have arrived, those of each replica.
    pub(crate) n_fetched: AtomicU64,
}

/// One selection: what is asked, and what has arrived.
#[derive(Debug)]
struct Part {
    selection: Selection,
    slices: Mutex<Slices>,
}

impl Fetch {
    /// A fetch of `selections` that ends by `deadline` and, packed, holds what `max_samples` may take.
    ///
    /// What is in this process is read on `threads` threads, away from the reactor.
    pub(crate) fn new(
        selections: &[Selection],
        deadline: Instant,
        max_samples: usize,
        (offload, threads): (Offload, NonZeroUsize),
    ) -> Self {
        let part = |selection: &Selection| Part {
            selection: selection.clone(),
            slices: Mutex::default(),
        };
        let max_samples = i64::try_from(max_samples).unwrap_or(i64::MAX);
        Self {
            parts: selections.iter().map(part).collect(),
            deadline,
            left: AtomicI64::new(max_samples.saturating_mul(PACKED)),
            n_fetched: AtomicU64::new(0),
            offload,
            threads,
        }
    }

    /// Takes in all that `ingester` has, and gives what it cannot read.
    pub(crate) async fn from(
        self: Arc<Self>,
        ingester: Ingester,
    ) -> Result<Vec<v1::Damage>, AskError> {
        let parts = (0..self.parts.len()).map(|part| {
            let (fetch, ingester) = (Arc::clone(&self), ingester.clone());
            async move {
                match &ingester.nearby {
                    Some(holder) => fetch.part_nearby(part, Arc::clone(holder)).await,
                    None => fetch.part_from(&fetch.parts[part], ingester).await,
                }
            }
        });
        let mut damage = try_join_all(parts).await?.concat();
        damage.sort_by(|a, b| (a.group, &a.text).cmp(&(b.group, &b.text)));
        damage.dedup();
        Ok(damage)
    }

    /// Over the wire.
    async fn part_from(
        &self,
        part: &Part,
        mut ingester: Ingester,
    ) -> Result<Vec<v1::Damage>, AskError> {
        let mut damage = Vec::new();
        let mut request = tonic::Request::new(v1::SelectRequest {
            selector: Some(part.selection.matchers[..].into()),
            range: Some(part.selection.range.into()),
        });
        let timeout = self.deadline.saturating_duration_since(Instant::now());
        request.set_timeout(timeout.max(Duration::from_millis(1)));
        let mut batches = ingester.select(request).await?.into_inner();
        while let Some(batch) = batches.message().await? {
            for group in &batch.groups {
                let slice = GroupSlice::try_from(group)
                    .map_err(|error| Status::data_loss(error.to_string()))?;
                self.hold(part, slice)?;
            }
            damage.extend(batch.damage);
        }
        Ok(damage)
    }

    /// From an ingester of this process.
    async fn part_nearby(
        self: Arc<Self>,
        part: usize,
        holder: Arc<dyn Holder>,
    ) -> Result<Vec<v1::Damage>, AskError> {
        let Selection { matchers, range } = &self.parts[part].selection;
        let offload = match holder.selects_little(matchers, *range) {
            true => Offload::Inline,
            false => self.offload,
        };
        let canceled = Canceled::default();
        let _guard = canceled.on_drop();
        let read = move || {
            let part = &self.parts[part];
            let Selection { matchers, range } = &part.selection;
            let stopped = Mutex::new(None);
            let take = |slice| {
                let held = self.hold(part, slice);
                let goes_on = held.is_ok() && !canceled.get();
                if let Err(stop) = held {
                    *stopped.lock() = Some(stop);
                }
                goes_on
            };
            let damage = holder.select(matchers, *range, self.threads, &take)?;
            stopped.into_inner().map_or(Ok(damage), Err)
        };
        offload.run(read).await
    }

    fn hold(&self, part: &Part, slice: GroupSlice) -> Result<(), AskError> {
        let n_new = n_samples(&slice);
        self.n_fetched.fetch_add(n_new as u64, Ordering::Relaxed);
        let n_dropped = part.slices.lock().add(slice);
        let change = n_dropped as i64 - n_new as i64;
        match self.left.fetch_add(change, Ordering::Relaxed) + change {
            ..0 => Err(AskError::Stop(Stop::TooManySamples)),
            _ => Ok(()),
        }
    }

    /// What has arrived, by selection.
    pub(crate) fn take(&self) -> Vec<Slices> {
        let slices = self.parts.iter().map(|part| &part.slices);
        slices
            .map(|slices| std::mem::take(&mut *slices.lock()))
            .collect()
    }
}
