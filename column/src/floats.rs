//! Floats of a column, bit for bit, under the smallest of several codecs.
//!
//! Most series are integers or short decimals: those are written as integers times a power of ten.
//!
//! ```text
//! tag u8: low four bits the kind, high four bits the decimal exponent e
//!   0..=4   integers q in the form of that number; value = q / 10^e
//!   5..=9   the values' own bits as integers, in form kind - 5
//!   10      xor
//!   11      exceptions: uvarint count, (uvarint gap, u64 bits)*, then tag and body of the column with those filled in
//!   12      divided: varint first, uvarint divisor, then tag and body of (q - first) / divisor, which is kind 0..=4 or 13
//!   13      smooth: u8 count k, k varints: the first of the values, of their differences, of the differences of those …;
//!           then tag and body of what remains after k times, which is kind 0..=9; in place of one of those
//! ```
use std::{borrow::Cow, ops::Range};

use crate::{
    DecodeError, Reader,
    ints::{self, Form},
    put_uvarint, put_varint, uvarint_len, xor, zigzag,
};

const BITS: u8 = 5;
const XOR: u8 = 10;
const EXCEPTIONS: u8 = 11;
const DIVIDED: u8 = 12;
const SMOOTH: u8 = 13;
/// Beyond it differences grow again, of whatever rounding is left.
const MAX_SEEDS: u8 = 6;

const MAX_EXPONENT: u8 = 15;
/// Powers of ten that a float holds exactly.
const POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];
/// Integers below this are floats without loss.
const MAX_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Values as integers over a power of ten.
struct Scaled {
    exponent: u8,
    integers: Vec<i64>,
    /// Places whose value no integer gives back; `integers` repeats the one before.
    exceptions: Vec<usize>,
}

/// How integers are written.
struct Plan<'a> {
    shape: Shape<'a>,
    /// First value, and common divisor of the distances from it.
    divided: Option<(i64, u64)>,
    size: usize,
}

/// The form of integers, and how often their differences are taken before it.
struct Shape<'a> {
    seeds: Vec<i64>,
    form: Form,
    integers: Cow<'a, [i64]>,
    /// With the tag.
    size: usize,
}

impl<'a> Shape<'a> {
    /// The smallest shape of `integers`, of which there is at least one.
    fn best(integers: Cow<'a, [i64]>) -> Self {
        let (form, size) = ints::best(&integers);
        let mut best = Self {
            seeds: Vec::new(),
            form,
            integers,
            size: 1 + size,
        };
        // What takes little, or does not get smaller by the second differences, is not smooth.
        if form != Form::Packed2 || best.size < best.integers.len() / 4 {
            return best;
        }
        let (mut seeds, mut rest) = (Vec::new(), best.integers.to_vec());
        while seeds.len() < usize::from(MAX_SEEDS) && rest.len() > 1 {
            seeds.push(rest[0]);
            rest = ints::differences(&rest);
            let (form, size) = ints::best(&rest);
            let of_seeds = seeds.iter().map(|seed| uvarint_len(zigzag(*seed)));
            let size = 3 + of_seeds.sum::<usize>() + size;
            if size < best.size {
                best.seeds.clone_from(&seeds);
                (best.form, best.size) = (form, size);
                best.integers = Cow::Owned(rest.clone());
            } else if seeds.len() > best.seeds.len() + 1 {
                break;
            }
        }
        best
    }

    /// Appends tag and body, the tag with `exponent` and of a kind from `first` on.
    fn encode(&self, dst: &mut Vec<u8>, first: u8, exponent: u8) {
        if !self.seeds.is_empty() {
            dst.extend([SMOOTH, self.seeds.len() as u8]);
            for seed in &self.seeds {
                put_varint(dst, *seed);
            }
        }
        dst.push((first + self.form.tag()) | exponent << 4);
        ints::encode(dst, self.form, &self.integers);
    }
}

/// Appends `values`, of which there is at least one.
pub fn encode(dst: &mut Vec<u8>, values: &[f64]) {
    let scaled = scale(values);
    let plan = scaled.as_ref().map(|s| (s, plan(&s.integers)));
    let size = plan.as_ref().map_or(usize::MAX, |(scaled, plan)| {
        plan.size + exceptions_size(&scaled.exceptions)
    });
    // What is small already is not tried further.
    if size > 2 + values.len() / 2 {
        let bits: Vec<i64> = values.iter().map(|v| v.to_bits() as i64).collect();
        let bits = Shape::best(Cow::Owned(bits));
        let xor_size = 1 + xor::size(values);
        if xor_size < size && xor_size <= bits.size {
            dst.push(XOR);
            return xor::encode(dst, values);
        }
        if bits.size < size {
            return bits.encode(dst, BITS, 0);
        }
    }
    let (scaled, plan) = plan.expect("without a scale, xor or bits are smaller");
    if !scaled.exceptions.is_empty() {
        dst.push(EXCEPTIONS);
        put_uvarint(dst, scaled.exceptions.len() as u64);
        let mut next = 0;
        for place in &scaled.exceptions {
            put_uvarint(dst, (place - next) as u64);
            dst.extend_from_slice(&values[*place].to_bits().to_le_bytes());
            next = place + 1;
        }
    }
    if let Some((first, divisor)) = plan.divided {
        dst.push(DIVIDED);
        put_varint(dst, first);
        put_uvarint(dst, divisor);
    }
    plan.shape.encode(dst, 0, scaled.exponent);
}

fn exceptions_size(exceptions: &[usize]) -> usize {
    if exceptions.is_empty() {
        return 0;
    }
    // A gap may take more than the byte that is reckoned here; it is a choice, no promise.
    2 + exceptions.len() * 9
}

/// The scale under which nearly all of `values` are integers.
fn scale(values: &[f64]) -> Option<Scaled> {
    let mut exponent = 0;
    let mut exceptions = Vec::new();
    for (place, value) in values.iter().enumerate() {
        match (exponent..=MAX_EXPONENT).find(|e| integer(*value, *e).is_some()) {
            Some(fits) => exponent = fits,
            None => exceptions.push(place),
        }
        if exceptions.len() > values.len() / 16 + 1 {
            return None;
        }
    }
    // Under the larger scale, a value that came early may be too large.
    exceptions.clear();
    let mut integers: Vec<i64> = Vec::with_capacity(values.len());
    for (place, value) in values.iter().enumerate() {
        integers.push(integer(*value, exponent).unwrap_or_else(|| {
            exceptions.push(place);
            integers.last().copied().unwrap_or(0)
        }));
    }
    // What precedes the first good value is filled from behind.
    let first = (0..values.len()).find(|place| !exceptions.contains(place));
    if let Some(first) = first {
        let value = integers[first];
        integers[..first].fill(value);
    }
    (exceptions.len() <= values.len() / 16 + 1).then_some(Scaled {
        exponent,
        integers,
        exceptions,
    })
}

/// The integer that divided by `10^exponent` gives exactly the bits of `value`.
fn integer(value: f64, exponent: u8) -> Option<i64> {
    let power = POWERS[exponent as usize];
    // Ties are not exact whichever way they go; this way is one instruction.
    let rounded = (value * power).round_ties_even();
    let exact = rounded.abs() < MAX_INTEGER && (rounded / power).to_bits() == value.to_bits();
    // Minus zero would come back as zero.
    (exact && (rounded as i64 as f64).to_bits() == rounded.to_bits()).then_some(rounded as i64)
}

fn plan(integers: &[i64]) -> Plan<'_> {
    let shape = Shape::best(Cow::Borrowed(integers));
    let plain = Plan {
        divided: None,
        size: shape.size,
        shape,
    };
    let first = integers[0];
    let distances = integers
        .iter()
        .map(|q| q.wrapping_sub(first).unsigned_abs());
    let mut divisor = 0;
    for distance in distances {
        divisor = greatest_common_divisor(distance, divisor);
        if divisor == 1 {
            break;
        }
    }
    // Differences of integers below 2^53 fit; a divisor of 1 or of equal values helps nothing.
    if divisor < 2 || i64::try_from(divisor).is_err() {
        return plain;
    }
    let quotients: Vec<i64> = integers
        .iter()
        .map(|q| q.wrapping_sub(first) / divisor as i64)
        .collect();
    let shape = Shape::best(Cow::Owned(quotients));
    let size = 1 + uvarint_len(zigzag(first)) + uvarint_len(divisor) + shape.size;
    if size >= plain.size {
        return plain;
    }
    Plan {
        shape,
        divided: Some((first, divisor)),
        size,
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Reads `n` values, at least one; the caller bounds `n`.
///
/// # Errors
/// The bytes are something else.
pub fn decode(reader: &mut Reader<'_>, n: usize) -> Result<Vec<f64>, DecodeError> {
    let mut values = Vec::new();
    decode_part(reader, n, 0..n, &mut Vec::new(), &mut values)?;
    Ok(values)
}

/// Appends those at `part` of `n` values, at least one; the caller bounds `n`. What follows them may be left unread.
/// `integers` is room to work in.
pub(crate) fn decode_part(
    reader: &mut Reader<'_>,
    n: usize,
    part: Range<usize>,
    integers: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), DecodeError> {
    let head = Head::read(reader, n)?;
    let from = values.len();
    match head.kind {
        Kind::Xor => values.extend_from_slice(&xor::decode(reader, n)?[part.clone()]),
        Kind::Scaled(form) => {
            let (first, divisor) = head.divided.unwrap_or((0, 1));
            let power = POWERS[head.exponent as usize];
            let integers = head.integers(reader, form, n, part.clone(), integers)?;
            // Most columns are whole numbers as they are.
            match (first, divisor, head.exponent) {
                (0, 1, 0) => values.extend(integers.iter().map(|q| *q as f64)),
                _ => values.extend(
                    integers
                        .iter()
                        .map(|q| first.wrapping_add(q.wrapping_mul(divisor)) as f64 / power),
                ),
            }
        }
        Kind::Bits(form) => {
            let bits = head.integers(reader, form, n, part.clone(), integers)?;
            values.extend(bits.iter().map(|bits| f64::from_bits(*bits as u64)));
        }
    }
    for (place, value) in head.exceptions {
        if part.contains(&place) {
            values[from + place - part.start] = value;
        }
    }
    Ok(())
}

/// What is known of encoded values without decoding them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// They can be decoded, and all are finite.
    Finite,
    /// They can be decoded.
    Sound,
    /// Only decoding tells.
    Unknown,
}

/// Passes over what [`decode_part`] reads up to `end`, and fails where that does, unless it says [`Checked::Unknown`].
pub(crate) fn check(reader: &mut Reader<'_>, n: usize, end: usize) -> Result<Checked, DecodeError> {
    let head = Head::read(reader, n)?;
    let form = match head.kind {
        Kind::Xor => return Ok(Checked::Unknown),
        Kind::Scaled(form) | Kind::Bits(form) => form,
    };
    let k = head.seeds.len();
    ints::skip_first(reader, form, n - k, end.saturating_sub(k))?;
    Ok(match head.kind {
        Kind::Scaled(_) if head.exceptions.is_empty() => Checked::Finite,
        _ => Checked::Sound,
    })
}

/// What stands before the numbers of a column.
struct Head {
    /// Places, ascending, and their values.
    exceptions: Vec<(usize, f64)>,
    /// First value, and common divisor of the distances from it.
    divided: Option<(i64, i64)>,
    /// The first of the values, of their differences and so on; fewer than there are values.
    seeds: Vec<i64>,
    kind: Kind,
    exponent: u8,
}

enum Kind {
    /// Integers over a power of ten.
    Scaled(Form),
    /// The values' own bits.
    Bits(Form),
    Xor,
}

impl Head {
    fn read(reader: &mut Reader<'_>, n: usize) -> Result<Self, DecodeError> {
        let mut tag = reader.u8()?;
        let mut exceptions = Vec::new();
        if tag == EXCEPTIONS {
            let count = reader.count(n.min(reader.rest().len() / 9))?;
            let mut next = 0;
            for _ in 0..count {
                let place = next + reader.count(n)?;
                let value = f64::from_bits(reader.u64_le()?);
                if place >= n {
                    return Err(reader.error("exception out of bounds"));
                }
                exceptions.push((place, value));
                next = place + 1;
            }
            tag = reader.u8()?;
        }
        let divided = match tag {
            DIVIDED => {
                let (first, divisor) = (reader.varint()?, reader.uvarint()?);
                tag = reader.u8()?;
                Some((first, divisor as i64))
            }
            _ => None,
        };
        let seeds = match tag {
            SMOOTH => {
                let count = usize::from(reader.u8()?);
                if count > usize::from(MAX_SEEDS) || count >= n {
                    return Err(reader.error("seeds out of bounds"));
                }
                let seeds = (0..count).map(|_| reader.varint());
                let seeds = seeds.collect::<Result<Vec<_>, _>>()?;
                tag = reader.u8()?;
                seeds
            }
            _ => Vec::new(),
        };
        let (kind, exponent) = (tag & 0xf, tag >> 4);
        let bits = || kind.checked_sub(BITS).and_then(Form::from_tag);
        let kind = match kind {
            XOR if seeds.is_empty() => Kind::Xor,
            _ => match Form::from_tag(kind) {
                Some(form) => Kind::Scaled(form),
                None => Kind::Bits(bits().ok_or_else(|| reader.error("codec is not known"))?),
            },
        };
        Ok(Self {
            exceptions,
            divided,
            seeds,
            kind,
            exponent,
        })
    }

    /// Reads those at `part` of `n` integers into `integers`.
    fn integers<'i>(
        &self,
        reader: &mut Reader<'_>,
        form: Form,
        n: usize,
        part: Range<usize>,
        integers: &'i mut Vec<i64>,
    ) -> Result<&'i [i64], DecodeError> {
        let k = self.seeds.len();
        integers.clear();
        integers.extend_from_slice(&self.seeds);
        ints::decode_first(reader, form, n - k, part.end.saturating_sub(k), integers)?;
        for first in (0..k).rev() {
            let mut sum = integers[first];
            for place in &mut integers[first + 1..] {
                sum = sum.wrapping_add(*place);
                *place = sum;
            }
        }
        Ok(&integers[part])
    }
}

#[cfg(test)]
mod tests;
