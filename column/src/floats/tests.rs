//! Golden bytes, sizes, and any floats at all.
use super::*;
use crate::{Reader, decode_values, encode_values, hex};
use expect_test::{Expect, expect};
use proptest::prelude::*;

/// Prometheus' staleness marker: a float whose payload counts.
const STALE_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

#[track_caller]
fn check(values: &[f64], bytes: Expect) {
    let mut dst = Vec::new();
    encode(&mut dst, values);
    bytes.assert_eq(&hex(&dst));
    let mut reader = Reader::new(&dst);
    let back = decode(&mut reader, values.len()).unwrap();
    assert_eq!(bits(&back), bits(values));
    assert!(reader.finish().is_ok());
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn golden_bytes() {
    check(&[0.0; 32], expect!["00 00 00"]);
    check(&[0.5, 0.5, 1.5], expect!["10 0a 02 1e 00"]);
    check(&[10.0, 20.0, 30.0, 40.0], expect!["01 14 14 00"]);
    check(
        &[4096.0, 8192.0, 4096.0, 409600.0],
        expect!["0c 80 40 80 20 02 00 07 00 04 06 30"],
    );
    check(
        &[1.0, STALE_NAN, 3.0, 4.0],
        expect!["0b 01 01 02 00 00 00 00 00 f0 7f 02 02 02 0b"],
    );
    check(
        &[1.0 / 3.0, 2.0 / 3.0],
        expect!["0a 3f d5 55 55 55 55 55 55 d4 16"],
    );
    let cubes: Vec<f64> = (0..24).map(|i| f64::from(i * i * i)).collect();
    check(&cubes, expect!["0d 01 00 04 02 0c 0c 00"]);
    check(&[f64::NAN; 8], expect!["0a 7f f8 00 00 00 00 00 00 00"]);
    check(&[-0.0], expect!["0a 80 00 00 00 00 00 00 00"]);
    check(
        &[f64::INFINITY, f64::MAX, f64::MIN_POSITIVE],
        expect!["09 80 80 80 80 80 80 80 f0 ff 01 01 fb ff ff ff ff ff ff df ff 01 00"],
    );
}

/// A sequence of pseudo-random numbers in `0..1`, the same in every run.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Bytes a sample, in hundredths.
fn hundredths(values: &[f64]) -> usize {
    let mut dst = Vec::new();
    encode(&mut dst, values);
    let back = decode(&mut Reader::new(&dst), values.len()).unwrap();
    assert_eq!(bits(&back), bits(values));
    dst.len() * 100 / values.len()
}

#[test]
fn usual_series_are_small() {
    let mut random = noise(7);
    let mut total = 1e6;
    let counter: Vec<f64> = (0..480)
        .map(|_| {
            total += (100.0 + 20.0 * random()).round();
            total
        })
        .collect();
    let seconds: Vec<f64> = counter.iter().map(|v| v / 100.0).collect();
    let pages: Vec<f64> = (0..480)
        .map(|_| (1000.0 + 50.0 * random()).round() * 4096.0)
        .collect();
    let constant = [17.25; 480];
    let noisy: Vec<f64> = (0..480).map(|_| random()).collect();
    let mut reset = counter.clone();
    reset[240..].iter_mut().for_each(|v| *v -= 1_020_000.0);
    let wave: Vec<f64> = (0..480)
        .map(|i| f64::from(i) * 15.0 + (f64::from(i) * 0.05).sin() * 100.0)
        .collect();
    let waves: Vec<f64> = wave.iter().map(|v| (v * 10.0).floor()).collect();
    let all = [
        &counter,
        &seconds,
        &pages,
        &constant[..],
        &noisy,
        &reset,
        &wave,
        &waves,
    ];
    let sizes = all.map(hundredths);
    expect!["[65, 65, 78, 0, 702, 116, 442, 40]"].assert_eq(&format!("{sizes:?}"));
}

fn columns() -> impl Strategy<Value = Vec<f64>> {
    let float = prop_oneof![
        4 => any::<u64>().prop_map(f64::from_bits),
        4 => (-1000i64..1000).prop_map(|i| i as f64),
        4 => (-100_000i64..100_000, 0u32..6).prop_map(|(i, e)| i as f64 / 10f64.powi(e as i32)),
        1 => Just(STALE_NAN),
        1 => Just(-0.0),
        1 => Just(f64::NEG_INFINITY),
    ];
    prop_oneof![
        prop::collection::vec(float, 1..200),
        prop::collection::vec((0i64..50).prop_map(|i| i as f64 * 0.01), 1..200),
        (any::<[i8; 5]>(), 1usize..300, any::<bool>()).prop_map(|(by, n, is_whole)| {
            let smooth = |i: usize| {
                let power = |(k, by): (usize, &i8)| f64::from(*by) * (i as f64).powi(k as i32);
                let value: f64 = by.iter().enumerate().map(power).sum();
                if is_whole { value } else { value.sin() * 1e3 }
            };
            (0..n).map(smooth).collect()
        }),
        (
            prop::collection::vec((0u64..100).prop_map(|i| i as f64), 20..200),
            any::<u64>(),
            0usize..20
        )
            .prop_map(|(mut values, odd, place)| {
                values[place] = f64::from_bits(odd);
                values
            }),
    ]
}

proptest! {
    #[test]
    fn floats_come_back_bit_for_bit(values in columns()) {
        let mut dst = Vec::new();
        encode(&mut dst, &values);
        let mut reader = Reader::new(&dst);
        prop_assert_eq!(bits(&decode(&mut reader, values.len()).unwrap()), bits(&values));
        prop_assert!(reader.finish().is_ok());
        // Never much more than the floats themselves.
        prop_assert!(dst.len() <= values.len() * 9 + 16);
        let mut wire = Vec::new();
        encode_values(&mut wire, &values);
        prop_assert_eq!(bits(&decode_values(&wire, values.len()).unwrap()), bits(&values));
        prop_assert!(decode_values(&wire, values.len() - 1).is_err());
    }

    #[test]
    fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>, n in 1usize..1000) {
        let _ = decode(&mut Reader::new(&bytes), n);
        let _ = decode_values(&bytes, 1000);
    }
}
