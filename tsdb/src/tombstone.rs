//! Tombstones: what was deleted, until it is written anew without it.
//!
//! A tombstone says which series, which times, and up to where: samples that come later are not touched by it, also if they
//! lie in its range. Of dictionaries that were in memory and had a selected series it has the position that their groups
//! had reached; data by a dictionary that was not in memory any more is all from before; dictionaries from its number on
//! are from after. A selected series that comes after the deletion never gets a place in a dictionary from before it, so
//! those in memory without selected series need no mark.
use std::collections::BTreeMap;

use model::{GroupKey, Labels, MatchOp, Matcher, TimeRange, Timestamp};

use crate::{
    codec::{DecodeError, Reader, open, put_bytes, put_uvarint, put_varint, seal},
    row::{DictionaryNo, OWN_TIME, Ordinal},
    table::Table,
};

const VERSION: u8 = 1;
const OPS: [MatchOp; 4] = [
    MatchOp::Equal,
    MatchOp::NotEqual,
    MatchOp::Regex,
    MatchOp::NotRegex,
];

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tombstone {
    /// Series on which all of one of these pass.
    pub(crate) selectors: Vec<Vec<Matcher>>,
    pub(crate) range: TimeRange,
    /// Dictionaries from this number on are younger.
    pub(crate) before: DictionaryNo,
    /// Up to which position data is deleted: a slot, or, in a pushed group, the number of a batch.
    pub(crate) marks: BTreeMap<(GroupKey, DictionaryNo), i64>,
}

impl Tombstone {
    /// True if it is about the series.
    pub(crate) fn selects(&self, labels: &Labels) -> bool {
        let mut selectors = self.selectors.iter();
        selectors.any(|matchers| Matcher::all_match(matchers, labels))
    }

    /// Up to which position data of a group by a dictionary is deleted; none if it is younger.
    fn position(&self, group: GroupKey, dictionary: DictionaryNo) -> Option<i64> {
        let position = self.marks.get(&(group, dictionary)).copied();
        (dictionary < self.before).then(|| position.unwrap_or(i64::MAX))
    }

    /// Puts [`model::DELETED_NAN`] in the place of what is deleted of a table of `group`, whose series `labels` names.
    /// True if anything was.
    pub(crate) fn bury<'a>(
        &self,
        group: GroupKey,
        table: &mut Table,
        labels: impl Fn(Ordinal) -> Option<&'a Labels>,
    ) -> bool {
        let Some(position) = self.position(group, table.dictionary) else {
            return false;
        };
        // A pushed group's table holds what came up to its position; what comes after a deletion is not mixed with what
        // came before.
        if group.is_pushed() && table.position > position {
            return false;
        }
        let mut any = false;
        let rows = &table.rows;
        for column in &mut table.columns {
            if !labels(column.ordinal).is_some_and(|labels| self.selects(labels)) {
                continue;
            }
            for i in 0..column.rows.len() {
                let row = column.rows.get(i).expect("below its length");
                let row = &rows[row as usize];
                let at = match column.times.get(i) {
                    None | Some(&OWN_TIME) => row.at,
                    Some(millis) => Timestamp::from_millis(*millis),
                };
                let is_before = group.is_pushed() || row.slot.as_millis() <= position;
                if is_before && self.range.contains(at) {
                    column.bury(i);
                    any = true;
                }
            }
        }
        any
    }

    /// The bytes that are kept of it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut dst = vec![VERSION];
        put_varint(&mut dst, self.range.start().as_millis());
        put_varint(&mut dst, self.range.end().as_millis());
        put_uvarint(&mut dst, u64::from(self.before.0));
        put_uvarint(&mut dst, self.selectors.len() as u64);
        for matchers in &self.selectors {
            put_uvarint(&mut dst, matchers.len() as u64);
            for matcher in matchers {
                let op = OPS.iter().position(|op| *op == matcher.op());
                dst.push(op.expect("all operators are listed") as u8);
                put_bytes(&mut dst, matcher.name().as_bytes());
                put_bytes(&mut dst, matcher.value().as_bytes());
            }
        }
        put_uvarint(&mut dst, self.marks.len() as u64);
        for ((group, dictionary), position) in &self.marks {
            dst.extend_from_slice(&group.0.to_le_bytes());
            put_uvarint(&mut dst, u64::from(dictionary.0));
            put_varint(&mut dst, *position);
        }
        seal(dst)
    }

    /// What [`Tombstone::encode`] wrote.
    pub(crate) fn decode(src: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(open(src, VERSION)?);
        let start = Timestamp::from_millis(reader.varint()?);
        let end = Timestamp::from_millis(reader.varint()?);
        let range = TimeRange::new(start, end).map_err(|_| reader.error("range out of order"))?;
        let before = read_number(&mut reader)?;
        let n_selectors = reader.count(reader.rest().len())?;
        let mut selectors = Vec::new();
        for _ in 0..n_selectors {
            let n_matchers = reader.count(reader.rest().len())?;
            let matchers = (0..n_matchers).map(|_| read_matcher(&mut reader));
            selectors.push(matchers.collect::<Result<_, _>>()?);
        }
        let mut marks = BTreeMap::new();
        for _ in 0..reader.count(reader.rest().len())? {
            let group = GroupKey(reader.u64_le()?);
            let dictionary = read_number(&mut reader)?;
            marks.insert((group, dictionary), reader.varint()?);
        }
        reader.finish()?;
        Ok(Self {
            selectors,
            range,
            before,
            marks,
        })
    }
}

fn read_number(reader: &mut Reader<'_>) -> Result<DictionaryNo, DecodeError> {
    let number = u32::try_from(reader.uvarint()?);
    let number = number.map_err(|_| reader.error("dictionary number out of bounds"))?;
    Ok(DictionaryNo(number))
}

fn read_matcher(reader: &mut Reader<'_>) -> Result<Matcher, DecodeError> {
    let op = OPS.get(usize::from(reader.u8()?));
    let op = *op.ok_or_else(|| reader.error("operator is not known"))?;
    let (name, value) = (reader.text()?, reader.text()?);
    Matcher::new(op, name, value).map_err(|_| reader.error("pattern does not compile"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    fn tombstone() -> Tombstone {
        let range = TimeRange::new(Timestamp::from_millis(10), Timestamp::from_millis(20));
        Tombstone {
            selectors: vec![
                vec![Matcher::equal("__name__", "up")],
                vec![Matcher::new(MatchOp::NotRegex, "pod", "a.*").unwrap()],
            ],
            range: range.unwrap(),
            before: DictionaryNo(9),
            marks: BTreeMap::from([((GroupKey(7), DictionaryNo(3)), -5)]),
        }
    }

    #[test]
    fn golden_bytes() {
        let bytes = tombstone().encode();
        expect!["01 14 28 09 02 01 00 08 5f 5f 6e 61 6d 65 5f 5f 02 75 70 01 03 03 70 6f 64 03 61 2e 2a 01 07 00 00 00 00 00 00 00 03 09 06 f2 85 5e"].assert_eq(&crate::codec::hex(&bytes));
        assert_eq!(Tombstone::decode(&bytes), Ok(tombstone()));
    }

    #[test]
    fn what_is_younger_is_not_touched() {
        let tombstone = tombstone();
        let position = |group, number| tombstone.position(GroupKey(group), DictionaryNo(number));
        assert_eq!(position(7, 3), Some(-5));
        assert_eq!(position(7, 4), Some(i64::MAX));
        assert_eq!(position(7, 9), None);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
            let mut body = vec![VERSION];
            body.extend(bytes);
            let _ = Tombstone::decode(&seal(body));
        }
    }
}
