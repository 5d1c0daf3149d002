//! The shell of every record: a version byte, the body, and a CRC-32 over both.
use super::DecodeError;

/// Seals `body`: appends its checksum. The body's first byte is its version.
pub(crate) fn seal(mut body: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&body);
    body.extend_from_slice(&checksum.to_le_bytes());
    body
}

/// The body of `sealed` after its version byte, if the checksum holds and the version is `version`.
pub(crate) fn open(sealed: &[u8], version: u8) -> Result<&[u8], DecodeError> {
    match open_any(sealed)? {
        (v, rest) if v == version => Ok(rest),
        _ => fail(0, "version is not known"),
    }
}

/// The version of `sealed` and the body after it, if the checksum holds.
pub(crate) fn open_any(sealed: &[u8]) -> Result<(u8, &[u8]), DecodeError> {
    let Some((body, checksum)) = sealed.split_last_chunk::<4>() else {
        return fail(sealed.len(), "truncated");
    };
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return fail(body.len(), "checksum does not match");
    }
    match body.split_first() {
        Some((version, rest)) => Ok((*version, rest)),
        None => fail(0, "version is not known"),
    }
}

fn fail<T>(offset: usize, what: &'static str) -> Result<T, DecodeError> {
    Err(DecodeError { offset, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_found() {
        let sealed = seal(vec![1, 2, 3]);
        assert_eq!(open(&sealed, 1), Ok(&[2, 3][..]));
        for bit in 0..sealed.len() * 8 {
            let mut broken = sealed.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&broken, 1).is_err());
        }
        assert!(open(&sealed, 2).is_err());
        assert!(open(&[], 1).is_err());
    }
}
