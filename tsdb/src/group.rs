//! A group in memory: its dictionaries, and the rows that no segment holds yet.
use model::{GroupKey, Labels, Millis, RowHead, Timestamp};

use crate::{
    dictionary::Dictionary,
    error::TsdbError,
    row::{DictionaryNo, Ordinal, PackedRow},
};

/// A dictionary of fewer places is never begun anew.
const SMALL_DICTIONARY: usize = 256;

/// Of 96 places of a dictionary so many are in held rows at the least, or it is begun anew, …
const FULL: usize = 56;
/// … and so many more in some groups, by their keys: groups that churn together, as all of one rollout do, are not to
/// begin anew together, or memory would rise and fall with all of them.
const FULLER: u64 = 16;

/// A group whose newest row is older is gone, …
const GONE: Millis = Millis::from_seconds(15 * 60);
/// … if that is so many times as long as from its row before to that.
const GAPS: i64 = 4;

/// A row of the head.
#[derive(Clone, Debug)]
pub(crate) struct HeldRow {
    pub(crate) head: RowHead,
    /// The span of 15 minutes whose family holds its record.
    pub(crate) generation: i64,
    pub(crate) values: PackedRow,
}

/// All that memory holds of one group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    /// Oldest first; the last is the one that rows are appended by. Older ones wait until their data is in blocks.
    pub(crate) dictionaries: Vec<Dictionary>,
    /// Ascending by slot.
    pub(crate) rows: Vec<HeldRow>,
    /// The newest slot that was ever appended, held or cut.
    pub(crate) last: Option<Timestamp>,
    /// How long before its newest row the one before came, where that is known.
    gap: Option<Millis>,
    /// How many rows make the next segment.
    pub(crate) rows_to_cut: usize,
    /// How many series the newest row has.
    pub(crate) n_active: usize,
    /// True once nothing of it is in memory any more and the table of groups has let it go.
    pub(crate) evicted: bool,
}

/// What a row is to the group that it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is newer than all others.
    Newest,
    /// It wins over the held row at this place.
    Replaces(usize),
    /// The held row of its slot is as good or better.
    Loses,
}

impl Group {
    /// A group without rows. The first segment is cut early, by a number from the key: groups that began together, as at
    /// a start, are cut evenly over time, and memory does not rise and fall with all of them.
    pub(crate) fn new(key: GroupKey, dictionary: DictionaryNo, rows_per_segment: usize) -> Self {
        let early = key.0 % rows_per_segment.max(1) as u64;
        Self {
            key,
            dictionaries: vec![Dictionary::new(dictionary)],
            rows: Vec::new(),
            last: None,
            gap: None,
            rows_to_cut: early as usize + 1,
            n_active: 0,
            evicted: false,
        }
    }

    /// The dictionary that rows are appended by.
    pub(crate) fn current(&self) -> &Dictionary {
        self.dictionaries
            .last()
            .expect("a group always has a dictionary")
    }

    pub(crate) fn current_mut(&mut self) -> &mut Dictionary {
        self.dictionaries
            .last_mut()
            .expect("a group always has a dictionary")
    }

    pub(crate) fn dictionary(&self, number: DictionaryNo) -> Option<&Dictionary> {
        self.dictionaries.iter().find(|d| d.number == number)
    }

    pub(crate) fn dictionary_mut(&mut self, number: DictionaryNo) -> Option<&mut Dictionary> {
        self.dictionaries.iter_mut().find(|d| d.number == number)
    }

    /// Gives `labels` places in the current dictionary, or, if too many places of that are empty or some of them may have
    /// none there, in a new one numbered `next`. Returns the places.
    pub(crate) fn define(
        &mut self,
        labels: &[Labels],
        may_have: &dyn Fn(&Labels, GroupKey, DictionaryNo) -> bool,
        next: impl FnOnce() -> DictionaryNo,
    ) -> Vec<Ordinal> {
        let (key, current) = (self.key, self.current());
        let mut fresh = labels
            .iter()
            .filter(|l| current.find(l).is_none())
            .peekable();
        let some_fresh = fresh.peek().is_some();
        let may_all = fresh.all(|labels| may_have(labels, key, current.number));
        if some_fresh && (!may_all || self.is_mostly_empty()) {
            self.dictionaries.push(Dictionary::new(next()));
        }
        let dictionary = self.current_mut();
        dictionary.extend(labels);
        labels
            .iter()
            .map(|l| dictionary.find(l).expect("all were just put in"))
            .collect()
    }

    /// True if at the instant `now` no more rows are awaited.
    pub(crate) fn is_gone(&self, now: Timestamp) -> bool {
        let gap = self.gap.unwrap_or(GONE).as_millis();
        let wait = Millis::new(gap.saturating_mul(GAPS)).max(GONE);
        self.last.is_some_and(|last| last + wait < now)
    }

    /// The dictionaries by which no row is held and, as it seems at the instant `now`, none will come.
    pub(crate) fn idle(&self, now: Timestamp) -> impl Iterator<Item = DictionaryNo> {
        let (current, rows) = (self.current().number, &self.rows);
        let is_gone = self.is_gone(now);
        let idle = move |number: &DictionaryNo| {
            let mut rows = rows.iter();
            (is_gone || *number != current) && !rows.any(|row| row.values.dictionary() == *number)
        };
        self.dictionaries.iter().map(|d| d.number).filter(idle)
    }

    /// True if fewer than about two thirds of the current dictionary's places are in any held row by it: empty places
    /// take memory in every row.
    fn is_mostly_empty(&self) -> bool {
        let (n, number) = (self.current().len(), self.current().number);
        if n < SMALL_DICTIONARY {
            return false;
        }
        let mut rows = self.rows.iter().map(|r| &r.values);
        // Without rows nothing is known.
        if !rows.any(|values| values.dictionary() == number && !values.is_empty()) {
            return false;
        }
        let held = |place| {
            let mut rows = self.rows.iter().map(|r| &r.values);
            rows.any(|values| values.dictionary() == number && values.has(place))
        };
        let full = FULL + (self.key.0 % FULLER) as usize;
        (0..n).filter(|place| held(*place)).count() < n * full / 96
    }

    /// What a row with `head` is to this group.
    pub(crate) fn judge(&self, head: &RowHead) -> Result<Verdict, TsdbError> {
        let Some(last) = self.last.filter(|last| head.slot <= *last) else {
            return Ok(Verdict::Newest);
        };
        match self.rows.binary_search_by_key(&head.slot, |r| r.head.slot) {
            Ok(i) if head.stamp.wins_over(&self.rows[i].head.stamp) => Ok(Verdict::Replaces(i)),
            Ok(_) => Ok(Verdict::Loses),
            Err(_) => Err(TsdbError::OutOfOrder {
                group: self.key,
                slot: head.slot,
                last,
            }),
        }
    }

    /// Takes the row in, as judged, and gives the one that it replaces.
    pub(crate) fn take(&mut self, verdict: Verdict, row: HeldRow) -> Option<HeldRow> {
        let newest = self.last.is_none_or(|last| row.head.slot >= last);
        if newest {
            self.n_active = row.values.len();
            let before = self.last.filter(|last| *last < row.head.slot);
            self.gap = before.map(|last| row.head.slot - last).or(self.gap);
            self.last = Some(row.head.slot);
        }
        match verdict {
            Verdict::Newest => {
                self.rows.push(row);
                None
            }
            Verdict::Replaces(i) => Some(std::mem::replace(&mut self.rows[i], row)),
            Verdict::Loses => Some(row),
        }
    }
}
