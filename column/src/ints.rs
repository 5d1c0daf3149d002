//! Integers of a column: differences of the best order, as runs or bit-packed.
//!
//! A [`Form`] says how many times neighbours are subtracted (0, 1 or 2) and how what remains is written:
//!
//! ```text
//! seeds (one varint an order) | runs:   (varint value, uvarint length; 0 = up to the end)*
//!                             | packed: (varint least, u8 width, values - least at `width` bits)* for 128 each
//! ```
//!
//! All arithmetic wraps, so every sequence of 64-bit numbers comes back.
use crate::{
    DecodeError, Reader,
    bits::{BitReader, BitWriter},
    put_uvarint, put_varint, uvarint_len, zigzag,
};

/// How many values share one least value and width.
const PACK: usize = 128;

/// How integers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Runs of equal values: what rarely changes.
    Runs0,
    /// Runs of equal differences: a regular grid, a steady counter.
    Runs1,
    /// Values in a narrow band.
    Packed0,
    /// Differences in a narrow band: counters, walks.
    Packed1,
    /// Differences of differences: counters under a changing load, jittered times.
    Packed2,
}

impl Form {
    pub(super) const ALL: [Self; 5] = [
        Self::Runs0,
        Self::Runs1,
        Self::Packed0,
        Self::Packed1,
        Self::Packed2,
    ];

    const fn order(self) -> usize {
        match self {
            Self::Runs0 | Self::Packed0 => 0,
            Self::Runs1 | Self::Packed1 => 1,
            Self::Packed2 => 2,
        }
    }

    const fn is_runs(self) -> bool {
        matches!(self, Self::Runs0 | Self::Runs1)
    }

    /// The form's number on disk.
    pub(super) const fn tag(self) -> u8 {
        self as u8
    }

    pub(super) fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.get(tag as usize).copied()
    }
}

/// The smallest form of `values`, of which there is at least one, and its length in bytes.
///
/// Every column passes here several times, so differences are taken once, and runs that grow too long are given up.
pub(super) fn best(values: &[i64]) -> (Form, usize) {
    let varint = |n| uvarint_len(zigzag(n));
    let first = differences(values);
    let second = differences(&first);
    let behind_first = varint(values[0]);
    let packed = [
        (Form::Packed0, packed_size(values)),
        (Form::Packed1, behind_first + packed_size(&first)),
        match first.first() {
            Some(seed) => (
                Form::Packed2,
                behind_first + varint(*seed) + packed_size(&second),
            ),
            None => (Form::Packed2, usize::MAX),
        },
    ];
    let bound = packed
        .iter()
        .map(|(_, size)| *size)
        .min()
        .unwrap_or(usize::MAX);
    let runs = [
        (Form::Runs0, runs_size(values, bound)),
        (
            Form::Runs1,
            runs_size(&first, bound).saturating_add(behind_first),
        ),
    ];
    let all = runs.into_iter().chain(packed);
    all.min_by_key(|(_, size)| *size)
        .expect("there are five forms")
}

/// What remains when neighbours are subtracted.
pub(super) fn differences(values: &[i64]) -> Vec<i64> {
    let pairs = values.windows(2);
    pairs.map(|pair| pair[1].wrapping_sub(pair[0])).collect()
}

/// The length in bytes of `residuals` packed.
fn packed_size(residuals: &[i64]) -> usize {
    let packs = residuals.chunks(PACK).map(|pack| {
        let (least, most) = pack.iter().fold((i64::MAX, i64::MIN), |(least, most), n| {
            (least.min(*n), most.max(*n))
        });
        let width = 64 - (most.wrapping_sub(least) as u64).leading_zeros();
        uvarint_len(zigzag(least)) + 1 + (pack.len() * width as usize).div_ceil(8)
    });
    packs.sum()
}

/// The length in bytes of `residuals` as runs; the greatest number if it is above `bound`.
fn runs_size(residuals: &[i64], bound: usize) -> usize {
    let mut size = 0;
    let mut left = residuals;
    while let Some(value) = left.first() {
        let length = left.iter().take_while(|n| *n == value).count();
        left = &left[length..];
        // The last run tells no length.
        let told = if left.is_empty() { 0 } else { length as u64 };
        size += uvarint_len(zigzag(*value)) + uvarint_len(told);
        if size > bound {
            return usize::MAX;
        }
    }
    size
}

/// The differences of neighbours, `order` times, as an iterator behind the seeds.
fn residuals(order: usize, values: &[i64]) -> impl Iterator<Item = i64> {
    (order..values.len()).map(move |i| match order {
        0 => values[i],
        1 => values[i].wrapping_sub(values[i - 1]),
        _ => {
            let last = values[i - 1].wrapping_sub(values[i - 2]);
            values[i].wrapping_sub(values[i - 1]).wrapping_sub(last)
        }
    })
}

/// What precedes the residuals: the first value, then the first difference.
fn seeds(order: usize, values: &[i64]) -> impl Iterator<Item = i64> {
    (0..order).map(|i| match i {
        0 => values[0],
        _ => values[1].wrapping_sub(values[0]),
    })
}

/// The length in bytes; none if there are fewer values than seeds.
#[cfg(test)]
fn size(form: Form, values: &[i64]) -> Option<usize> {
    let order = form.order();
    if values.len() < order {
        return None;
    }
    let varint = |n| uvarint_len(zigzag(n));
    let mut size: usize = seeds(order, values).map(varint).sum();
    if form.is_runs() {
        each_run(order, values, |value, length| {
            size += varint(value) + uvarint_len(length);
        });
    } else {
        each_pack(order, values, |least, width, pack| {
            size += varint(least) + 1 + (pack.len() * width as usize).div_ceil(8);
        });
    }
    Some(size)
}

/// Calls `visit` with the value and length of each run; the last has length 0.
fn each_run(order: usize, values: &[i64], mut visit: impl FnMut(i64, u64)) {
    let mut run: Option<(i64, u64)> = None;
    for residual in residuals(order, values) {
        match &mut run {
            Some((value, length)) if *value == residual => *length += 1,
            _ => {
                if let Some((value, length)) = run.replace((residual, 1)) {
                    visit(value, length);
                }
            }
        }
    }
    if let Some((value, _)) = run {
        visit(value, 0);
    }
}

/// Calls `visit` with least value, width in bits and values of each pack.
fn each_pack(order: usize, values: &[i64], mut visit: impl FnMut(i64, u32, &[i64])) {
    let mut pack = [0; PACK];
    let mut residuals = residuals(order, values);
    loop {
        let mut n = 0;
        for (place, residual) in pack.iter_mut().zip(&mut residuals) {
            *place = residual;
            n += 1;
        }
        let pack = &pack[..n];
        let (Some(least), Some(most)) = (pack.iter().min(), pack.iter().max()) else {
            return;
        };
        let width = 64 - (most.wrapping_sub(*least) as u64).leading_zeros();
        visit(*least, width, pack);
    }
}

/// Appends `values` in `form`, for which there are enough of them.
pub(super) fn encode(dst: &mut Vec<u8>, form: Form, values: &[i64]) {
    let order = form.order();
    for seed in seeds(order, values) {
        put_varint(dst, seed);
    }
    if form.is_runs() {
        each_run(order, values, |value, length| {
            put_varint(dst, value);
            put_uvarint(dst, length);
        });
    } else {
        each_pack(order, values, |least, width, pack| {
            put_varint(dst, least);
            dst.push(width as u8);
            let mut bits = BitWriter::new(dst);
            for value in pack {
                bits.put(value.wrapping_sub(least) as u64, width);
            }
            bits.finish();
        });
    }
}

/// Reads `n` values in `form`; the caller bounds `n`.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    form: Form,
    n: usize,
) -> Result<Vec<i64>, DecodeError> {
    let mut values = Vec::new();
    decode_first(reader, form, n, n, &mut values)?;
    Ok(values)
}

/// Appends the first `end` or a few more of `n` values in `form`, at most `n`; what follows them may be left unread.
pub(super) fn decode_first(
    reader: &mut Reader<'_>,
    form: Form,
    n: usize,
    end: usize,
    values: &mut Vec<i64>,
) -> Result<(), DecodeError> {
    let order = form.order();
    if n < order {
        return Err(reader.error("fewer values than seeds"));
    }
    let (first, end) = (values.len(), end.max(order));
    values.reserve(n.min(end + PACK));
    for _ in 0..order {
        values.push(reader.varint()?);
    }
    if order == 2 {
        // The second seed is a difference.
        values[first + 1] = values[first].wrapping_add(values[first + 1]);
    }
    loop {
        let (from, n_read) = (values.len(), values.len() - first);
        if n_read >= n.min(end) {
            return Ok(());
        }
        if form.is_runs() {
            let run = Run::read(reader, n - n_read)?;
            values.resize(from + run.length.min(end - n_read), run.value);
        } else {
            Pack::read(reader, n - n_read)?.unpack(values)?;
        }
        add_up(order, values, from);
    }
}

/// Passes over what [`decode_first`] reads, and fails where that does.
pub(super) fn skip_first(
    reader: &mut Reader<'_>,
    form: Form,
    n: usize,
    end: usize,
) -> Result<(), DecodeError> {
    let order = form.order();
    if n < order {
        return Err(reader.error("fewer values than seeds"));
    }
    for _ in 0..order {
        reader.varint()?;
    }
    let mut n_read = order;
    while n_read < n.min(end.max(order)) {
        n_read += match form.is_runs() {
            true => Run::read(reader, n - n_read)?.length,
            false => Pack::read(reader, n - n_read)?.n,
        };
    }
    Ok(())
}

/// Equal residuals.
struct Run {
    value: i64,
    length: usize,
}

impl Run {
    /// Reads a run, of which `left` residuals at most are left.
    fn read(reader: &mut Reader<'_>, left: usize) -> Result<Self, DecodeError> {
        let value = reader.varint()?;
        let length = match reader.count(left)? {
            0 => left,
            length => length,
        };
        Ok(Self { value, length })
    }
}

/// `n` residuals of `width` bits, each less than it is by `least`.
struct Pack<'a> {
    least: i64,
    width: u32,
    n: usize,
    src: &'a [u8],
}

impl<'a> Pack<'a> {
    /// Reads a pack, of which `left` residuals are left.
    fn read(reader: &mut Reader<'a>, left: usize) -> Result<Self, DecodeError> {
        let least = reader.varint()?;
        let width = u32::from(reader.u8()?);
        if width > 64 {
            return Err(reader.error("width out of bounds"));
        }
        let n = left.min(PACK);
        let src = reader.take((n * width as usize).div_ceil(8))?;
        Ok(Self {
            least,
            width,
            n,
            src,
        })
    }

    /// Appends the residuals.
    fn unpack(&self, dst: &mut Vec<i64>) -> Result<(), DecodeError> {
        let Self {
            least,
            width,
            n,
            src,
        } = *self;
        if width == 0 {
            dst.resize(dst.len() + n, least);
            return Ok(());
        }
        let width_bits = width as usize;
        if width > 57 {
            let mut bits = BitReader::new(src);
            for _ in 0..n {
                dst.push(least.wrapping_add(bits.get(width)? as i64));
            }
            return Ok(());
        }
        // Eight bytes read at once hold a number of up to 57 bits, wherever in the first byte it begins.
        let number = |src: &[u8], bit: usize| {
            let word = src[bit / 8..].first_chunk::<8>().copied();
            let word = u64::from_be_bytes(word.unwrap_or_default());
            least.wrapping_add((word << (bit % 8) >> (64 - width)) as i64)
        };
        // So many numbers begin where so much is left.
        let n_quick = match src.len().checked_sub(8) {
            Some(last) => n.min(last * 8 / width_bits + 1),
            None => 0,
        };
        dst.extend((0..n_quick).map(|i| number(src, i * width_bits)));
        // What is left is eight bytes at most: zeros behind them make them enough.
        let from = n_quick * width_bits / 8;
        let (left, mut tail) = (&src[from.min(src.len())..], [0; 16]);
        tail[..left.len()].copy_from_slice(left);
        dst.extend((n_quick..n).map(|i| number(&tail, i * width_bits - from * 8)));
        Ok(())
    }
}

/// Turns the residuals from place `from` on, of which `order` values or more precede, into values.
fn add_up(order: usize, values: &mut [i64], from: usize) {
    match order {
        0 => {}
        1 => {
            let mut value = values[from - 1];
            for place in &mut values[from..] {
                value = value.wrapping_add(*place);
                *place = value;
            }
        }
        _ => {
            let mut value = values[from - 1];
            let mut difference = value.wrapping_sub(values[from - 2]);
            for place in &mut values[from..] {
                difference = difference.wrapping_add(*place);
                value = value.wrapping_add(difference);
                *place = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns() -> impl Strategy<Value = Vec<i64>> {
        prop_oneof![
            prop::collection::vec(any::<i64>(), 1..300),
            prop::collection::vec(-3i64..3, 1..300),
            (any::<i64>(), -50i64..50, 1usize..300)
                .prop_map(|(a, d, n)| (0..n as i64).map(|i| a.wrapping_add(i * d)).collect()),
        ]
    }

    proptest! {
        #[test]
        fn the_best_form_is_the_first_of_the_smallest(values in columns()) {
            let sizes = Form::ALL.into_iter().filter_map(|form| Some((form, size(form, &values)?)));
            prop_assert_eq!(Some(best(&values)), sizes.min_by_key(|(_, size)| *size));
        }

        #[test]
        fn every_form_gives_back_what_was_encoded(values in columns()) {
            for form in Form::ALL {
                let Some(size) = size(form, &values) else { continue };
                let mut bytes = Vec::new();
                encode(&mut bytes, form, &values);
                prop_assert_eq!(bytes.len(), size);
                let mut reader = Reader::new(&bytes);
                prop_assert_eq!(decode(&mut reader, form, values.len()).unwrap(), values.clone());
                prop_assert!(reader.finish().is_ok());
                for end in [0, 1, values.len() / 2, values.len()] {
                    let (mut first, mut reader) = (vec![7], Reader::new(&bytes));
                    decode_first(&mut reader, form, values.len(), end, &mut first).unwrap();
                    prop_assert!(first.len() > end);
                    prop_assert_eq!(&first[1..], &values[..first.len() - 1]);
                    let mut skipped = Reader::new(&bytes);
                    skip_first(&mut skipped, form, values.len(), end).unwrap();
                    prop_assert_eq!(skipped.rest(), reader.rest());
                }
            }
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>, n in 0usize..1000) {
            for form in Form::ALL {
                for end in [n / 2, n] {
                    let (mut read, mut skipped) = (Reader::new(&bytes), Reader::new(&bytes));
                    let decoded = decode_first(&mut read, form, n, end, &mut Vec::new());
                    prop_assert_eq!(skip_first(&mut skipped, form, n, end), decoded);
                }
            }
        }
    }

    #[test]
    fn a_regular_grid_takes_a_few_bytes() {
        let grid: Vec<i64> = (0..480).map(|i| 1_700_000_000_000 + i * 15_000).collect();
        assert_eq!(best(&grid), (Form::Runs1, 6 + 3 + 1));
    }
}
