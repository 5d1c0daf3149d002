//! The scrape loop of one target: wait for the slot, fetch, make the row, store it.
use std::{sync::Arc, time::Duration};

use ::fetch::{Client, Request};
use exposition::{Encoding, Format};
use model::{GroupKey, Labels, Millis, Outcome, RowHead, Timestamp};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, debug_span};
use tsdb::{Defined, Tsdb, TsdbError};

use super::{
    cycle::{Cycle, Observed, Scraped, is_report},
    error::ScrapeError,
    job::Job,
    slot::{next_slot, row_time},
    state::{Health, LastScrape, TargetState},
};
use crate::{limits::Refusal, shared::Shared};

/// A page of so many bytes is read and stored in a few tenths of a millisecond, without waiting for a disk: to wake
/// another thread for it would cost about as much.
const SMALL_PAGE: usize = 256 << 10;

/// What a target's task goes by; replaced when the assignment or the configuration changes.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) state: Arc<TargetState>,
    pub(crate) job: Arc<Job>,
    pub(crate) client: Arc<Client>,
    pub(crate) request: Arc<Request>,
}

/// Scrapes one target until `stop`, by the newest plan.
pub(crate) async fn scrape_slots(
    shared: Arc<Shared>,
    key: GroupKey,
    mut plan: watch::Receiver<Plan>,
    stop: CancellationToken,
) {
    let mut cycle = None;
    let mut last = None;
    loop {
        let now = shared.now();
        let current = plan.borrow_and_update().clone();
        let interval = current.state.target.settings.interval;
        let slot = next_slot(key, interval, now, last);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = plan.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            () = tokio::time::sleep((slot - now).to_std()) => {}
        }
        // The clock may have been set back meanwhile.
        if row_time(slot, shared.now(), interval) < slot {
            continue;
        }
        let span = debug_span!("scrape", group = %key, job = current.state.target.job);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            // Boxed, so that a target that waits holds no room for a request.
            () = Box::pin(scrape_slot(&shared, key, slot, &current, &mut cycle).instrument(span)) => {}
        }
        last = Some(slot);
    }
}

/// One scrape from begin to row.
async fn scrape_slot(
    shared: &Arc<Shared>,
    key: GroupKey,
    slot: Timestamp,
    plan: &Plan,
    cycle: &mut Option<Cycle>,
) {
    let Plan { state, job, .. } = plan;
    let rules = job.rules(&state.target, shared.exemplars.is_some());
    let mut known = match cycle.take() {
        Some(cycle) if *cycle.rules() == rules => cycle,
        _ => Cycle::new(rules),
    };
    let (began, started) = (shared.now(), Instant::now());
    let buffer = shared.buffers.take(known.page_len());
    let fetched = fetch(plan, buffer).await;
    let took = started.elapsed();
    let (scraped, failed) = match fetched {
        Ok(page) => (page, None),
        Err(error) => {
            log_failure(shared, plan, began, &error).await;
            let too_large = error.is_too_large();
            (Scraped::Nothing { too_large }, Some(error))
        }
    };
    if let Scraped::Page { bytes, .. } = &scraped {
        shared.metrics.scraped_bytes.inc_by(bytes.len() as u64);
    }
    let at = row_time(slot, began, state.target.settings.interval);
    if at != slot {
        shared.metrics.late_scrapes.inc();
    }
    let row = RowHead {
        slot,
        at,
        stamp: shared.stamp(Outcome::Failed, state.rank),
    };
    let permit = shared.cores.acquire().await;
    let (db, sync) = (shared.db.clone(), shared.sync_each);
    let buffers = Arc::clone(&shared.buffers);
    let is_small = matches!(&scraped, Scraped::Page { bytes, .. } if bytes.len() <= SMALL_PAGE);
    let mut entrance = Entrance {
        shared: Arc::clone(shared),
        state: Arc::clone(state),
        began,
        n_refused: 0,
        first: None,
    };
    let of_work = Arc::clone(shared);
    let work = move || {
        let (mut observed, appended) =
            store(&db, key, row, &mut known, scraped, took, &mut entrance);
        buffers.give(known.release());
        if appended.is_ok() && !observed.exemplars.is_empty() {
            let found = std::mem::take(&mut observed.exemplars);
            of_work.store_exemplars(found.into_iter().map(|found| found.stored(row.at)));
        }
        let appended = appended.and_then(|()| if sync { db.sync() } else { Ok(()) });
        (known, observed, appended, entrance.told())
    };
    let (known, mut observed, appended, refused) = match is_small && !sync {
        true => work(),
        false => shared.offload().run(work).await,
    };
    drop(permit);
    let n_samples = known.row().len() as u64;
    *cycle = Some(known);
    shared.gate.scraped(key, &state.target.job, n_samples);
    report(shared, plan, (began, took), failed, &mut observed, refused);
    if let Some(told) = observed.metadata {
        let (targets, state) = (shared.targets.clone(), Arc::clone(&plan.state));
        let note = move || targets.set_metadata(&state, told);
        shared.offload().run(note).await;
    }
    if appended.is_ok() {
        shared.metrics.samples.inc_by(n_samples);
        shared.metrics.prometheus.appended(n_samples);
    }
    shared.appended(key, &appended);
    shared
        .metrics
        .append_seconds
        .observe(started.elapsed().saturating_sub(took).as_secs_f64());
}

async fn fetch(plan: &Plan, buffer: Vec<u8>) -> Result<Scraped, ScrapeError> {
    if let Some(own) = &plan.state.target.settings.own
        && !own.refusal.is_empty()
    {
        return Err(ScrapeError::Refused(own.refusal.to_string()));
    }
    let fetched = plan.client.get(&plan.request, buffer).await?;
    // An empty page needs no format, as in Prometheus.
    let format = match fetched.body.is_empty() {
        true => Encoding::Lines(Format::Text),
        false => plan.job.format(fetched.header("content-type"))?,
    };
    Ok(Scraped::Page {
        bytes: fetched.body,
        format,
    })
}

/// Writes to the job's log, if it has one, that no page came. Pages that are refused do not stand there, as in Prometheus.
async fn log_failure(shared: &Shared, plan: &Plan, at: Timestamp, error: &ScrapeError) {
    if let (Some(log), ScrapeError::Fetch(error)) = (&plan.job.failures, error) {
        let (log, target, error) = (log.clone(), plan.state.target.url(), error.to_string());
        let write = move || log.write(at, &target, &error);
        shared.offload().run(write).await;
    }
}

/// Where the new series of one scrape are let in or refused.
struct Entrance {
    shared: Arc<Shared>,
    state: Arc<TargetState>,
    began: Timestamp,
    n_refused: u64,
    first: Option<Refusal>,
}

impl Entrance {
    /// Places of `labels` for as far as limits allow. What the scrape itself tells of its target is always let in.
    fn define(&mut self, db: &Tsdb, labels: &[Labels]) -> Defined {
        let target = Arc::clone(&self.state);
        if !self.shared.gate.is_guarded() {
            return db.define(target.key, labels);
        }
        db.define_admitted(target.key, labels, |labels| {
            if is_report(labels, &target.target.labels) {
                return true;
            }
            let job = Some(target.target.job.as_str());
            match self.shared.gate.admit(job, labels, self.began) {
                Ok(()) => true,
                Err(refusal) => {
                    self.shared.refused(refusal);
                    self.n_refused += 1;
                    self.first.get_or_insert(refusal);
                    false
                }
            }
        })
    }

    /// What people are told of those that were refused.
    fn told(self) -> Option<String> {
        let first = self.first?;
        Some(format!(
            "{} new series were refused: {first}",
            self.n_refused
        ))
    }
}

/// Makes the row and stores it.
fn store(
    db: &Tsdb,
    key: GroupKey,
    mut row: RowHead,
    cycle: &mut Cycle,
    scraped: Scraped,
    took: Duration,
    entrance: &mut Entrance,
) -> (Observed, Result<(), TsdbError>) {
    let took = took.as_secs_f64();
    let observed = cycle.observe(scraped, took, |labels| entrance.define(db, labels));
    row.stamp.outcome = observed.outcome;
    let appended = db.append(key, row, cycle.row()).map(drop);
    if !matches!(appended, Err(TsdbError::VoidDictionary { .. })) {
        return (observed, appended);
    }
    // The group left memory and came back: the same page once more, with nothing known of places.
    let again = cycle
        .forget()
        .filter(|_| observed.outcome == Outcome::Success);
    let again = again.unwrap_or(Scraped::Nothing { too_large: false });
    let _ = cycle.observe(again, took, |labels| entrance.define(db, labels));
    let appended = db.append(key, row, cycle.row()).map(drop);
    (observed, appended)
}

/// Tells metrics and the targets page how the scrape went.
fn report(
    shared: &Shared,
    plan: &Plan,
    (began, took): (Timestamp, Duration),
    failed: Option<ScrapeError>,
    observed: &mut Observed,
    refused: Option<String>,
) {
    let metrics = &shared.metrics;
    metrics.scrapes.inc();
    let interval = plan.state.target.settings.interval;
    let before = plan.state.last().began;
    metrics.prometheus.scraped(interval, before, began);
    metrics.scrape_seconds.observe(took.as_secs_f64());
    metrics.duplicate_samples.inc_by(observed.counts.duplicates);
    let error = failed.or_else(|| observed.error.take().map(ScrapeError::Page));
    if let Some(error) = &error {
        let reason = error.reason();
        metrics
            .scrape_failures
            .get_or_create(&crate::metrics::Reason { reason })
            .inc();
        debug!(target = %plan.state.target.url(), %error, "scrape failed");
    }
    plan.state.set_last(LastScrape {
        health: match error {
            None => Health::Up,
            Some(_) => Health::Down,
        },
        error: error.map(|e| e.to_string()).or(refused).unwrap_or_default(),
        began: Some(began),
        took_seconds: took.as_secs_f64(),
    });
}

/// Stores the row that ends all series of a target that was removed, at the slot that would have come next.
pub(crate) async fn end(shared: &Shared, state: &TargetState) {
    let (key, now) = (state.key, shared.now());
    let last = state.last().began;
    let interval = state.target.settings.interval;
    let slot = key.slot_at_or_after(
        last.map_or(now, |last| now.max(last + Millis::new(1))),
        interval,
    );
    let row = RowHead {
        slot,
        at: slot,
        stamp: shared.stamp(Outcome::End, state.rank),
    };
    let db = shared.db.clone();
    let append = shared.offload().run(move || {
        let values = tsdb::RowValues::default();
        db.append(key, row, &values).map(drop)
    });
    shared.appended(key, &append.await);
}
