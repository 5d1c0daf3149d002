//! Floats as the bits in which they differ from their predecessor: what no decimal scale fits.
//!
//! ```text
//! first value, 64 bits | for each other: 0                       it is the same
//!                                        10 bits                 it differs within the window of the last
//!                                        11 zeros:5 n:6 bits     a new window, n bits (0 = 64) behind so many zeros
//! ```
//!
//! Source: Pelkonen et al., "Gorilla: A Fast, Scalable, In-Memory Time Series Database", 2015, section 4.1.2.
use crate::{
    DecodeError, Reader,
    bits::{BitReader, BitWriter},
};

/// The bits of a difference that are written.
#[derive(Clone, Copy)]
struct Window {
    leading: u32,
    trailing: u32,
}

impl Window {
    fn of(xor: u64) -> Self {
        Self {
            leading: xor.leading_zeros().min(31),
            trailing: xor.trailing_zeros(),
        }
    }

    fn holds(self, other: Self) -> bool {
        self.leading <= other.leading && self.trailing <= other.trailing
    }

    fn width(self) -> u32 {
        64 - self.leading - self.trailing
    }
}

/// The length in bytes.
pub(super) fn size(values: &[f64]) -> usize {
    let mut n_bits = 0;
    each(values, |_, n| n_bits += n as usize);
    n_bits.div_ceil(8)
}

/// Appends `values`.
pub(super) fn encode(dst: &mut Vec<u8>, values: &[f64]) {
    let mut bits = BitWriter::new(dst);
    each(values, |field, n| bits.put(field, n));
    bits.finish();
}

/// Calls `put` with each field and its width in bits.
fn each(values: &[f64], mut put: impl FnMut(u64, u32)) {
    let Some((first, rest)) = values.split_first() else {
        return;
    };
    let mut last = first.to_bits();
    put(last, 64);
    let mut window: Option<Window> = None;
    for value in rest {
        let xor = value.to_bits() ^ last;
        last = value.to_bits();
        if xor == 0 {
            put(0, 1);
            continue;
        }
        let own = Window::of(xor);
        match window.filter(|w| w.holds(own)) {
            // A window much wider than needed costs more than a new one.
            Some(w) if w.width() <= own.width() + 11 => {
                put(0b10, 2);
                put(xor >> w.trailing, w.width());
            }
            _ => {
                put(0b11, 2);
                put(u64::from(own.leading), 5);
                put(u64::from(own.width() % 64), 6);
                put(xor >> own.trailing, own.width());
                window = Some(own);
            }
        }
    }
}

/// Reads `n` values; the caller bounds `n`.
pub(super) fn decode(reader: &mut Reader<'_>, n: usize) -> Result<Vec<f64>, DecodeError> {
    let mut values = Vec::with_capacity(n.min(reader.rest().len() * 8));
    if n == 0 {
        return Ok(values);
    }
    let mut bits = BitReader::new(reader.rest());
    let mut last = bits.get(64)?;
    values.push(f64::from_bits(last));
    let mut window = Window {
        leading: 0,
        trailing: 0,
    };
    for _ in 1..n {
        if bits.get(1)? == 1 {
            if bits.get(1)? == 1 {
                let leading = bits.get(5)? as u32;
                let width = match bits.get(6)? as u32 {
                    0 => 64,
                    width => width,
                };
                let trailing = (64 - leading).checked_sub(width);
                let trailing = trailing.ok_or_else(|| reader.error("window out of bounds"))?;
                window = Window { leading, trailing };
            }
            last ^= bits.get(window.width())? << window.trailing;
        }
        values.push(f64::from_bits(last));
    }
    reader.take(bits.n_bytes())?;
    Ok(values)
}
