//! Values that stay encoded until somebody asks for numbers.
use std::{borrow::Cow, ops::Range};

use crate::{
    DecodeError, Reader,
    floats::{self, Checked},
};

/// The values of one series, oldest first: runs that are still encoded, then numbers.
///
/// What is read from a disk passes through many hands before a query looks at it, and takes an eighth of the room until then.
#[derive(Clone, Debug, Default)]
pub struct Values {
    packs: Vec<Pack>,
    /// How many values the packs have.
    n_packed: usize,
    /// What follows the packs.
    numbers: Vec<f64>,
}

/// Some values as [`floats::encode`] wrote them. Known to be sound: decoding cannot fail.
#[derive(Clone, Debug)]
pub struct Pack {
    bytes: Box<[u8]>,
    /// How many values were encoded together.
    n: u32,
    /// Which of them are meant; bytes of those behind them may follow.
    from: u32,
    to: u32,
    is_finite: bool,
}

/// Room to decode in, for one series after the other.
#[derive(Debug, Default)]
pub struct Buffer {
    integers: Vec<i64>,
    numbers: Vec<f64>,
}

impl Pack {
    /// Those at `part` of the `n` values that `bytes` hold; the caller bounds `n`.
    ///
    /// # Errors
    /// The bytes are something else, or they hold a kind that is never kept encoded.
    pub fn new(bytes: Box<[u8]>, n: usize, part: Range<usize>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(&bytes);
        if part.is_empty() || part.end > n || u32::try_from(n).is_err() {
            return Err(reader.error("part out of bounds"));
        }
        let is_finite = match floats::check(&mut reader, n, part.end)? {
            Checked::Finite => true,
            Checked::Sound => false,
            Checked::Unknown => return Err(reader.error("not kept encoded")),
        };
        Ok(Self {
            bytes,
            n: n as u32,
            from: part.start as u32,
            to: part.end as u32,
            is_finite,
        })
    }

    /// What the values were encoded to, at least up to the last that is meant.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many values were encoded together.
    pub const fn n_encoded(&self) -> usize {
        self.n as usize
    }

    /// Which of them are meant.
    pub const fn part(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }

    /// Appends the numbers.
    fn unpack(&self, integers: &mut Vec<i64>, numbers: &mut Vec<f64>) {
        let (mut reader, n) = (Reader::new(&self.bytes), self.n as usize);
        let decoded = floats::decode_part(&mut reader, n, self.part(), integers, numbers);
        decoded.expect("a pack was checked when it was made");
    }
}

impl Values {
    /// None yet, with room for `n` numbers.
    pub fn with_capacity(n: usize) -> Self {
        Self::from(Vec::with_capacity(n))
    }

    /// Reads those at `part` of `n` values, at least one; the caller bounds `n`. They stay encoded if that takes less room.
    /// What follows them may be left unread.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn read(
        reader: &mut Reader<'_>,
        n: usize,
        part: Range<usize>,
    ) -> Result<Self, DecodeError> {
        let begin = reader.clone();
        let checked = floats::check(reader, n, part.end)?;
        let n_bytes = begin.rest().len() - reader.rest().len();
        if checked == Checked::Unknown || n_bytes >= part.len() * size_of::<f64>() {
            *reader = begin;
            return Self::decode(reader, n, part);
        }
        let pack = Pack {
            bytes: begin.rest()[..n_bytes].into(),
            n: n as u32,
            from: part.start as u32,
            to: part.end as u32,
            is_finite: checked == Checked::Finite,
        };
        Ok([pack].into_iter().collect())
    }

    /// As [`Self::read`], but as numbers.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn decode(
        reader: &mut Reader<'_>,
        n: usize,
        part: Range<usize>,
    ) -> Result<Self, DecodeError> {
        let mut numbers = Vec::with_capacity(part.len());
        floats::decode_part(reader, n, part, &mut Vec::new(), &mut numbers)?;
        Ok(Self::from(numbers))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.n_packed + self.numbers.len()
    }

    /// True if there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that are still encoded; all others follow them.
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// The numbers that follow what is still encoded.
    pub fn tail(&self) -> &[f64] {
        &self.numbers
    }

    /// How many bytes they take.
    pub fn n_bytes(&self) -> usize {
        let packed: usize = self.packs.iter().map(|pack| pack.bytes.len()).sum();
        packed + size_of_val(&self.numbers[..])
    }

    /// True if none can be NaN or infinite, as far as is known without decoding.
    pub fn are_finite(&self) -> bool {
        // Without a way out in the middle this is many numbers at once.
        let are_finite = |numbers: &[f64]| numbers.iter().fold(true, |all, n| all & n.is_finite());
        self.packs.iter().all(|pack| pack.is_finite) && are_finite(&self.numbers)
    }

    /// Adds one behind them.
    pub fn push(&mut self, value: f64) {
        self.numbers.push(value);
    }

    /// Adds those at `part` of `other` behind them.
    ///
    /// # Panics
    /// If `other` has fewer.
    pub fn append(&mut self, other: Self, part: Range<usize>) {
        assert!(part.end <= other.len(), "past the last value");
        let mut first = 0;
        for mut pack in other.packs {
            let n = pack.part().len();
            let (from, to) = (
                part.start.clamp(first, first + n),
                part.end.clamp(first, first + n),
            );
            (pack.from, pack.to) = (
                pack.from + (from - first) as u32,
                pack.from + (to - first) as u32,
            );
            first += n;
            if from >= to {
                continue;
            }
            match self.numbers.is_empty() {
                true => {
                    self.n_packed += pack.part().len();
                    self.packs.push(pack);
                }
                // Numbers are never followed by packs.
                false => pack.unpack(&mut Vec::new(), &mut self.numbers),
            }
        }
        let place = |i: usize| i.max(first) - first;
        let numbers = &other.numbers[place(part.start)..place(part.end)];
        self.numbers.extend_from_slice(numbers);
    }

    /// All as numbers, made in `buffer` unless they are.
    pub fn numbers<'v>(&'v self, buffer: &'v mut Buffer) -> &'v [f64] {
        if self.packs.is_empty() {
            return &self.numbers;
        }
        let Buffer { integers, numbers } = buffer;
        numbers.clear();
        self.unpack(integers, numbers);
        numbers
    }

    /// All as numbers.
    pub fn to_numbers(&self) -> Cow<'_, [f64]> {
        if self.packs.is_empty() {
            return Cow::Borrowed(&self.numbers);
        }
        let mut numbers = Vec::with_capacity(self.len());
        self.unpack(&mut Vec::new(), &mut numbers);
        Cow::Owned(numbers)
    }

    /// All as numbers, from now on.
    pub fn numbers_mut(&mut self) -> &mut Vec<f64> {
        if let Cow::Owned(numbers) = self.to_numbers() {
            *self = Self::from(numbers);
        }
        &mut self.numbers
    }

    fn unpack(&self, integers: &mut Vec<i64>, numbers: &mut Vec<f64>) {
        for pack in &self.packs {
            pack.unpack(integers, numbers);
        }
        numbers.extend_from_slice(&self.numbers);
    }
}

impl From<Vec<f64>> for Values {
    fn from(numbers: Vec<f64>) -> Self {
        Self {
            packs: Vec::new(),
            n_packed: 0,
            numbers,
        }
    }
}

impl FromIterator<f64> for Values {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        Self::from(Vec::from_iter(numbers))
    }
}

impl FromIterator<Pack> for Values {
    fn from_iter<I: IntoIterator<Item = Pack>>(packs: I) -> Self {
        let packs = Vec::from_iter(packs);
        Self {
            n_packed: packs.iter().map(|pack| pack.part().len()).sum(),
            packs,
            numbers: Vec::new(),
        }
    }
}

impl PartialEq for Values {
    /// Bit for bit, however they are kept.
    fn eq(&self, other: &Self) -> bool {
        let bits = |n: &f64| n.to_bits();
        let (own, others) = (self.to_numbers(), other.to_numbers());
        own.iter().map(bits).eq(others.iter().map(bits))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(numbers: &[f64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        floats::encode(&mut bytes, numbers);
        bytes
    }

    fn numbers() -> impl Strategy<Value = Vec<f64>> {
        let number = prop_oneof![
            9 => (0..50_u32).prop_map(f64::from),
            1 => any::<u64>().prop_map(f64::from_bits),
        ];
        prop::collection::vec(number, 1..40)
    }

    fn bits(numbers: &[f64]) -> Vec<u64> {
        numbers.iter().map(|n| n.to_bits()).collect()
    }

    #[test]
    fn a_pack_that_is_cut_short_stays_sound() {
        let numbers: Vec<f64> = (0..400).map(|i| f64::from(i * i % 97)).collect();
        let read = Values::read(&mut Reader::new(&encoded(&numbers)), 400, 0..400).unwrap();
        let mut cut = Values::default();
        cut.append(read, 3..90);
        let [pack] = cut.packs() else {
            panic!("{cut:?}");
        };
        let sent = Pack::new(pack.bytes().into(), pack.n_encoded(), pack.part()).unwrap();
        let sent: Values = [sent].into_iter().collect();
        assert_eq!(&*sent.to_numbers(), &numbers[3..90]);
    }

    proptest! {
        #[test]
        fn what_is_read_and_appended_comes_back(
            parts in prop::collection::vec((numbers(), any::<(u8, u8, u8, u8)>(), any::<bool>()), 0..6),
        ) {
            let (mut whole, mut expected) = (Values::default(), Vec::new());
            for (numbers, (a, b, c, d), is_encoded) in parts {
                let between = |a: u8, b: u8, n: usize| {
                    let (a, b) = (a.min(b) as usize * n / 255, a.max(b) as usize * n / 255);
                    a..b
                };
                let read = between(a, b, numbers.len());
                let values = match is_encoded {
                    true => Values::read(&mut Reader::new(&encoded(&numbers)), numbers.len(), read.clone()).unwrap(),
                    false => Values::from(numbers[read.clone()].to_vec()),
                };
                let numbers = &numbers[read];
                prop_assert_eq!(bits(&values.to_numbers()), bits(numbers));
                prop_assert!(!values.are_finite() || numbers.iter().all(|n| n.is_finite()));
                let part = between(c, d, numbers.len());
                expected.extend_from_slice(&numbers[part.clone()]);
                whole.append(values, part);
            }
            prop_assert_eq!(whole.len(), expected.len());
            prop_assert_eq!(bits(whole.numbers(&mut Buffer::default())), bits(&expected));
            prop_assert_eq!(&whole, &Values::from(expected.clone()));
            let packs = whole.packs().iter().map(|pack| {
                Pack::new(pack.bytes().into(), pack.n_encoded(), pack.part()).unwrap()
            });
            let mut sent: Values = packs.collect();
            sent.append(Values::from(whole.tail().to_vec()), 0..whole.tail().len());
            prop_assert_eq!(bits(sent.numbers_mut()), bits(&expected));
        }

        #[test]
        fn a_pack_of_any_bytes_is_refused_or_decodes(bytes: Vec<u8>, n in 0..200_usize, from in 0..200_usize, to in 0..200_usize) {
            if let Ok(pack) = Pack::new(bytes.into(), n, from..to) {
                let values: Values = [pack].into_iter().collect();
                prop_assert_eq!(values.to_numbers().len(), to - from);
                prop_assert!(!values.are_finite() || values.to_numbers().iter().all(|n| n.is_finite()));
            }
        }
    }
}
