//! Rule files: any text is read or refused.
#![no_main]
use config::{Outside, parse_rules};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let template = |name: &str, text: &str| match template::Template::parse(name, text) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    let outside = Outside {
        template: &template,
        promql: promql::Options::ALL,
        ..Outside::default()
    };
    let _ = parse_rules("rules.yml", text, Default::default(), &outside);
});
