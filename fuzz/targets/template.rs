//! Templates of alerts: any text parses or is refused, and executes to a text or an error.
#![no_main]
use libfuzzer_sys::fuzz_target;
use model::{Labels, Sample, Timestamp};
use template::{Context, Template, Value};

fuzz_target!(|text: &str| {
    let Ok(template) = Template::parse("fuzz", text) else {
        return;
    };
    let now = Timestamp::from_millis(1_700_000_000_000);
    let sample = Sample {
        at: now,
        value: 12.5,
    };
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "x")]);
    let query = |query: &str| match query.len() % 3 {
        0 => Err("no".to_owned()),
        n => Ok(vec![(labels.clone(), sample); n]),
    };
    let context = Context {
        now,
        external_url: "http://localhost:9090",
        query: &query,
    };
    let _ = template.execute(&Value::Float(3.0), &context);
});
