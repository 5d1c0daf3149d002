//! The answer to a select: batches of groups, made one at a time as the caller takes them.
//!
//! Nothing is read ahead, so memory holds one batch a call, and a caller that goes away ends the work.
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    vec,
};

use futures::{Stream, future::BoxFuture};
use model::{GroupSlice, Matcher, TimeRange};
use prost::Message as _;
use proto::v1;
use tonic::Status;
use tsdb::{Kind, Select, TsdbError};

use super::{batches::BATCH_BYTES, pieces::pieces};
use crate::{error::status, shared::Shared};

/// The groups that match, in batches.
pub(crate) async fn batches(
    shared: Arc<Shared>,
    matchers: Vec<Matcher>,
    range: TimeRange,
) -> Result<Batches, Status> {
    let db = shared.db.clone();
    let found = shared
        .offload()
        .run(move || db.select(&matchers, range))
        .await;
    let select = found.map_err(|e| status(&e))?;
    shared.metrics.streams.inc();
    Ok(Batches {
        under_way: None,
        reading: Some(Box::new(Reading {
            select,
            pieces: Vec::new().into_iter(),
        })),
        unread: Unread::default(),
        shared,
    })
}

/// How much damage is told by name.
const MAX_DAMAGE: usize = 100;

/// What one step gives: the groups of a batch, what goes on after it, and what of it could not be read.
type Step = (Vec<v1::GroupSlice>, Option<Box<Reading>>, Vec<TsdbError>);

/// A piece of a large group weighs about so much at most; a message may be some times as large.
const PIECE_BYTES: usize = 8 << 20;

/// What is still to be sent.
struct Reading {
    select: Select,
    /// What is left of the group that was read last.
    pieces: vec::IntoIter<GroupSlice>,
}

/// A stream of batches. What is damaged is left out and named in the last; any other error ends the stream.
pub(crate) struct Batches {
    shared: Arc<Shared>,
    reading: Option<Box<Reading>>,
    under_way: Option<BoxFuture<'static, Step>>,
    unread: Unread,
}

/// What could not be read.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    damage: Vec<v1::Damage>,
    failure: Option<TsdbError>,
}

impl Unread {
    /// Takes note of `error`.
    pub(crate) fn add(&mut self, error: TsdbError) {
        if error.kind() != Kind::Corrupt {
            self.failure = self.failure.take().or(Some(error));
        } else if self.damage.len() < MAX_DAMAGE {
            self.damage.push(v1::Damage {
                group: error.group().map(|group| group.0),
                text: runtime::Chain(&error).to_string(),
            });
        }
    }

    /// What is damaged, once all is read.
    ///
    /// # Errors
    /// What failed otherwise.
    pub(crate) fn told(self) -> Result<Vec<v1::Damage>, Status> {
        match self.failure {
            Some(failure) => Err(status(&failure)),
            None => Ok(self.damage),
        }
    }
}

impl Batches {
    /// What comes when all is read.
    fn end(&mut self) -> Option<Result<v1::SelectResponse, Status>> {
        let told = std::mem::take(&mut self.unread).told();
        let response = told.map(|damage| v1::SelectResponse {
            damage,
            ..v1::SelectResponse::default()
        });
        match &response {
            Ok(response) if response.damage.is_empty() => None,
            _ => Some(response),
        }
    }
}

impl Stream for Batches {
    type Item = Result<v1::SelectResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.under_way.is_none() {
            let Some(reading) = this.reading.take() else {
                return Poll::Ready(this.end());
            };
            let offload = this.shared.offload();
            this.under_way = Some(Box::pin(offload.run(move || next_batch(reading))));
        }
        let Some(step) = &mut this.under_way else {
            return Poll::Pending;
        };
        let (groups, reading, errors) = match step.as_mut().poll(cx) {
            Poll::Ready(step) => step,
            Poll::Pending => return Poll::Pending,
        };
        this.under_way = None;
        this.reading = reading;
        errors.into_iter().for_each(|error| this.unread.add(error));
        if groups.is_empty() {
            // Nothing is left.
            return Poll::Ready(this.end());
        }
        let batch = v1::SelectResponse {
            groups,
            damage: Vec::new(),
        };
        this.shared
            .metrics
            .sent_bytes
            .inc_by(batch.encoded_len() as u64);
        Poll::Ready(Some(Ok(batch)))
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.shared.metrics.streams.dec();
    }
}

fn next_batch(mut reading: Box<Reading>) -> Step {
    let (mut groups, mut n_bytes, mut errors) = (Vec::new(), 0, Vec::new());
    loop {
        for piece in reading.pieces.by_ref() {
            let group = v1::GroupSlice::from(&piece);
            n_bytes += group.encoded_len();
            groups.push(group);
            if n_bytes >= BATCH_BYTES {
                return (groups, Some(reading), errors);
            }
        }
        match reading.select.next() {
            Some(Ok(slice)) => reading.pieces = pieces(slice, PIECE_BYTES).into_iter(),
            Some(Err(error)) => errors.push(error),
            None => return (groups, None, errors),
        }
    }
}
