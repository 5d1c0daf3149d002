//! Queries: any text parses or gives an error, and what parses is printed as text that parses to the same.
#![no_main]
use libfuzzer_sys::fuzz_target;
use promql::{Options, parse_selector, parse_with};

fuzz_target!(|text: &str| {
    let _ = parse_selector(text);
    let Ok(expr) = parse_with(text, Options::ALL) else {
        return;
    };
    let printed = expr.to_string();
    match parse_with(&printed, Options::ALL) {
        Ok(again) => assert_eq!(printed, again.to_string(), "printed twice from {text:?}"),
        Err(error) => panic!("{text:?} prints as {printed:?}, which gives {error}"),
    }
});
