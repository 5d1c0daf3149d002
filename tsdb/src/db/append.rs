//! Appending: one durable record a row, and a copy in the head.
use std::sync::{Arc, atomic::Ordering::Relaxed};

use model::{GroupKey, Labels, ResetHint, RowHead, Timestamp, histogram::hint_after};

use super::{EXPLICIT_AFTER, EXPLICIT_BEFORE, Inner, MAX_AHEAD, MAX_LATE, Tsdb};
use crate::{
    dictionary::StoreMark,
    error::TsdbError,
    group::{Group, HeldRow, Verdict},
    keys::{DATA, Era, Key},
    record,
    row::{DictionaryNo, Ordinal, PackedRow, RowValues},
    store::Batch,
};

/// The places of series in their group's dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defined {
    /// The dictionary. If it is not the one that the caller knew, all that it knew of ordinals is void.
    pub dictionary: DictionaryNo,
    /// One for each label set that was given.
    pub ordinals: Vec<Ordinal>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is the group's newest.
    Stored,
    /// It won over the row that was held for its slot.
    Replaced,
    /// The row that is held for its slot is as good or better: nothing was changed.
    Ignored,
}

impl Tsdb {
    /// Gives each of `labels` its place in the dictionary of `group`.
    ///
    /// When new series come and most places are empty, the dictionary is begun anew: the caller sees a new
    /// [`Defined::dictionary`] and defines the rest of its page again. Places become durable with the first row after.
    pub fn define(&self, group: GroupKey, labels: &[Labels]) -> Defined {
        loop {
            let held = self.inner.group_or_new(group);
            let mut held = held.lock();
            // A group that was let go between the look-up and the lock is looked up again.
            if !held.evicted {
                return self.inner.define(&mut held, labels);
            }
        }
    }

    /// [`Tsdb::define`], but asks `admit` about those of `labels` that are in none of the group's dictionaries in memory;
    /// what is not admitted is at [`Ordinal::REFUSED`].
    pub fn define_admitted(
        &self,
        group: GroupKey,
        labels: &[Labels],
        mut admit: impl FnMut(&Labels) -> bool,
    ) -> Defined {
        loop {
            let held = self.inner.group_or_new(group);
            let mut held = held.lock();
            if held.evicted {
                continue;
            }
            let known = |labels: &Labels| {
                let mut dictionaries = held.dictionaries.iter().rev();
                dictionaries.any(|dictionary| dictionary.find(labels).is_some())
            };
            let admitted: Vec<bool> = labels.iter().map(|l| known(l) || admit(l)).collect();
            if admitted.iter().all(|admitted| *admitted) {
                return self.inner.define(&mut held, labels);
            }
            let let_in = labels
                .iter()
                .zip(&admitted)
                .filter(|(_, admitted)| **admitted);
            let let_in: Vec<Labels> = let_in.map(|(labels, _)| labels.clone()).collect();
            let defined = self.inner.define(&mut held, &let_in);
            let mut ordinals = defined.ordinals.into_iter();
            let ordinals = admitted.into_iter().map(|admitted| match admitted {
                true => ordinals.next().unwrap_or(Ordinal::REFUSED),
                false => Ordinal::REFUSED,
            });
            return Defined {
                dictionary: defined.dictionary,
                ordinals: ordinals.collect(),
            };
        }
    }

    /// Appends one row to `group`: writes its record (durable after [`Tsdb::sync`]) and holds it in the head.
    ///
    /// # Errors
    /// [`TsdbError::VoidDictionary`] if the values are not by the present dictionary; [`TsdbError::OutOfOrder`] and
    /// [`TsdbError::OutOfBounds`], which are counted; what the store says, and then the row is not held.
    pub fn append(
        &self,
        group: GroupKey,
        head: RowHead,
        values: &RowValues,
    ) -> Result<Appended, TsdbError> {
        loop {
            let rows = vec![(0, head, PackedRow::of(values))];
            let held = self.inner.group_or_new(group);
            let mut held = held.lock();
            if !held.evicted {
                let mut result = self.inner.append(&mut [(&mut held, rows)])?;
                return result.pop().expect("one row gives one result").1;
            }
        }
    }
}

/// Rows for one group, each with the place where its result belongs.
type Work<'a> = (&'a mut Group, Vec<(usize, RowHead, PackedRow)>);
type Outcome = (usize, Result<Appended, TsdbError>);

impl Inner {
    fn define(&self, group: &mut Group, labels: &[Labels]) -> Defined {
        self.tombstones.define(|may_have| {
            let next = || self.numbers.lock().take();
            let ordinals = group.define(labels, may_have, next);
            let (key, dictionary) = (group.key, group.current_mut());
            if dictionary.ids.len() < dictionary.len() {
                self.index.write().add(key, dictionary);
            }
            Defined {
                dictionary: dictionary.number,
                ordinals,
            }
        })
    }

    /// Judges, writes in one batch, and then holds the rows of several groups.
    fn append(&self, work: &mut [Work<'_>]) -> Result<Vec<Outcome>, TsdbError> {
        let n_rows = work.iter().map(|(_, rows)| rows.len()).sum();
        let generation = self.generations.lock().enter(n_rows);
        let done = self.append_into(generation, work);
        // What was not held, or replaced a row of this generation, no longer counts.
        let held = done.as_ref().map_or(0, |(_, n_held)| *n_held);
        self.generations.lock().leave(generation, n_rows - held);
        done.map(|(outcomes, _)| outcomes)
    }

    fn append_into(
        &self,
        generation: i64,
        work: &mut [Work<'_>],
    ) -> Result<(Vec<Outcome>, usize), TsdbError> {
        let (mut batch, mut outcomes) = (Batch::new(), Vec::new());
        let family = Era::Rows.family(generation);
        let mut marks: Vec<(usize, DictionaryNo, StoreMark)> = Vec::new();
        let mut ready: Vec<Vec<(usize, Verdict, HeldRow)>> = Vec::with_capacity(work.len());
        for (g, (group, rows)) in work.iter_mut().enumerate() {
            let mut accepted: Vec<(usize, Verdict, HeldRow)> = Vec::with_capacity(rows.len());
            for (i, head, values) in rows.drain(..) {
                // The second sample of a slot within one batch loses like one that comes later.
                if accepted
                    .iter()
                    .any(|(_, _, row)| row.head.slot == head.slot)
                {
                    outcomes.push((i, Ok(Appended::Ignored)));
                    continue;
                }
                let newest = accepted.iter().map(|(_, _, row)| row.head.slot).max();
                match self.accept(group, &head, values, newest) {
                    Ok((Verdict::Loses, _)) => outcomes.push((i, Ok(Appended::Ignored))),
                    Ok((verdict, values)) => {
                        let key = Key::tag(DATA).group(group.key).time(head.slot).bytes();
                        batch.put(&family, key, record::encode(&head, &values));
                        let row = HeldRow {
                            head,
                            generation,
                            values,
                        };
                        accepted.push((i, verdict, row));
                    }
                    Err(error) => {
                        self.counters.refused.fetch_add(1, Relaxed);
                        outcomes.push((i, Err(error)));
                    }
                }
            }
            for (_, _, row) in &accepted {
                let (number, day) = (row.values.dictionary(), Era::Series.of(row.head.slot));
                let key = group.key;
                if let Some(dictionary) = group.dictionary(number)
                    && !dictionary.is_stored(day)
                {
                    let mark = dictionary.store(key, day, &mut batch);
                    marks.push((g, number, mark));
                }
            }
            ready.push(accepted);
        }
        if !batch.is_empty() {
            self.write(batch)?;
        }
        for (g, number, mark) in marks {
            if let Some(dictionary) = work[g].0.dictionary_mut(number) {
                dictionary.mark_stored(mark);
            }
        }
        let mut n_held = 0;
        for ((group, _), rows) in work.iter_mut().zip(ready) {
            for (i, verdict, row) in rows {
                n_held += self.hold(group, verdict, row);
                outcomes.push((
                    i,
                    Ok(match verdict {
                        Verdict::Newest => Appended::Stored,
                        Verdict::Replaces(_) | Verdict::Loses => Appended::Replaced,
                    }),
                ));
            }
        }
        Ok((outcomes, n_held))
    }

    /// Checks a row; `newest` is the newest slot of those before it in the same batch.
    fn accept(
        &self,
        group: &Group,
        head: &RowHead,
        values: PackedRow,
        newest: Option<Timestamp>,
    ) -> Result<(Verdict, PackedRow), TsdbError> {
        let current = group.current();
        let void = values.dictionary() != current.number || values.n_places() > current.len();
        if void && !values.is_empty() {
            return Err(TsdbError::VoidDictionary {
                group: group.key,
                dictionary: values.dictionary(),
            });
        }
        let (oldest, latest) = (self.oldest_kept(), self.now() + MAX_AHEAD);
        let late = (head.at - head.slot).as_millis().saturating_abs();
        if head.slot < oldest || head.slot > latest || late > MAX_LATE.as_millis() {
            return Err(TsdbError::OutOfBounds {
                group: group.key,
                slot: head.slot,
                oldest,
                newest: latest,
            });
        }
        if let Some(last) = newest.filter(|last| head.slot < *last)
            && group.judge(head).is_ok_and(|v| v == Verdict::Newest)
        {
            return Err(TsdbError::OutOfOrder {
                group: group.key,
                slot: head.slot,
                last,
            });
        }
        let verdict = group.judge(head)?;
        if values.is_empty() {
            // Such a row may come by any dictionary, or before there is one.
            return Ok((verdict, PackedRow::empty(current.number)));
        }
        let mut values = self.within_window(head, values);
        if verdict == Verdict::Newest {
            hint(&mut values, group);
        }
        Ok((verdict, values))
    }

    /// `values` without samples whose explicit time lies too far from their slot; those are counted.
    fn within_window(&self, head: &RowHead, values: PackedRow) -> PackedRow {
        let (from, to) = (head.slot - EXPLICIT_BEFORE, head.slot + EXPLICIT_AFTER);
        let outside = |time: Option<Timestamp>| time.is_some_and(|time| time < from || to < time);
        let is_outside = |place| outside(values.explicit_time(place));
        if !values.has_times() || !values.places().any(is_outside) {
            return values;
        }
        let values = values.unpacked();
        let mut kept = RowValues::new(values.dictionary());
        for (ordinal, _, time) in values.iter() {
            if outside(time) {
                self.counters.samples_out_of_window.fetch_add(1, Relaxed);
            } else {
                kept.set_as(&values, ordinal);
            }
        }
        PackedRow::of(&kept)
    }

    /// Takes a row that is written into the head; returns how many more rows its generation holds.
    fn hold(&self, group: &mut Group, verdict: Verdict, row: HeldRow) -> usize {
        let generation = row.generation;
        self.saw(row.head.at);
        self.is_active_at(row.head.slot);
        self.counters.rows.fetch_add(1, Relaxed);
        let n_samples = row.values.len() as u64;
        self.counters.samples.fetch_add(n_samples, Relaxed);
        let taken = group.take(verdict, row);
        if verdict == Verdict::Newest && group.rows.len() == group.rows_to_cut {
            self.due.lock().push(group.key);
        }
        match taken {
            Some(replaced) if replaced.generation == generation => 0,
            Some(replaced) => {
                self.generations.lock().leave(replaced.generation, 1);
                1
            }
            None => 1,
        }
    }
}

/// Gives each histogram of a row that comes behind all others of `group` the hint that follows from the one before it.
fn hint(values: &mut PackedRow, group: &Group) {
    let before = group.rows.last().map(|row| &row.values);
    let before = before.filter(|before| before.dictionary() == values.dictionary());
    for (place, histogram) in values.histograms_mut() {
        let hint = match histogram.reset_hint {
            known @ (ResetHint::Gauge | ResetHint::Reset) => known,
            // Whoever exposes a histogram cannot know what is stored before it.
            ResetHint::Unknown | ResetHint::NotReset => before
                .and_then(|before| before.histogram(Ordinal(place)))
                .map_or(ResetHint::Unknown, |before| hint_after(histogram, before)),
        };
        if hint != histogram.reset_hint {
            *histogram = Arc::clone(histogram).with_hint(hint);
        }
    }
}
