//! Numbers as text, appended without allocating, and the hash that all chance comes from.
use std::io::Write as _;

use xxhash_rust::xxh3::xxh3_64;

/// A number that depends on all of `parts` and looks like chance.
pub(crate) fn hash<const N: usize>(parts: [u64; N]) -> u64 {
    let mut bytes = [[0; 8]; N];
    for (bytes, part) in bytes.iter_mut().zip(parts) {
        *bytes = part.to_le_bytes();
    }
    xxh3_64(bytes.as_flattened())
}

/// A number in `[0, 1)` from the bits of `hash` above `shift`; shifts up to 32 give independent numbers.
pub(crate) fn fraction(hash: u64, shift: u32) -> f64 {
    f64::from((hash >> shift) as u32) / 4_294_967_296.0
}

/// Appends a whole number.
pub(super) fn push_whole(page: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    page.extend_from_slice(&digits[start..]);
}

/// Appends `number / 10^decimals` with that many decimals.
pub(super) fn push_decimal(page: &mut Vec<u8>, number: u64, decimals: u32) {
    let scale = 10_u64.pow(decimals);
    push_whole(page, number / scale);
    // A one before the decimals keeps their leading zeros; the point takes its place.
    let point = page.len();
    push_whole(page, scale + number % scale);
    page[point] = b'.';
}

/// Appends a number with as few digits as give it back bit for bit.
pub(super) fn push_float(page: &mut Vec<u8>, number: f64) {
    write!(page, "{number}").expect("a Vec takes whatever is written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        let mut page = Vec::new();
        for number in [0, 7, 10, u64::MAX] {
            push_whole(&mut page, number);
            page.push(b' ');
        }
        for number in [0, 5, 12_345] {
            push_decimal(&mut page, number, 3);
            page.push(b' ');
        }
        push_float(&mut page, 0.1);
        assert_eq!(page, b"0 7 10 18446744073709551615 0.000 0.005 12.345 0.1");
    }
}
