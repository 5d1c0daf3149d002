//! Blocks: rows and columns of one dictionary, encoded once. A segment is a block of at most 32 rows.
//!
//! The head has the rows and says which series the columns are; the columns follow in chunks of a few dozen, each under
//! a key of its own, so that a query reads only the chunks it needs. A block of one chunk has it in its head.
use std::ops::Range;

use column::Values;
use model::{Presence, RowHead, TimeRange, Timestamp};
use roaring::RoaringBitmap;

use crate::{
    codec::{
        DecodeError, Reader, beside, floats, open, presence, put_bytes, put_uvarint, put_varint,
        seal, times,
    },
    record::{MAX_PLACES, put_stamp, read_stamp},
    row::{OWN_TIME, Ordinal},
    table::Column,
};

const VERSION: u8 = 1;
/// More rows than any block has.
const MAX_ROWS: usize = 1 << 16;
/// How many columns make a chunk.
pub(crate) const CHUNK: usize = 48;

/// The columns follow in the head itself.
const INLINE: u8 = 1;
/// Some samples have times of their own.
const EXPLICIT: u8 = 2;

/// Times of a column: the rows' own.
const TIMES_OWN: u8 = 0;
/// Times of a column follow.
const TIMES_FOLLOW: u8 = 1;
/// Times of a column are those of the column before: series of one container share them.
const TIMES_SAME: u8 = 2;
/// All that is said of a column's times.
const TIMES: u8 = 3;
/// Histograms or starts stand beside a column's values.
const BESIDE: u8 = 4;

/// A block's head, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Ascending by slot.
    pub(crate) rows: Vec<RowHead>,
    /// The series of the columns, in their order; [`CHUNK`] of them make a chunk.
    pub(crate) ordinals: Vec<u32>,
    /// From the earliest to the latest time of any row or sample.
    pub(crate) bounds: TimeRange,
    inline: Option<Vec<u8>>,
    /// The rows of which values are read; where samples have times of their own, all are.
    window: Range<usize>,
    /// Values may stay encoded.
    lazy: bool,
}

/// A block about to be written.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) head: Vec<u8>,
    /// Empty if the head has the columns.
    pub(crate) chunks: Vec<Vec<u8>>,
}

/// Collects columns chunk by chunk, so that a large block need not be in memory whole.
#[derive(Debug)]
pub(crate) struct Builder {
    rows: Vec<RowHead>,
    ordinals: Vec<i64>,
    bounds: TimeRange,
    explicit: bool,
    chunks: Vec<Vec<u8>>,
    pending: Vec<Column>,
}

impl Builder {
    /// A block of `rows`, ascending by slot, of which there is at least one.
    pub(crate) fn new(rows: Vec<RowHead>) -> Self {
        let bounds = rows.iter().map(|row| TimeRange::at(row.at));
        let bounds = bounds.reduce(TimeRange::hull);
        Self {
            bounds: bounds.expect("a block has at least one row"),
            rows,
            ordinals: Vec::new(),
            explicit: false,
            chunks: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Appends a column, which is present in some row.
    pub(crate) fn push(&mut self, column: Column) {
        self.ordinals.push(i64::from(column.ordinal.0));
        for time in column.times.iter().filter(|time| **time != OWN_TIME) {
            let time = TimeRange::at(Timestamp::from_millis(*time));
            self.bounds = self.bounds.hull(time);
            self.explicit = true;
        }
        self.pending.push(column);
        if self.pending.len() > CHUNK {
            // One more than a chunk has come: the head cannot take them all.
            let last = self.pending.pop();
            self.finish_chunk();
            self.pending.extend(last);
        }
    }

    fn finish_chunk(&mut self) {
        self.chunks.push(encode_chunk(&self.pending, &self.rows));
        self.pending.clear();
    }

    /// The latest time of any row or sample, and the block.
    pub(crate) fn finish(mut self) -> (Timestamp, Encoded) {
        let inline = self.chunks.is_empty();
        if !inline && !self.pending.is_empty() {
            self.finish_chunk();
        }
        let mut dst = vec![
            VERSION,
            u8::from(inline) * INLINE + u8::from(self.explicit) * EXPLICIT,
        ];
        put_rows(&mut dst, &self.rows);
        if self.explicit {
            put_varint(&mut dst, self.bounds.start().as_millis());
            put_varint(&mut dst, self.bounds.end().as_millis());
        }
        put_uvarint(&mut dst, self.ordinals.len() as u64);
        if !self.ordinals.is_empty() {
            times::encode(&mut dst, &self.ordinals);
        }
        if inline {
            put_columns(&mut dst, &self.pending, &self.rows);
        }
        let encoded = Encoded {
            head: seal(dst),
            chunks: self.chunks,
        };
        (self.bounds.end(), encoded)
    }
}

fn put_rows(dst: &mut Vec<u8>, rows: &[RowHead]) {
    put_uvarint(dst, rows.len() as u64);
    let slots: Vec<i64> = rows.iter().map(|row| row.slot.as_millis()).collect();
    let late: Vec<i64> = rows
        .iter()
        .map(|row| row.at.as_millis().wrapping_sub(row.slot.as_millis()))
        .collect();
    times::encode(dst, &slots);
    times::encode(dst, &late);
    for run in rows.chunk_by(|a, b| a.stamp == b.stamp) {
        put_stamp(dst, &run[0].stamp);
        put_uvarint(dst, run.len() as u64);
    }
}

fn read_rows(reader: &mut Reader<'_>) -> Result<Vec<RowHead>, DecodeError> {
    let n = reader.count(MAX_ROWS)?;
    if n == 0 {
        return Err(reader.error("a block without rows"));
    }
    let slots = times::decode(reader, n)?;
    let late = times::decode(reader, n)?;
    let mut rows: Vec<RowHead> = Vec::with_capacity(n);
    while rows.len() < n {
        let stamp = read_stamp(reader)?;
        let length = reader.count(n - rows.len())?;
        if length == 0 {
            return Err(reader.error("an empty run of stamps"));
        }
        rows.extend((rows.len()..rows.len() + length).map(|i| RowHead {
            slot: Timestamp::from_millis(slots[i]),
            at: Timestamp::from_millis(slots[i].wrapping_add(late[i])),
            stamp,
        }));
    }
    match rows.is_sorted_by(|a, b| a.slot < b.slot) {
        true => Ok(rows),
        false => Err(reader.error("rows out of order")),
    }
}

fn encode_chunk(columns: &[Column], rows: &[RowHead]) -> Vec<u8> {
    let mut body = vec![VERSION];
    put_columns(&mut body, columns, rows);
    seal(body)
}

fn put_columns(dst: &mut Vec<u8>, columns: &[Column], rows: &[RowHead]) {
    let mut before: Option<&Column> = None;
    let mut body = Vec::new();
    for column in columns {
        body.clear();
        let same = |b: &&Column| b.rows == column.rows && b.times == column.times;
        let kind = match column.times.is_empty() {
            true => TIMES_OWN,
            false if before.filter(same).is_some() => TIMES_SAME,
            false => TIMES_FOLLOW,
        };
        body.push(kind + u8::from(!column.is_plain()) * BESIDE);
        presence::encode(&mut body, &column.rows, rows.len());
        if !column.is_plain() {
            let mut beside = Vec::new();
            let n = column.values.len();
            beside::encode(&mut beside, n, &column.histograms, &column.starts);
            put_bytes(&mut body, &beside);
        }
        floats::encode(&mut body, &column.values.to_numbers());
        if kind == TIMES_FOLLOW {
            put_times(&mut body, column, rows);
        }
        put_bytes(dst, &body);
        before = Some(column);
    }
}

/// Times as which samples have one, then the distances of those from their rows' times.
fn put_times(dst: &mut Vec<u8>, column: &Column, rows: &[RowHead]) {
    let explicit = (0..).zip(&column.times).filter(|(_, t)| **t != OWN_TIME);
    let places: Presence = explicit.clone().map(|(i, _)| i).collect();
    let distances: Vec<i64> = explicit
        .map(|(i, time)| {
            let row = &rows[column.rows.get(i as usize).expect("a time a row") as usize];
            time.wrapping_sub(row.at.as_millis())
        })
        .collect();
    presence::encode(dst, &places, column.times.len());
    times::encode(dst, &distances);
}

fn read_times(
    reader: &mut Reader<'_>,
    present: &Presence,
    rows: &[RowHead],
) -> Result<Vec<i64>, DecodeError> {
    let places = presence::decode(reader, present.len())?;
    if places.is_empty() {
        return Err(reader.error("no explicit times"));
    }
    let distances = times::decode(reader, places.len())?;
    let mut times = vec![OWN_TIME; present.len()];
    for (place, distance) in places.iter().zip(distances) {
        let place = place as usize;
        let row = present
            .get(place)
            .expect("places were read below its length");
        times[place] = rows[row as usize].at.as_millis().wrapping_add(distance);
    }
    Ok(times)
}

impl Layout {
    /// Reads a head.
    pub(crate) fn decode(head: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(open(head, VERSION)?);
        let flags = reader.u8()?;
        let rows = read_rows(&mut reader)?;
        let bounds = match flags & EXPLICIT {
            0 => rows
                .iter()
                .map(|row| TimeRange::at(row.at))
                .reduce(TimeRange::hull)
                .ok_or_else(|| reader.error("a block without rows"))?,
            _ => {
                let start = Timestamp::from_millis(reader.varint()?);
                let end = Timestamp::from_millis(reader.varint()?);
                TimeRange::new(start, end).map_err(|_| reader.error("bounds out of order"))?
            }
        };
        let n = reader.count(MAX_PLACES)?;
        let ordinals = match n {
            0 => Vec::new(),
            n => times::decode(&mut reader, n)?,
        };
        let ordinals = ordinals
            .into_iter()
            .map(|o| u32::try_from(o).map_err(|_| reader.error("ordinal out of bounds")))
            .collect::<Result<Vec<_>, _>>()?;
        let inline = match flags & INLINE {
            0 => {
                reader.finish()?;
                None
            }
            _ => Some(reader.rest().to_vec()),
        };
        Ok(Self {
            window: 0..rows.len(),
            lazy: false,
            rows,
            ordinals,
            bounds,
            inline,
        })
    }

    /// From now on reads no values of rows that are not in `range`, as far as they can be told apart, and leaves values
    /// encoded.
    pub(crate) fn narrow(&mut self, range: TimeRange) {
        let is_in = |row: &RowHead| range.contains(row.at);
        let first = self.rows.iter().position(is_in).unwrap_or(0);
        let end = self.rows.iter().rposition(is_in).map_or(0, |last| last + 1);
        self.window = first..end;
        self.lazy = true;
    }

    /// True if the columns are in the head.
    pub(crate) fn is_inline(&self) -> bool {
        self.inline.is_some()
    }

    /// The numbers of the chunks that have a column of `wanted`.
    pub(crate) fn chunks_of(&self, wanted: &RoaringBitmap) -> Vec<u16> {
        let chunks = self.ordinals.chunks(CHUNK).zip(0..);
        chunks
            .filter(|(ordinals, _)| ordinals.iter().any(|o| wanted.contains(*o)))
            .map(|(_, number)| number)
            .collect()
    }

    /// The ordinals of the columns in the chunk `number`.
    pub(crate) fn ordinals_of(&self, number: u16) -> RoaringBitmap {
        let from = usize::from(number) * CHUNK;
        let ordinals = self.ordinals.iter().skip(from).take(CHUNK);
        ordinals.copied().collect()
    }

    /// The bytes of a chunk that has `columns`.
    pub(crate) fn encode_chunk(&self, columns: &[Column]) -> Vec<u8> {
        encode_chunk(columns, &self.rows)
    }

    /// Adds the columns of `wanted` that the head has in itself.
    pub(crate) fn inline_columns(
        &self,
        wanted: &RoaringBitmap,
        dst: &mut Vec<Column>,
    ) -> Result<(), DecodeError> {
        match &self.inline {
            Some(columns) => self.read_columns(Reader::new(columns), &self.ordinals, wanted, dst),
            None => Ok(()),
        }
    }

    /// Adds the columns of `wanted` from the chunk `number`.
    pub(crate) fn chunk_columns(
        &self,
        number: u16,
        chunk: &[u8],
        wanted: &RoaringBitmap,
        dst: &mut Vec<Column>,
    ) -> Result<(), DecodeError> {
        let reader = Reader::new(open(chunk, VERSION)?);
        let from = (number as usize * CHUNK).min(self.ordinals.len());
        let to = (from + CHUNK).min(self.ordinals.len());
        self.read_columns(reader, &self.ordinals[from..to], wanted, dst)
    }

    fn read_columns(
        &self,
        mut reader: Reader<'_>,
        ordinals: &[u32],
        wanted: &RoaringBitmap,
        dst: &mut Vec<Column>,
    ) -> Result<(), DecodeError> {
        // A column that is not wanted may be the one whose times the next shares.
        let mut skipped: Option<&[u8]> = None;
        let mut last: Option<Column> = None;
        for ordinal in ordinals {
            let body = reader.bytes()?;
            let times = body.first().map(|kind| kind & TIMES);
            if times == Some(TIMES_FOLLOW) {
                skipped = Some(body);
            }
            if !wanted.contains(*ordinal) {
                continue;
            }
            let shared = match times {
                Some(TIMES_SAME) => match (skipped.take(), last.take()) {
                    (Some(body), _) => Some(self.read_column(body, Ordinal(0), None)?),
                    (None, last) => last,
                },
                _ => None,
            };
            let column = self.read_column(body, Ordinal(*ordinal), shared.as_ref())?;
            if column.rows.is_empty() {
                continue;
            }
            if !column.times.is_empty() {
                last = Some(column.clone());
                skipped = None;
            }
            dst.push(column);
        }
        reader.finish()
    }

    /// Reads those at `part` of `n` values; as numbers unless they are `alone`.
    fn read_values(
        &self,
        reader: &mut Reader<'_>,
        n: usize,
        part: Range<usize>,
        alone: bool,
    ) -> Result<Values, DecodeError> {
        match self.lazy && alone {
            true => Values::read(reader, n, part),
            false => Values::decode(reader, n, part),
        }
    }

    fn read_column(
        &self,
        body: &[u8],
        ordinal: Ordinal,
        before: Option<&Column>,
    ) -> Result<Column, DecodeError> {
        let mut reader = Reader::new(body);
        let kind = reader.u8()?;
        let mut rows = presence::decode(&mut reader, self.rows.len())?;
        if rows.is_empty() {
            return Err(reader.error("an empty column"));
        }
        let beside = match kind & BESIDE {
            0 => None,
            _ => Some(reader.bytes()?),
        };
        let (n, times) = (rows.len(), kind & !BESIDE);
        let (mut part, mut values, mut explicit) = (0..n, Values::default(), Vec::new());
        if times == TIMES_OWN && self.window != (0..self.rows.len()) {
            let place = |row: usize| rows.count_below(row as u32);
            part = place(self.window.start)..place(self.window.end);
            if !part.is_empty() {
                values = self.read_values(&mut reader, n, part.clone(), beside.is_none())?;
            }
            rows = rows.part(part.clone());
        } else {
            values =
                self.read_values(&mut reader, n, 0..n, times == TIMES_OWN && beside.is_none())?;
            explicit = match (times, before) {
                (TIMES_OWN, _) => Vec::new(),
                (TIMES_FOLLOW, _) => read_times(&mut reader, &rows, &self.rows)?,
                (TIMES_SAME, Some(before)) if before.times.len() == n => before.times.clone(),
                _ => return Err(reader.error("times are not known")),
            };
            reader.finish()?;
        }
        let mut column = Column {
            ordinal,
            rows,
            values,
            times: explicit,
            ..Column::default()
        };
        if let Some(beside) = beside.filter(|_| !part.is_empty()) {
            let mut reader = Reader::new(beside);
            let beside = beside::decode(&mut reader, n)?;
            reader.finish()?;
            (column.histograms, column.starts) = beside.of_part(part, column.values.tail());
        }
        Ok(column)
    }
}

#[cfg(test)]
mod tests;
