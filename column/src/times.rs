//! Times of rows or samples: integers under the smallest form.
use crate::{
    DecodeError, Reader,
    ints::{self, Form},
};

/// Appends `times`, of which there is at least one.
pub fn encode(dst: &mut Vec<u8>, times: &[i64]) {
    let (form, _) = ints::best(times);
    dst.push(form.tag());
    ints::encode(dst, form, times);
}

/// Reads `n` times, at least one; the caller bounds `n`.
///
/// # Errors
/// The bytes are something else.
pub fn decode(reader: &mut Reader<'_>, n: usize) -> Result<Vec<i64>, DecodeError> {
    let form = Form::from_tag(reader.u8()?);
    let form = form.ok_or_else(|| reader.error("form is not known"))?;
    ints::decode(reader, form, n)
}

#[cfg(test)]
mod tests {
    use crate::{decode_times, encode_times, hex};
    use expect_test::expect;
    use proptest::prelude::*;

    #[test]
    fn golden_bytes() {
        let mut dst = Vec::new();
        encode_times(&mut dst, &[1000, 16_000, 31_000, 46_007]);
        expect!["04 03 d0 0f b0 ea 01 03 03 80"].assert_eq(&hex(&dst));
    }

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(times: Vec<i64>) {
            let mut dst = Vec::new();
            encode_times(&mut dst, &times);
            prop_assert_eq!(decode_times(&dst, times.len()), Ok(times));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
            let _ = decode_times(&bytes, 1000);
        }
    }
}
