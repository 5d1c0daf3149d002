//! Segments and blocks in their families: how they are written and found.
use model::{GroupKey, TimeRange, Timestamp};
use roaring::RoaringBitmap;

use super::{EXPLICIT_BEFORE, Inner, select::Wanted};
use crate::{
    block::{Builder, Encoded, Layout},
    codec::DecodeError,
    error::TsdbError,
    keys::{DATA, Era, Key, KeyParts},
    row::DictionaryNo,
    store::{Entry, KeyRange, Scan, StoreError, StoreErrorKind},
    table::{Column, Table},
};

const HEAD: u8 = 0;
const CHUNK: u8 = 1;

/// Which block of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockId {
    pub(super) group: GroupKey,
    /// The latest time of any row or sample.
    pub(super) end: Timestamp,
    pub(super) dictionary: DictionaryNo,
    /// How far the group's rows were cut with it: a slot, or, in a pushed group, the number of a batch.
    pub(super) position: i64,
}

impl BlockId {
    fn key(self, part: u8) -> Key {
        Key::tag(DATA)
            .group(self.group)
            .byte(part)
            .time(self.end)
            .dictionary(self.dictionary)
            .time(Timestamp::from_millis(self.position))
    }

    fn of_head(key: &[u8]) -> Option<Self> {
        let mut parts = KeyParts(key);
        parts.tag()?;
        let group = parts.group()?;
        parts.tag()?;
        Some(Self {
            group,
            end: parts.time()?,
            dictionary: parts.dictionary()?,
            position: parts.time()?.as_millis(),
        })
    }

    /// The entries of the block, the head first.
    pub(super) fn entries(self, block: Encoded) -> impl Iterator<Item = Entry> {
        let chunks = block.chunks.into_iter().zip(0u16..);
        let chunks = chunks.map(move |(chunk, i)| (self.key(CHUNK).u16(i).bytes(), chunk));
        std::iter::once((self.key(HEAD).bytes(), block.head)).chain(chunks)
    }

    /// The entry of a part of the block (a chunk, or all of one whose head has the columns) with other values in it.
    pub(super) fn rewritten(
        self,
        layout: &Layout,
        chunk: Option<u16>,
        columns: Vec<Column>,
    ) -> Entry {
        match chunk {
            Some(number) => {
                let key = self.key(CHUNK).u16(number).bytes();
                (key, layout.encode_chunk(&columns))
            }
            None => {
                let mut builder = Builder::new(layout.rows.clone());
                columns.into_iter().for_each(|column| builder.push(column));
                let (_, block) = builder.finish();
                (self.key(HEAD).bytes(), block.head)
            }
        }
    }

    fn shown(self) -> String {
        let Self {
            group,
            end,
            dictionary,
            ..
        } = self;
        format!(
            "the block of group {group} up to {end} by dictionary {}",
            dictionary.0
        )
    }
}

/// Who reads: upkeep reads all once, and takes no room in memory from what queries read again and again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
    Query,
    Upkeep,
}

impl Inner {
    pub(super) fn scan(
        &self,
        reader: Reader,
        family: &str,
        range: KeyRange,
    ) -> Result<Scan<'_>, StoreError> {
        match reader {
            Reader::Query => self.store.scan(family, range),
            Reader::Upkeep => self.store.scan_once(family, range),
        }
    }

    /// The heads of the blocks of `group` in `family` that may have something in `range`, by their ends.
    /// What is broken is remembered and handed to `broken`.
    pub(super) fn heads(
        &self,
        reader: Reader,
        family: &str,
        group: GroupKey,
        range: TimeRange,
        broken: &mut dyn FnMut(TsdbError),
    ) -> Result<Vec<(BlockId, Layout)>, TsdbError> {
        let key = |part| Key::tag(DATA).group(group).byte(part);
        let from = key(HEAD).time(range.start()).bytes();
        let range_of_keys = KeyRange::between(from, key(CHUNK).bytes());
        let mut heads = Vec::new();
        for entry in self.scan(reader, family, range_of_keys)? {
            let Some((key, value)) = Self::sound(entry, broken)? else {
                continue;
            };
            let Some(id) = BlockId::of_head(&key) else {
                let (offset, what) = (0, "key is too short");
                let source = DecodeError { offset, what };
                broken(TsdbError::corrupt(family, "a block's key", source));
                continue;
            };
            let layout = match Layout::decode(&value) {
                Ok(layout) => layout,
                Err(source) => {
                    broken(TsdbError::corrupt(family, id.shown(), source));
                    continue;
                }
            };
            // No block is longer than a span of segments: beyond that and the slack, none reaches back into the range.
            if layout.rows[0].slot > range.end() + EXPLICIT_BEFORE + Era::Segments.length() {
                break;
            }
            heads.push((id, layout));
        }
        Ok(heads)
    }

    /// The heads of all blocks in `family`.
    pub(super) fn all_heads(
        &self,
        family: &str,
        broken: &mut dyn FnMut(TsdbError),
    ) -> Result<Vec<(BlockId, Layout)>, TsdbError> {
        let mut heads = Vec::new();
        for entry in self.scan(Reader::Upkeep, family, KeyRange::prefix(&[DATA]))? {
            let Some((key, value)) = Self::sound(entry, broken)? else {
                continue;
            };
            // The part stands behind the tag and the group.
            let Some(id) = BlockId::of_head(&key).filter(|_| key[9] == HEAD) else {
                continue;
            };
            match Layout::decode(&value) {
                Ok(layout) => heads.push((id, layout)),
                Err(source) => broken(TsdbError::corrupt(family, id.shown(), source)),
            }
        }
        Ok(heads)
    }

    /// The rows of a block, with the columns of `wanted`. What is broken is left out and handed to `broken`.
    pub(super) fn table(
        &self,
        reader: Reader,
        family: &str,
        id: BlockId,
        layout: &Layout,
        wanted: &RoaringBitmap,
        broken: &mut dyn FnMut(TsdbError),
    ) -> Result<Table, TsdbError> {
        let mut columns = Vec::new();
        if layout.is_inline() {
            if let Err(source) = layout.inline_columns(wanted, &mut columns) {
                broken(TsdbError::corrupt(family, id.shown(), source));
            }
        } else {
            for number in layout.chunks_of(wanted) {
                let wanted = (number, wanted);
                self.chunk(reader, (family, id, layout), wanted, &mut columns, broken)?;
            }
        }
        Ok(Table {
            dictionary: id.dictionary,
            position: id.position,
            rows: layout.rows.clone(),
            columns,
        })
    }

    /// A part of a block with all its columns: a chunk with the `ordinals` in it, or all of one whose head has the columns.
    /// None if it is broken, which is handed to `broken`.
    pub(super) fn part(
        &self,
        family: &str,
        id: BlockId,
        layout: &Layout,
        (chunk, ordinals): (Option<u16>, &RoaringBitmap),
        broken: &mut dyn FnMut(TsdbError),
    ) -> Result<Option<Table>, TsdbError> {
        let mut is_whole = true;
        let mut columns = Vec::new();
        let mut told = |error| {
            is_whole = false;
            broken(error);
        };
        match chunk {
            Some(chunk) => {
                let wanted = (chunk, ordinals);
                self.chunk(
                    Reader::Upkeep,
                    (family, id, layout),
                    wanted,
                    &mut columns,
                    &mut told,
                )?;
            }
            None => {
                if let Err(source) = layout.inline_columns(ordinals, &mut columns) {
                    told(TsdbError::corrupt(family, id.shown(), source));
                }
            }
        }
        Ok(is_whole.then(|| Table {
            dictionary: id.dictionary,
            position: id.position,
            rows: layout.rows.clone(),
            columns,
        }))
    }

    /// Adds those columns of `wanted` that a chunk has.
    fn chunk(
        &self,
        reader: Reader,
        (family, id, layout): (&str, BlockId, &Layout),
        (number, wanted): (u16, &RoaringBitmap),
        columns: &mut Vec<Column>,
        broken: &mut dyn FnMut(TsdbError),
    ) -> Result<(), TsdbError> {
        let key = id.key(CHUNK).u16(number).bytes();
        let read = match reader {
            Reader::Query => self.store.get(family, &key),
            Reader::Upkeep => self.store.get_once(family, &key),
        };
        let chunk = match read {
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                broken(error.into());
                return Ok(());
            }
            read => read?,
        };
        let (offset, what) = (0, "chunk is missing");
        let read = chunk
            .ok_or(DecodeError { offset, what })
            .and_then(|chunk| layout.chunk_columns(number, &chunk, wanted, columns));
        if let Err(source) = read {
            let what = format!("chunk {number} of {}", id.shown());
            broken(TsdbError::corrupt(family, what, source));
        }
        Ok(())
    }

    /// Adds what the blocks of `group` in `family` have of `wanted` in `range`: all rows, and the wanted columns.
    /// Of a pushed group, where absence says nothing, only the blocks that may have a wanted column.
    pub(super) fn read_blocks(
        &self,
        family: &str,
        group: GroupKey,
        wanted: &Wanted,
        range: TimeRange,
        tables: &mut Vec<Table>,
        broken: &mut dyn FnMut(TsdbError),
    ) -> Result<(), TsdbError> {
        let none = RoaringBitmap::new();
        for (id, mut layout) in self.heads(Reader::Query, family, group, range, broken)? {
            let is_wanted = !group.is_pushed() || wanted.contains_key(&id.dictionary);
            if is_wanted && layout.bounds.overlaps(range) {
                let wanted = wanted.get(&id.dictionary).unwrap_or(&none);
                layout.narrow(range);
                tables.push(self.table(Reader::Query, family, id, &layout, wanted, broken)?);
            }
        }
        Ok(())
    }
}
