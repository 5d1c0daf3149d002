//! A row's values in the order of its group's dictionary.
mod packed;

use std::sync::Arc;

use model::{Histogram, Sparse, Timestamp};

use crate::codec::histograms;
pub(crate) use packed::PackedRow;

/// A series' place in a dictionary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ordinal(pub u32);

impl Ordinal {
    /// Stands for the place of a series that was not let in.
    pub const REFUSED: Self = Self(u32::MAX);
}

/// The sequence number of a group's dictionary; a new one makes all ordinals of the old one void.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DictionaryNo(pub u32);

/// Stands for "the row's own time" where some samples of a row have explicit ones.
pub(crate) const OWN_TIME: i64 = i64::MIN;

/// The values of one row, dense: place `i` is the series with ordinal `i`.
///
/// Meant to be kept by its owner from scrape to scrape and refilled after [`RowValues::clear`].
#[derive(Clone, Debug, Default)]
pub struct RowValues {
    dictionary: DictionaryNo,
    n_present: usize,
    /// Absent places hold anything; a histogram stands here by its sum.
    values: Vec<f64>,
    /// One bit a place, lowest first.
    present: Vec<u64>,
    /// Empty, or one a place: an explicit time or [`OWN_TIME`].
    times: Vec<i64>,
    /// None of a row of numbers, as most are: then it takes a word, and nothing else is spent on it.
    beside: Option<Box<Beside>>,
}

/// What samples of a row are besides numbers, by place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Beside {
    pub(crate) histograms: Sparse<Arc<Histogram>>,
    /// Since when samples count, of which it is known.
    pub(crate) starts: Sparse<Timestamp>,
}

impl RowValues {
    /// No values yet, by `dictionary`.
    pub fn new(dictionary: DictionaryNo) -> Self {
        Self {
            dictionary,
            ..Self::default()
        }
    }

    /// Takes all values away and begins again by `dictionary`.
    pub fn clear(&mut self, dictionary: DictionaryNo) {
        self.dictionary = dictionary;
        self.n_present = 0;
        self.values.clear();
        self.present.clear();
        self.times.clear();
        self.beside = None;
    }

    /// The dictionary that the ordinals belong to.
    pub fn dictionary(&self) -> DictionaryNo {
        self.dictionary
    }

    /// Sets the value of `series`, with its time if the page gave one. False, and nothing done, if it has a value already.
    pub fn set(&mut self, series: Ordinal, value: f64, time: Option<Timestamp>) -> bool {
        let place = series.0 as usize;
        if self.has(place) {
            return false;
        }
        if place >= self.values.len() {
            self.values.resize(place + 1, 0.0);
            self.present.resize(place / 64 + 1, 0);
        }
        self.values[place] = value;
        self.present[place / 64] |= 1 << (place % 64);
        self.n_present += 1;
        if time.is_some() || !self.times.is_empty() {
            self.times.resize(self.values.len(), OWN_TIME);
        }
        if let Some(time) = time {
            self.times[place] = time.as_millis();
        }
        true
    }

    /// Sets a histogram as the value of `series`. False, and nothing done, if it has a value already or if the histogram
    /// has more buckets than can be stored.
    pub fn set_histogram(
        &mut self,
        series: Ordinal,
        histogram: Arc<Histogram>,
        time: Option<Timestamp>,
    ) -> bool {
        let is_set = histograms::fits(&histogram) && self.set(series, histogram.sum, time);
        if is_set {
            self.put_histogram(series, histogram);
        }
        is_set
    }

    /// Takes the value of `series`, which it has, for the sum of `histogram`.
    pub(crate) fn put_histogram(&mut self, series: Ordinal, histogram: Arc<Histogram>) {
        let beside = self.beside.get_or_insert_default();
        beside.histograms.insert(series.0, histogram);
    }

    /// Notes since when the value of `series`, which it has, counts.
    pub fn set_start(&mut self, series: Ordinal, start: Timestamp) {
        debug_assert!(self.has(series.0 as usize));
        let beside = self.beside.get_or_insert_default();
        beside.starts.insert(series.0, start);
    }

    /// Sets the value that `other` has for `ordinal`, with all that belongs to it.
    pub(crate) fn set_as(&mut self, other: &Self, ordinal: Ordinal) {
        let place = ordinal.0 as usize;
        let Some(value) = other.get(place) else {
            return;
        };
        self.set(ordinal, value, other.explicit_time(place));
        if let Some(beside) = &other.beside {
            if let Some(histogram) = beside.histograms.get(place) {
                self.put_histogram(ordinal, Arc::clone(histogram));
            }
            if let Some(start) = beside.starts.get(place) {
                self.set_start(ordinal, *start);
            }
        }
    }

    /// The histogram of `series`, if its value is one.
    pub fn histogram(&self, series: Ordinal) -> Option<&Arc<Histogram>> {
        let beside = self.beside.as_deref()?;
        beside.histograms.get(series.0 as usize)
    }

    /// Since when the value of `series` counts, if that is known.
    pub fn start(&self, series: Ordinal) -> Option<Timestamp> {
        let beside = self.beside.as_deref()?;
        beside.starts.get(series.0 as usize).copied()
    }

    /// How many series have a value.
    pub fn len(&self) -> usize {
        self.n_present
    }

    /// True if no series has a value.
    pub fn is_empty(&self) -> bool {
        self.n_present == 0
    }

    /// The values with their ordinals, ascending, and explicit times; of a histogram its sum.
    pub fn iter(&self) -> impl Iterator<Item = (Ordinal, f64, Option<Timestamp>)> {
        (0..self.values.len())
            .filter(|place| self.has(*place))
            .map(|place| {
                let time = self.explicit_time(place);
                (Ordinal(place as u32), self.values[place], time)
            })
    }

    pub(crate) fn has(&self, place: usize) -> bool {
        let word = self.present.get(place / 64).copied().unwrap_or(0);
        word >> (place % 64) & 1 == 1
    }

    /// The value at `place`, if one is there.
    pub(crate) fn get(&self, place: usize) -> Option<f64> {
        self.has(place).then(|| self.values[place])
    }

    /// The explicit time at `place`.
    pub(crate) fn explicit_time(&self, place: usize) -> Option<Timestamp> {
        match self.times.get(place) {
            None | Some(&OWN_TIME) => None,
            Some(millis) => Some(Timestamp::from_millis(*millis)),
        }
    }
}

impl PartialEq for RowValues {
    /// Values are compared bit for bit; absent places do not count.
    fn eq(&self, other: &Self) -> bool {
        let bits = |(o, v, t): (Ordinal, f64, Option<Timestamp>)| (o, v.to_bits(), t);
        self.dictionary == other.dictionary
            && self.beside == other.beside
            && self.iter().map(bits).eq(other.iter().map(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_of_a_series_is_kept() {
        let mut row = RowValues::new(DictionaryNo(0));
        assert!(row.set(Ordinal(70), 1.0, None));
        assert!(row.set(Ordinal(2), 2.0, Some(Timestamp::from_millis(5))));
        assert!(!row.set(Ordinal(70), 3.0, None));
        assert_eq!(
            row.iter().collect::<Vec<_>>(),
            [
                (Ordinal(2), 2.0, Some(Timestamp::from_millis(5))),
                (Ordinal(70), 1.0, None)
            ]
        );
        let histogram = Arc::new(Histogram {
            sum: 4.0,
            ..Histogram::default()
        });
        assert!(row.set_histogram(Ordinal(9), Arc::clone(&histogram), None));
        assert!(!row.set_histogram(Ordinal(2), Arc::clone(&histogram), None));
        row.set_start(Ordinal(2), Timestamp::from_millis(1));
        assert_eq!(row.get(9), Some(4.0));
        assert_eq!(row.histogram(Ordinal(9)), Some(&histogram));
        assert_eq!(row.histogram(Ordinal(2)), None);
        assert_eq!(row.start(Ordinal(2)), Some(Timestamp::from_millis(1)));
        let mut other = RowValues::new(DictionaryNo(0));
        for place in [9, 2, 70, 5] {
            other.set_as(&row, Ordinal(place));
        }
        assert_eq!(other, row);
        row.clear(DictionaryNo(1));
        assert!(row.is_empty());
        assert!(row.set(Ordinal(0), f64::NAN, None));
        assert_eq!(row, row.clone());
    }
}
