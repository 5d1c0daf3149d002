//! What the samples of a column are besides numbers.
//!
//! ```text
//! u8 flags (1: histograms, 2: starts)
//! histograms: presence among the column's samples, then the histograms without their sums
//! starts: presence among the column's samples, then the starts as times
//! ```
use std::{ops::Range, sync::Arc};

use model::{Histogram, Presence, Sparse, Timestamp};

use super::{DecodeError, Reader, histograms, presence, times};

const HISTOGRAMS: u8 = 1;
const STARTS: u8 = 2;

/// What was read; the histograms lack their sums.
#[derive(Debug)]
pub(crate) struct Beside {
    histograms: Sparse<Histogram>,
    starts: Sparse<Timestamp>,
}

/// Appends what stands beside `n` samples: something does.
pub(crate) fn encode(
    dst: &mut Vec<u8>,
    n: usize,
    histograms: &Sparse<Arc<Histogram>>,
    starts: &Sparse<Timestamp>,
) {
    let flags =
        u8::from(!histograms.is_empty()) * HISTOGRAMS + u8::from(!starts.is_empty()) * STARTS;
    dst.push(flags);
    if !histograms.is_empty() {
        let places: Presence = histograms.iter().map(|(place, _)| place).collect();
        presence::encode(dst, &places, n);
        let all: Vec<&Histogram> = histograms.iter().map(|(_, h)| &**h).collect();
        histograms::encode(dst, &all);
    }
    if !starts.is_empty() {
        let places: Presence = starts.iter().map(|(place, _)| place).collect();
        presence::encode(dst, &places, n);
        let starts: Vec<i64> = starts.iter().map(|(_, start)| start.as_millis()).collect();
        times::encode(dst, &starts);
    }
}

/// Reads what [`encode`] wrote for `n` samples.
pub(crate) fn decode(reader: &mut Reader<'_>, n: usize) -> Result<Beside, DecodeError> {
    let flags = reader.u8()?;
    if flags == 0 || flags > HISTOGRAMS + STARTS {
        return Err(reader.error("what stands beside samples is not known"));
    }
    let mut beside = Beside {
        histograms: Sparse::new(),
        starts: Sparse::new(),
    };
    if flags & HISTOGRAMS != 0 {
        let places = presence::decode(reader, n)?;
        let histograms = histograms::decode(reader, places.len())?;
        let read = Sparse::of(places.iter(), histograms);
        beside.histograms = read.ok_or_else(|| reader.error("places of histograms"))?;
    }
    if flags & STARTS != 0 {
        let places = presence::decode(reader, n)?;
        if places.is_empty() {
            return Err(reader.error("no starts"));
        }
        let starts = times::decode(reader, places.len())?;
        let starts = starts.into_iter().map(Timestamp::from_millis).collect();
        let read = Sparse::of(places.iter(), starts);
        beside.starts = read.ok_or_else(|| reader.error("places of starts"))?;
    }
    Ok(beside)
}

impl Beside {
    /// The histograms and starts of the samples at `part`, by index from its start; `sums` are the values there.
    pub(crate) fn of_part(
        self,
        part: Range<usize>,
        sums: &[f64],
    ) -> (Sparse<Arc<Histogram>>, Sparse<Timestamp>) {
        let (mut histograms, mut starts) = (Sparse::new(), Sparse::new());
        let place = |at: u32| {
            let is_in = part.contains(&(at as usize));
            is_in.then(|| at - part.start as u32)
        };
        for (at, mut histogram) in self.histograms {
            if let Some(at) = place(at) {
                histogram.sum = sums[at as usize];
                histograms.push(at, Arc::new(histogram));
            }
        }
        for (at, start) in self.starts {
            if let Some(at) = place(at) {
                starts.push(at, start);
            }
        }
        (histograms, starts)
    }
}
