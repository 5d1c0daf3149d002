//! Marks: up to which slot the rows of a group by one dictionary are cut.
//!
//! In a family of segments they are also the list of who has segments there. In a family of rows they say which rows
//! a restart must skip. They are kept by dictionary, since a group that was forgotten and came back with a new one may
//! bring rows from before.
use model::{GroupKey, Timestamp};

use super::Inner;
use crate::{
    codec::{DecodeError, Reader, open, put_varint, seal},
    error::TsdbError,
    keys::{Era, Key, KeyParts, MARK},
    row::DictionaryNo,
    store::KeyRange,
};

const VERSION: u8 = 1;

pub(super) const TRUNCATED: DecodeError = DecodeError {
    offset: 0,
    what: "key is too short",
};

pub(super) fn key(group: GroupKey, dictionary: DictionaryNo) -> Vec<u8> {
    Key::tag(MARK).group(group).dictionary(dictionary).bytes()
}

pub(super) fn value(cut: Timestamp) -> Vec<u8> {
    let mut body = vec![VERSION];
    put_varint(&mut body, cut.as_millis());
    seal(body)
}

impl Inner {
    /// All marks of a family. Of one that is broken the slot is the earliest: rows that are loaded twice do no harm.
    /// Where marks are missing in a family of segments, the segments themselves tell whose they are.
    pub(super) fn marks(
        &self,
        family: &str,
    ) -> Result<Vec<(GroupKey, DictionaryNo, Timestamp)>, TsdbError> {
        let (mut marks, mut is_whole) = (Vec::new(), true);
        for entry in self.store.scan(family, KeyRange::prefix(&[MARK]))? {
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
            let cut = open(&value, VERSION).and_then(|body| Reader::new(body).varint());
            let cut = cut.unwrap_or_else(|source| {
                let what = format!("the mark of group {group}");
                self.damage(TsdbError::corrupt(family, what, source));
                i64::MIN
            });
            marks.push((group, dictionary, Timestamp::from_millis(cut)));
        }
        if !is_whole && Era::Segments.is_of(family) {
            let heads = self.all_heads(family, &mut |error| self.damage(error))?;
            marks.extend(
                heads
                    .into_iter()
                    .map(|(id, _)| (id.group, id.dictionary, Timestamp::MIN)),
            );
        }
        Ok(marks)
    }
}
