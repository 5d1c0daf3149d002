//! A gzip stream that is small on the wire and huge behind it.
use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};

/// What each block holds, in bytes.
const BLOCK_BYTES: usize = 1 << 20;

/// One gzip member of `length` bytes, rounded down to whole blocks, of good lines.
///
/// A block that ends in a full flush refers to nothing before it, so one block, compressed once, can be sent over
/// and over; only the checksum in the trailer covers them all.
pub(super) fn gzip(length: usize) -> impl Iterator<Item = Bytes> {
    const HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    const LAST_BLOCK: &[u8] = &[3, 0];
    let n_blocks = length / BLOCK_BYTES;
    let plain = b"bomb 1\n\n".repeat(BLOCK_BYTES / 8);
    let mut trailer = LAST_BLOCK.to_vec();
    trailer.extend_from_slice(&checksum(&plain, n_blocks).to_le_bytes());
    trailer.extend_from_slice(&((n_blocks * BLOCK_BYTES) as u32).to_le_bytes());
    [Bytes::from_static(HEADER)]
        .into_iter()
        .chain(std::iter::repeat_n(Bytes::from(block(&plain)), n_blocks))
        .chain([Bytes::from(trailer)])
}

/// `plain` as deflate blocks that stand for themselves, none marked as the last.
fn block(plain: &[u8]) -> Vec<u8> {
    let mut deflated = Vec::with_capacity(plain.len() / 64);
    Compress::new(Compression::best(), false)
        .compress_vec(plain, &mut deflated, FlushCompress::Full)
        .expect("a fresh compressor takes any bytes");
    deflated
}

/// The CRC-32 of `plain` written `times` times.
fn checksum(plain: &[u8], mut times: usize) -> u32 {
    let mut whole = crc32fast::Hasher::new();
    // Squaring: `part` covers 1, 2, 4, … copies.
    let mut part = crc32fast::Hasher::new();
    part.update(plain);
    while times > 0 {
        if times % 2 == 1 {
            whole.combine(&part);
        }
        let twice = part.clone();
        part.combine(&twice);
        times /= 2;
    }
    whole.finalize()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_bomb_is_one_whole_gzip_member() {
        let bytes: Vec<u8> = gzip(3 * BLOCK_BYTES + 5).flatten().collect();
        assert!(bytes.len() < 64 << 10, "{}", bytes.len());
        let mut plain = Vec::new();
        let mut decoder = flate2::bufread::GzDecoder::new(&bytes[..]);
        decoder.read_to_end(&mut plain).unwrap();
        assert_eq!(plain.len(), 3 * BLOCK_BYTES);
        assert!(plain.starts_with(b"bomb 1\n\nbomb 1\n"));
    }
}
