//! Exposition pages: any bytes give entries up to an error, and a page read against itself gives the same entries.
#![no_main]
use exposition::{Entry, Expected, Format, Parser, Series};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [format, page @ ..] = input else { return };
    let format = match format % 2 {
        0 => Format::Text,
        _ => Format::OpenMetrics,
    };
    let cold: Vec<_> = Parser::new(page, format).collect();
    let known: Vec<&Series<'_>> = cold.iter().filter_map(series).collect();
    for series in &known {
        let _ = series.labels();
    }
    let (mut warm, mut parser, mut next) = (Vec::new(), Parser::new(page, format), 0);
    loop {
        let entry = match known.get(next) {
            Some(series) => parser.next_expecting(&Expected::from(*series)),
            None => parser.next(),
        };
        match entry {
            None => break,
            Some(entry) => {
                next += usize::from(matches!(entry, Ok(Entry::Series(_))));
                warm.push(entry);
            }
        }
    }
    let samples = |entries: &[_]| -> Vec<_> {
        let told = |s: &Series<'_>| (s.text.to_owned(), s.value.to_bits(), s.timestamp);
        entries.iter().filter_map(series).map(told).collect()
    };
    assert_eq!(samples(&cold), samples(&warm));
    let failure = |entries: &[Result<Entry<'_>, _>]| entries.last().map(Result::is_err);
    assert_eq!(failure(&cold), failure(&warm));
});

fn series<'e, 'p, E>(entry: &'e Result<Entry<'p>, E>) -> Option<&'e Series<'p>> {
    match entry {
        Ok(Entry::Series(series)) => Some(series),
        _ => None,
    }
}
