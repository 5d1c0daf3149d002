//! Configuration files: any text is read or refused.
#![no_main]
use std::path::Path;

use config::{Bundle, Config, Outside, WebConfig, parse_target_groups};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = parse_target_groups(text);
    let bundle = Bundle {
        path: "/etc/prometheus/prometheus.yml".into(),
        main: text.to_owned(),
        ..Bundle::default()
    };
    if let Ok(config) = Config::from_bundle(&bundle, &Outside::default()) {
        config.shown(&bundle).expect("show what was read");
    }
    let _ = WebConfig::parse(text, Path::new("/etc/prometheus"));
});
