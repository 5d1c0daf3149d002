//! Bits, highest first.
use crate::DecodeError;

/// Bits appended to bytes; the last byte is filled with zeros.
pub(super) struct BitWriter<'a> {
    dst: &'a mut Vec<u8>,
    /// The bits not yet written, from the top.
    pending: u64,
    n_pending: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(dst: &'a mut Vec<u8>) -> Self {
        Self {
            dst,
            pending: 0,
            n_pending: 0,
        }
    }

    /// Appends the lowest `n` bits of `bits`, at most 64.
    pub(super) fn put(&mut self, bits: u64, n: u32) {
        if n == 0 {
            return;
        }
        let bits = bits << (64 - n);
        self.pending |= bits >> self.n_pending;
        let free = 64 - self.n_pending;
        if n < free {
            self.n_pending += n;
            return;
        }
        self.dst.extend_from_slice(&self.pending.to_be_bytes());
        self.n_pending = n - free;
        // A shift by all 64 bits is not defined.
        self.pending = bits.checked_shl(free).unwrap_or(0);
    }

    /// Writes what is pending.
    pub(super) fn finish(self) {
        let n_bytes = self.n_pending.div_ceil(8) as usize;
        self.dst
            .extend_from_slice(&self.pending.to_be_bytes()[..n_bytes]);
    }
}

/// Bits read from bytes.
pub(super) struct BitReader<'a> {
    src: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(src: &'a [u8]) -> Self {
        Self { src, at: 0 }
    }

    /// How many bytes have been begun.
    pub(super) fn n_bytes(&self) -> usize {
        self.at.div_ceil(8)
    }

    /// The next `n` bits, at most 64.
    pub(super) fn get(&mut self, n: u32) -> Result<u64, DecodeError> {
        if self.at + n as usize > self.src.len() * 8 {
            return Err(DecodeError {
                offset: self.src.len(),
                what: "truncated",
            });
        }
        if n == 0 {
            return Ok(0);
        }
        let (byte, shift) = (self.at / 8, (self.at % 8) as u32);
        let left = &self.src[byte..];
        let window = left.first_chunk::<16>().copied().unwrap_or_else(|| {
            let mut window = [0; 16];
            window[..left.len()].copy_from_slice(left);
            window
        });
        let bits = (u128::from_be_bytes(window) << shift >> (128 - n)) as u64;
        self.at += n as usize;
        Ok(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_read_back(fields in prop::collection::vec((any::<u64>(), 0u32..=64), 0..40)) {
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            for (bits, n) in &fields {
                writer.put(*bits, *n);
            }
            writer.finish();
            let mut reader = BitReader::new(&bytes);
            for (bits, n) in &fields {
                let mask = if *n == 64 { u64::MAX } else { (1 << n) - 1 };
                prop_assert_eq!(reader.get(*n), Ok(bits & mask));
            }
            prop_assert_eq!(reader.n_bytes(), bytes.len());
            prop_assert!(reader.get(8).is_err());
        }
    }
}
