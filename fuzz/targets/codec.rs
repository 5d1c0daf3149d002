//! Codecs of columns: any bytes decode or fail, and what is encoded comes back bit for bit.
#![no_main]
use libfuzzer_sys::fuzz_target;
use tsdb::codec;

const LIMIT: usize = 1 << 12;

fuzz_target!(|input: &[u8]| {
    let _ = column::decode_values(input, LIMIT);
    let _ = column::decode_times(input, LIMIT);
    let _ = codec::decode_presence(input, LIMIT);
    if let Ok(histograms) = codec::decode_histograms(input, LIMIT) {
        let mut encoded = Vec::new();
        codec::encode_histograms(&mut encoded, &histograms);
        let back = codec::decode_histograms(&encoded, histograms.len());
        // As text, bounds that many histograms share would be told by each of them.
        let mut again = Vec::new();
        codec::encode_histograms(&mut again, &back.expect("decode what was encoded"));
        assert_eq!(encoded, again);
    }

    // What is taken for sound without decoding can be decoded.
    if let Some((bounds, encoded)) = input.split_first_chunk::<6>() {
        let [n, from, to] =
            [0, 2, 4].map(|i| usize::from(u16::from_le_bytes([bounds[i], bounds[i + 1]])));
        if let Ok(pack) = column::Pack::new(encoded.into(), n, from..to) {
            let values: column::Values = [pack].into_iter().collect();
            assert_eq!(values.to_numbers().len(), to - from);
        }
    }

    let (words, _) = input.as_chunks::<8>();
    let values: Vec<f64> = words.iter().map(|w| f64::from_le_bytes(*w)).collect();
    let mut encoded = Vec::new();
    column::encode_values(&mut encoded, &values);
    let back = column::decode_values(&encoded, values.len()).expect("decode what was encoded");
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&values), bits(&back));

    let times: Vec<i64> = words.iter().map(|w| i64::from_le_bytes(*w)).collect();
    encoded.clear();
    column::encode_times(&mut encoded, &times);
    let back = column::decode_times(&encoded, times.len()).expect("decode what was encoded");
    assert_eq!(times, back);
});
