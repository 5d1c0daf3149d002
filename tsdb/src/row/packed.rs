//! A row's values as they are logged and held: without the zero bytes that most numbers end in.
//!
//! A number of few digits has a short mantissa: of the eight bytes of a counter below a million the last four are
//! zero, of 0 all are. One half byte a place tells how many of the first are there, so that a place is found without
//! what the others hold.
use std::sync::Arc;

use model::{Histogram, Timestamp};

use super::{Beside, DictionaryNo, OWN_TIME, Ordinal, RowValues};
use crate::codec::{DecodeError, Reader};

/// The length of a place without a value.
const ABSENT: u8 = 15;
const LONGEST: u8 = 8;

/// The values of one row; what is known of [`RowValues`] holds here.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackedRow {
    dictionary: DictionaryNo,
    n_places: u32,
    n_present: u32,
    /// The places' lengths, two a byte, the lower half first; behind them the values' first bytes, highest first.
    bytes: Box<[u8]>,
    /// Empty, or one a place: an explicit time or [`OWN_TIME`].
    times: Box<[i64]>,
    beside: Option<Box<Beside>>,
}

impl PackedRow {
    /// No values, by `dictionary`.
    pub(crate) fn empty(dictionary: DictionaryNo) -> Self {
        Self {
            dictionary,
            ..Self::default()
        }
    }

    /// `row`, packed.
    pub(crate) fn of(row: &RowValues) -> Self {
        let n = row.values.len();
        let mut bytes = vec![0; n.div_ceil(2) + 8 * n];
        let (lengths, values) = bytes.split_at_mut(n.div_ceil(2));
        let mut end = 0;
        for (place, value) in row.values.iter().enumerate() {
            let length = if row.has(place) {
                let bits = value.to_bits();
                // Eight bytes are written; the next value begins where this one has its first zero.
                values[end..end + 8].copy_from_slice(&bits.to_be_bytes());
                LONGEST - (bits.trailing_zeros() / 8) as u8
            } else {
                ABSENT
            };
            lengths[place / 2] |= length << (place % 2 * 4);
            end += usize::from(length % ABSENT);
        }
        Self {
            dictionary: row.dictionary,
            n_places: n as u32,
            n_present: row.n_present as u32,
            bytes: bytes[..n.div_ceil(2) + end].into(),
            times: row.times.as_slice().into(),
            beside: row.beside.clone(),
        }
    }

    /// The row that was packed, into `row`, which may have been another.
    pub(crate) fn unpack(&self, row: &mut RowValues) {
        row.clear(self.dictionary);
        row.n_present = self.len();
        row.values.reserve(self.n_places());
        row.present.resize(self.n_places().div_ceil(64), 0);
        let (lengths, mut values) = self.bytes.split_at(self.n_places().div_ceil(2));
        for place in 0..self.n_places() {
            let length = length_in(lengths, place);
            row.present[place / 64] |= u64::from(length != ABSENT) << (place % 64);
            let length = length % ABSENT;
            row.values.push(f64::from_bits(bits_at(values, length)));
            values = &values[usize::from(length)..];
        }
        row.times.extend_from_slice(&self.times);
        row.beside.clone_from(&self.beside);
    }

    /// The row that was packed.
    pub(crate) fn unpacked(&self) -> RowValues {
        let mut row = RowValues::default();
        self.unpack(&mut row);
        row
    }

    /// The lengths and values as they are logged.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads [`PackedRow::bytes`] of `n_places`, each value of which stands behind the other.
    pub(crate) fn read(
        dictionary: DictionaryNo,
        n_places: usize,
        reader: &mut Reader<'_>,
    ) -> Result<Self, DecodeError> {
        let n_lengths = n_places.div_ceil(2);
        let lengths = reader.rest();
        let Some(lengths) = lengths.get(..n_lengths) else {
            return Err(reader.error("lengths of values are cut off"));
        };
        let (mut n_bytes, mut n_present) = (0, 0);
        for place in 0..n_places {
            let length = length_in(lengths, place);
            if length > LONGEST && length != ABSENT {
                return Err(reader.error("length of a value out of bounds"));
            }
            n_present += u32::from(length != ABSENT);
            n_bytes += usize::from(length % ABSENT);
        }
        Ok(Self {
            dictionary,
            n_places: n_places as u32,
            n_present,
            bytes: reader.take(n_lengths + n_bytes)?.into(),
            ..Self::default()
        })
    }

    /// Sets what belongs to values that [`PackedRow::read`] gave.
    pub(crate) fn with(mut self, times: Vec<i64>, beside: Beside) -> Self {
        debug_assert!(times.is_empty() || times.len() == self.n_places());
        self.times = times.into();
        let is_plain = beside.histograms.is_empty() && beside.starts.is_empty();
        self.beside = (!is_plain).then(|| Box::new(beside));
        self
    }

    pub(crate) fn dictionary(&self) -> DictionaryNo {
        self.dictionary
    }

    /// How many series have a value.
    pub(crate) fn len(&self) -> usize {
        self.n_present as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.n_present == 0
    }

    /// How many places there are, present or not.
    pub(crate) fn n_places(&self) -> usize {
        self.n_places as usize
    }

    pub(crate) fn has(&self, place: usize) -> bool {
        place < self.n_places() && length_in(&self.bytes, place) != ABSENT
    }

    /// The places that have a value, ascending.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        (0..self.n_places()).filter(|place| self.has(*place))
    }

    /// The value at `place`, if one is there. The lengths of all places before it are added up, sixteen at a time.
    pub(crate) fn get(&self, place: usize) -> Option<f64> {
        if !self.has(place) {
            return None;
        }
        let (lengths, values) = self.bytes.split_at(self.n_places().div_ceil(2));
        let start = sum_before(lengths, place);
        let bits = bits_at(&values[start..], length_in(lengths, place));
        Some(f64::from_bits(bits))
    }

    pub(crate) fn has_times(&self) -> bool {
        !self.times.is_empty()
    }

    /// The explicit time at `place`.
    pub(crate) fn explicit_time(&self, place: usize) -> Option<Timestamp> {
        match self.times.get(place) {
            None | Some(&OWN_TIME) => None,
            Some(millis) => Some(Timestamp::from_millis(*millis)),
        }
    }

    /// The histogram of `series`, if its value is one.
    pub(crate) fn histogram(&self, series: Ordinal) -> Option<&Arc<Histogram>> {
        self.beside()?.histograms.get(series.0 as usize)
    }

    /// What stands beside the numbers, if anything does.
    pub(crate) fn beside(&self) -> Option<&Beside> {
        self.beside.as_deref()
    }

    /// The histograms, to be changed.
    pub(crate) fn histograms_mut(&mut self) -> impl Iterator<Item = (u32, &mut Arc<Histogram>)> {
        let beside = self.beside.as_deref_mut().into_iter();
        beside.flat_map(|beside| beside.histograms.iter_mut())
    }
}

fn length_in(lengths: &[u8], place: usize) -> u8 {
    lengths[place / 2] >> (place % 2 * 4) & 15
}

/// The value whose first `length` bytes begin `bytes`.
fn bits_at(bytes: &[u8], length: u8) -> u64 {
    let mask = u64::MAX.checked_shl(64 - 8 * u32::from(length));
    let first = match bytes.first_chunk() {
        Some(whole) => u64::from_be_bytes(*whole),
        None => {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            u64::from_be_bytes(whole)
        }
    };
    first & mask.unwrap_or(0)
}

/// The sum of the lengths of all places before `place`, sixteen at a time.
fn sum_before(lengths: &[u8], place: usize) -> usize {
    const ONES: u64 = 0x1111_1111_1111_1111;
    const LOW: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    let (words, rest) = lengths[..place / 2].as_chunks();
    let sum_of_word = |word: &[u8; 8]| {
        let all = u64::from_le_bytes(*word);
        // Only what is absent has all four bits.
        let absent = all & all >> 1 & all >> 2 & all >> 3 & ONES;
        let all = all & !(absent * u64::from(ABSENT));
        let pairs = (all & LOW) + (all >> 4 & LOW);
        (pairs.wrapping_mul(0x0101_0101_0101_0101) >> 56) as usize
    };
    let sum: usize = words.iter().map(sum_of_word).sum();
    let first = place / 2 * 2 - rest.len() * 2;
    (first..place).fold(sum, |sum, place| {
        sum + usize::from(length_in(lengths, place) % ABSENT)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            any::<i16>().prop_map(f64::from),
            Just(0.0),
            Just(-0.0),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_row_comes_back_bit_for_bit(
            samples in prop::collection::btree_map(0u32..150, (any_value(), prop::option::weighted(0.1, any::<i32>())), 0..120),
        ) {
            let mut row = RowValues::new(DictionaryNo(3));
            for (place, (value, time)) in &samples {
                let time = time.map(|millis| Timestamp::from_millis(i64::from(millis)));
                row.set(Ordinal(*place), *value, time);
            }
            let packed = PackedRow::of(&row);
            prop_assert_eq!(&packed.unpacked(), &row);
            prop_assert_eq!((packed.len(), packed.n_places()), (row.len(), row.values.len()));
            for place in 0..160 {
                prop_assert_eq!(packed.get(place).map(f64::to_bits), row.get(place).map(f64::to_bits));
                prop_assert_eq!(packed.explicit_time(place), row.explicit_time(place));
            }
            let mut reader = Reader::new(packed.bytes());
            let read = PackedRow::read(DictionaryNo(3), packed.n_places(), &mut reader).unwrap();
            prop_assert_eq!(reader.rest(), b"");
            prop_assert_eq!(read.with(row.times.clone(), Beside::default()).unpacked(), row);
        }

        #[test]
        fn any_bytes_are_a_row_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80), n in 0usize..40) {
            if let Ok(row) = PackedRow::read(DictionaryNo(0), n, &mut Reader::new(&bytes)) {
                let dense = row.unpacked();
                for place in 0..n {
                    prop_assert_eq!(row.get(place).map(f64::to_bits), dense.get(place).map(f64::to_bits));
                }
            }
        }
    }

    #[test]
    fn numbers_of_few_digits_take_few_bytes() {
        let length = |value: f64| {
            let mut row = RowValues::new(DictionaryNo(0));
            row.set(Ordinal(0), value, None);
            PackedRow::of(&row).bytes().len() - 1
        };
        assert_eq!(length(0.0), 0);
        assert_eq!(length(1.0), 2);
        assert_eq!(length(999_999.0), 4);
        assert_eq!(length(0.1), 8);
    }
}
