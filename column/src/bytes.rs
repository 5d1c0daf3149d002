//! Reading and writing bytes: varints, fixed words, slices with a bound.

/// The bytes end, or break, at `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct DecodeError {
    /// Offset into what was decoded, in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// Appends `n` in groups of seven bits, lowest first.
pub fn put_uvarint(dst: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        dst.push(n as u8 | 0x80);
        n >>= 7;
    }
    dst.push(n as u8);
}

/// Appends `n` so that small numbers of either sign are short.
pub fn put_varint(dst: &mut Vec<u8>, n: i64) {
    put_uvarint(dst, zigzag(n));
}

/// Appends the length of `bytes`, then `bytes`.
pub fn put_bytes(dst: &mut Vec<u8>, bytes: &[u8]) {
    put_uvarint(dst, bytes.len() as u64);
    dst.extend_from_slice(bytes);
}

/// Maps 0, -1, 1, -2 … to 0, 1, 2, 3 …
pub const fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub const fn unzigzag(n: u64) -> i64 {
    ((n >> 1) as i64) ^ -((n & 1) as i64)
}

/// The number of bytes that [`put_uvarint`] appends.
pub const fn uvarint_len(n: u64) -> usize {
    (70 - (n | 1).leading_zeros() as usize) / 7
}

/// A place in bytes that are being read.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    src: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `src` from its first byte.
    pub fn new(src: &'a [u8]) -> Self {
        Self { src, at: 0 }
    }

    /// The error `what` at the present place.
    pub fn error(&self, what: &'static str) -> DecodeError {
        DecodeError {
            offset: self.at,
            what,
        }
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        &self.src[self.at..]
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Something has not been read.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.rest() {
            [] => Ok(()),
            _ => Err(self.error("trailing bytes")),
        }
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// There are fewer.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let bytes = self
            .rest()
            .get(..n)
            .ok_or_else(|| self.error("truncated"))?;
        self.at += n;
        Ok(bytes)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// There are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("`take` gives as many as asked for"))
    }

    /// The next byte.
    ///
    /// # Errors
    /// There is none.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// Eight bytes, the lowest first.
    ///
    /// # Errors
    /// There are fewer.
    pub fn u64_le(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// What [`put_uvarint`] wrote.
    ///
    /// # Errors
    /// It ends too early, or is longer than 64 bits.
    pub fn uvarint(&mut self) -> Result<u64, DecodeError> {
        let (mut n, mut shift) = (0u64, 0u32);
        loop {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 || shift > 63 {
                return Err(self.error("varint longer than 64 bits"));
            }
            n |= bits << shift;
            if byte < 0x80 {
                return Ok(n);
            }
            shift += 7;
        }
    }

    /// What [`put_varint`] wrote.
    ///
    /// # Errors
    /// As [`Self::uvarint`].
    pub fn varint(&mut self) -> Result<i64, DecodeError> {
        self.uvarint().map(unzigzag)
    }

    /// A count or length of at most `max`.
    ///
    /// # Errors
    /// It is greater, or as [`Self::uvarint`].
    pub fn count(&mut self, max: usize) -> Result<usize, DecodeError> {
        let n = self.uvarint()?;
        match usize::try_from(n) {
            Ok(n) if n <= max => Ok(n),
            _ => Err(self.error("count out of bounds")),
        }
    }

    /// What [`put_bytes`] wrote.
    ///
    /// # Errors
    /// There are fewer bytes than it says.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let n = self.count(self.rest().len())?;
        self.take(n)
    }

    /// What [`put_bytes`] wrote, as text.
    ///
    /// # Errors
    /// As [`Self::bytes`], or it is no UTF-8.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.error("text is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_read_back(n: u64, m: i64) {
            let mut bytes = Vec::new();
            put_uvarint(&mut bytes, n);
            prop_assert_eq!(bytes.len(), uvarint_len(n));
            put_varint(&mut bytes, m);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.uvarint(), Ok(n));
            prop_assert_eq!(reader.varint(), Ok(m));
            prop_assert!(reader.finish().is_ok());
        }

        #[test]
        fn any_bytes_read_or_fail_without_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while reader.uvarint().is_ok() {}
            let _ = Reader::new(&bytes).text();
        }
    }

    #[test]
    fn a_varint_of_more_than_64_bits_is_refused() {
        let bytes = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(
            Reader::new(&bytes).uvarint(),
            Err(DecodeError {
                offset: 10,
                what: "varint longer than 64 bits"
            })
        );
    }
}
