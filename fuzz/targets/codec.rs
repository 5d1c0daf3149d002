//! Codecs of columns: any bytes decode or fail, and what is encoded comes back bit for bit.
#![no_main]
use libfuzzer_sys::fuzz_target;
use tsdb::codec;

const LIMIT: usize = 1 << 12;

fuzz_target!(|input: &[u8]| {
    let _ = codec::decode_values(input, LIMIT);
    let _ = codec::decode_times(input, LIMIT);
    let _ = codec::decode_presence(input, LIMIT);
    if let Ok(histograms) = codec::decode_histograms(input, LIMIT) {
        let mut encoded = Vec::new();
        codec::encode_histograms(&mut encoded, &histograms);
        let back = codec::decode_histograms(&encoded, histograms.len());
        let back = back.expect("decode what was encoded");
        let text = |histograms| format!("{histograms:?}");
        assert_eq!(text(histograms), text(back));
    }

    let (words, _) = input.as_chunks::<8>();
    let values: Vec<f64> = words.iter().map(|w| f64::from_le_bytes(*w)).collect();
    let mut encoded = Vec::new();
    codec::encode_values(&mut encoded, &values);
    let back = codec::decode_values(&encoded, values.len()).expect("decode what was encoded");
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&values), bits(&back));

    let times: Vec<i64> = words.iter().map(|w| i64::from_le_bytes(*w)).collect();
    encoded.clear();
    codec::encode_times(&mut encoded, &times);
    let back = codec::decode_times(&encoded, times.len()).expect("decode what was encoded");
    assert_eq!(times, back);
});
