//! The columns of several tables, put together series by series.
use std::ops::Range;

use foldhash::HashMap;
use model::Labels;

use super::{Column, Table};
use crate::row::{DictionaryNo, Ordinal};

/// Where each row of a table goes, if it goes anywhere.
pub(super) type Places = Vec<Option<u32>>;

/// Leaves a place only to the rows that are `kept`, which move together.
pub(super) fn keep(kept: &[bool], places: &mut [Places]) {
    let mut next = 0;
    let renumbered: Places = (kept.iter())
        .map(|kept| {
            next += u32::from(*kept);
            kept.then(|| next - 1)
        })
        .collect();
    for place in places.iter_mut().flatten() {
        *place = place.and_then(|place| renumbered[place as usize]);
    }
}

/// The columns of `tables` under the labels that `labels` gives, those of one series as one, table after table.
pub(super) fn gather<'a>(
    tables: Vec<Table>,
    places: &[Places],
    mut labels: impl FnMut(DictionaryNo, Ordinal) -> Option<&'a Labels>,
) -> Vec<(&'a Labels, Column)> {
    let has_columns = |(table, _): &(Table, &Places)| !table.columns.is_empty();
    let parts = tables.into_iter().zip(places).filter(has_columns);
    let parts: Vec<(Table, &Places)> = parts.collect();
    let n_rows = parts.iter().flat_map(|(_, places)| places.iter()).flatten();
    let n_rows = n_rows.count();
    // Mostly all are by one dictionary, and then a series is told by its number alone.
    let several = parts
        .windows(2)
        .any(|p| p[0].0.dictionary != p[1].0.dictionary);
    let mut wholes: Vec<(&Labels, Column)> = Vec::new();
    let mut by_number: HashMap<(DictionaryNo, Ordinal), Option<usize>> = HashMap::default();
    let mut by_labels: HashMap<&Labels, usize> = HashMap::default();
    for (table, places) in parts {
        let run = Run::of(places);
        for column in table.columns {
            let whole =
                *(by_number.entry((table.dictionary, column.ordinal))).or_insert_with(|| {
                    let labels = labels(table.dictionary, column.ordinal)?;
                    let mut add = || {
                        // What begins encoded mostly goes on so.
                        let n_numbers = match column.values.packs() {
                            [] => n_rows,
                            _ => 0,
                        };
                        wholes.push((labels, Column::with_capacity(column.ordinal, n_numbers)));
                        wholes.len() - 1
                    };
                    Some(match several {
                        true => *by_labels.entry(labels).or_insert_with(add),
                        false => add(),
                    })
                });
            let Some(whole) = whole.map(|whole| &mut wholes[whole].1) else {
                continue;
            };
            match run.as_ref().filter(|run| run.takes(whole, &column)) {
                Some(run) => run.extend(whole, column),
                None => extend(whole, &column, places),
            }
        }
    }
    wholes
}

/// Appends the samples of `part` whose rows have a place.
pub(super) fn extend(whole: &mut Column, part: &Column, places: &[Option<u32>]) {
    let samples = part.samples();
    for (i, row) in part.rows.iter().enumerate() {
        if let Some(place) = places[row as usize] {
            whole.push_of(place, &samples, i);
        }
    }
}

/// Rows that stay together: those of a table at `rows` go to the places from `place` on, all others nowhere.
struct Run {
    rows: Range<u32>,
    place: u32,
}

impl Run {
    /// The run that `places` are, if they are one.
    fn of(places: &[Option<u32>]) -> Option<Self> {
        let first = places.iter().position(Option::is_some)?;
        let end = places.iter().rposition(Option::is_some)? + 1;
        let place = places[first]?;
        let mut expected = (place..).zip(&places[first..end]);
        expected
            .all(|(next, place)| *place == Some(next))
            .then_some(Self {
                rows: first as u32..end as u32,
                place,
            })
    }

    /// True if the samples of `part` can be appended to `whole` at once: it has no gaps and nothing but numbers.
    fn takes(&self, whole: &Column, part: &Column) -> bool {
        let is_simple = part.is_plain() && part.times.is_empty() && whole.times.is_empty();
        is_simple && part.rows.as_run().is_some()
    }

    /// Appends the samples of `part`, which has no gaps, at once.
    fn extend(&self, whole: &mut Column, part: Column) {
        let present = part.rows.as_run().unwrap_or_default();
        let first = present.start;
        let (from, to) = (self.rows.start.max(first), self.rows.end.min(present.end));
        if from < to {
            let place = self.place + (from - self.rows.start);
            whole.rows.push_run(place..place + (to - from));
            let part_of = (from - first) as usize..(to - first) as usize;
            whole.values.append(part.values, part_of);
        }
    }
}
