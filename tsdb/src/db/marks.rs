//! Marks: how far the rows of a group by one dictionary are cut: up to which slot, or, in a pushed group, up to which batch.
//!
//! In a family of segments they are also the list of who has segments there. In a family of rows they say which rows
//! a restart must skip. They are kept by dictionary, since a group that was forgotten and came back with a new one may
//! bring rows from before.
use model::{GroupKey, Timestamp};

use super::Inner;
use crate::{
    codec::{DecodeError, Reader, open, put_varint, seal},
    error::TsdbError,
    keys::{Era, Key, KeyParts, MARK, Span},
    row::DictionaryNo,
};

const VERSION: u8 = 1;

pub(super) const TRUNCATED: DecodeError = DecodeError {
    offset: 0,
    what: "key is too short",
};

pub(super) fn key(group: GroupKey, dictionary: DictionaryNo) -> Vec<u8> {
    Key::tag(MARK).group(group).dictionary(dictionary).bytes()
}

/// A mark: all up to `position` is cut, and the latest time among it is `newest`.
pub(super) fn value(position: i64, newest: Timestamp) -> Vec<u8> {
    let mut body = vec![VERSION];
    put_varint(&mut body, position);
    put_varint(&mut body, newest.as_millis());
    seal(body)
}

/// A mark as it is found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) group: GroupKey,
    pub(super) dictionary: DictionaryNo,
    /// A slot in milliseconds, or, in a pushed group, the number of a batch.
    pub(super) position: i64,
    /// None if the mark is broken.
    pub(super) newest: Option<Timestamp>,
}

impl Inner {
    /// The marks of a family that are of groups in `span`. Of one that is broken the position is the first: rows that are loaded twice do no harm.
    /// Where marks are missing in a family of segments, the segments themselves tell whose they are.
    pub(super) fn marks(&self, family: &str, span: Span) -> Result<Vec<Mark>, TsdbError> {
        let (mut marks, mut is_whole) = (Vec::new(), true);
        for entry in self.store.scan_once(family, span.keys(&[MARK]))? {
            let mut broken = |error| {
                is_whole = false;
                self.damage(error);
            };
            let Some((key, value)) = Self::sound(entry, &mut broken)? else {
                continue;
            };
            let mut parts = KeyParts(&key);
            let (Some(_), Some(group), Some(dictionary)) =
                (parts.tag(), parts.group(), parts.dictionary())
            else {
                self.damage(TsdbError::corrupt(family, "a mark's key", TRUNCATED));
                continue;
            };
            let read = || {
                let mut reader = Reader::new(open(&value, VERSION)?);
                Ok((reader.varint()?, reader.varint()?))
            };
            let read = read().map_err(|source| {
                let what = format!("the mark of group {group}");
                self.damage(TsdbError::corrupt(family, what, source));
            });
            marks.push(Mark {
                group,
                dictionary,
                position: read.map_or(i64::MIN, |(position, _)| position),
                newest: read.ok().map(|(_, newest)| Timestamp::from_millis(newest)),
            });
        }
        if !is_whole && Era::Segments.is_of(family) {
            let heads = self.all_heads(family, &mut |error| self.damage(error))?;
            let heads = heads.into_iter().filter(|(id, _)| span.has(id.group));
            marks.extend(heads.map(|(id, _)| Mark {
                group: id.group,
                dictionary: id.dictionary,
                position: i64::MIN,
                newest: None,
            }));
        }
        Ok(marks)
    }
}
