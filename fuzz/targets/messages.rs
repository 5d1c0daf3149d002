//! Protobuf pages: any bytes give items up to an error, those of one page are the same each time, and every series that has
//! labels has valid ones; histograms hold what a histogram must.
#![no_main]
use exposition::{HistogramRules, Item, SyntaxError, read_protobuf};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [flags, page @ ..] = input else { return };
    let rules = HistogramRules {
        native: flags & 1 != 0,
        always_classic: flags & 2 != 0,
        to_nhcb: flags & 4 != 0,
    };
    let first = read(page, rules);
    assert_eq!(first, read(page, rules));
    // The same message, whole from outside.
    if let Ok(length) = u8::try_from(page.len())
        && length < 128
    {
        read(&[&[length], page].concat(), rules);
    }
});

/// The texts and values of the samples, and whether the page is whole.
fn read(page: &[u8], rules: HistogramRules) -> (Vec<(Vec<u8>, u64)>, bool) {
    let mut samples = Vec::new();
    let result = read_protobuf(page, rules, |item| {
        if let Item::Sample(sample) = item {
            let series = &sample.series;
            if let Ok(labels) = series.labels() {
                assert!(labels.iter().all(|(_, value)| !value.is_empty()));
            }
            if let Some(histogram) = &sample.histogram {
                assert!(rules.native || rules.to_nhcb);
                histogram.check().unwrap();
                assert_eq!(histogram.sum.to_bits(), series.value.to_bits());
            }
            for exemplar in sample.exemplars {
                let _ = exemplar.labels();
            }
            samples.push((series.text.to_owned(), series.value.to_bits()));
        }
        Ok::<(), SyntaxError>(())
    });
    (samples, result.is_ok())
}
