//! Pages of real programs, and odd ones: this parser reads and refuses what Prometheus reads and refuses.
mod common;

use std::{collections::BTreeMap, path::Path};

use common::folder;
use exposition::{
    EXEMPLAR_LABELS_LIMIT, Encoding, Entry, Exemplar, HistogramRules, Item, Parser, ScrapeProtocol,
    Series, SyntaxError, ValidationScheme, choose_format, exemplar_labels_length, read_protobuf,
};
use model::Labels;
use serde_json::Value;

/// The JSON objects of `file`, one a line.
fn json_lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What a scrape keeps of a page.
#[derive(Debug, Default)]
struct Page {
    /// Values as bits: of equal series the first, as Prometheus keeps them.
    series: BTreeMap<Labels, u64>,
    n_lines: usize,
    /// Type, help and unit.
    metadata: BTreeMap<String, [String; 3]>,
    exemplars: BTreeMap<Labels, Vec<(Labels, u64)>>,
}

fn read(page: &[u8], format: Encoding) -> Result<Page, String> {
    let mut read = Page::default();
    match format {
        Encoding::Lines(format) => {
            for entry in Parser::new(page, format) {
                match entry.map_err(|error| error.to_string())? {
                    Entry::Series(series) => keep(&mut read, &series, series.exemplar.as_slice())?,
                    entry => told(&mut read, entry),
                }
            }
        }
        Encoding::Protobuf => {
            read_protobuf(page, HistogramRules::default(), |item| {
                match item {
                    Item::Sample(sample) => keep(&mut read, &sample.series, sample.exemplars)?,
                    Item::Told(entry) => told(&mut read, entry),
                }
                Ok::<(), Failure>(())
            })
            .map_err(|Failure(why)| why)?;
        }
    }
    Ok(read)
}

/// Why a page is refused.
struct Failure(String);

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self(why)
    }
}

impl From<SyntaxError> for Failure {
    fn from(error: SyntaxError) -> Self {
        Self(error.to_string())
    }
}

fn told(read: &mut Page, entry: Entry<'_>) {
    match entry {
        Entry::Type { metric, kind } => metadata(read, &metric)[0] = kind.as_str().into(),
        Entry::Help { metric, help } => metadata(read, &metric)[1] = help.into(),
        Entry::Unit { metric, unit } => metadata(read, &metric)[2] = unit.into(),
        Entry::Series(_) | Entry::Comment(_) => {}
    }
}

fn metadata<'p>(page: &'p mut Page, metric: &str) -> &'p mut [String; 3] {
    let none = || ["unknown".into(), String::new(), String::new()];
    page.metadata.entry(metric.into()).or_insert_with(none)
}

fn keep(page: &mut Page, series: &Series<'_>, exemplars: &[Exemplar<'_>]) -> Result<(), String> {
    let labels = series.labels().map_err(|error| error.to_string())?;
    if !ValidationScheme::Utf8.accepts(&labels) {
        return Err(format!("invalid metric name or label names: {labels}"));
    }
    page.n_lines += 1;
    page.series
        .entry(labels.clone())
        .or_insert(series.value.to_bits());
    for exemplar in exemplars {
        let example = exemplar.labels().map_err(|error| error.to_string())?;
        if exemplar_labels_length(&example) <= EXEMPLAR_LABELS_LIMIT {
            let exemplars = page.exemplars.entry(labels.clone()).or_default();
            exemplars.push((example, exemplar.value.to_bits()));
        }
    }
    Ok(())
}

fn labels(json: &Value) -> Labels {
    let pairs = json.as_object().unwrap();
    Labels::from_pairs(pairs.iter().map(|(n, v)| (n, v.as_str().unwrap())))
}

/// The bits of a value that Go printed.
fn bits(json: &Value) -> u64 {
    match json.as_str().unwrap() {
        "NaN" => 0x7ff8_0000_0000_0001,
        text => text.parse::<f64>().unwrap().to_bits(),
    }
}

/// The series of a list in which `labels_3x`, where it is, says what 3.x has in place of `labels`.
fn expected_series(list: &[Value]) -> BTreeMap<Labels, u64> {
    let labels_3x = |series: &Value| match &series["labels_3x"] {
        Value::Null => labels(&series["labels"]),
        other => labels(other),
    };
    list.iter()
        .map(|series| (labels_3x(series), bits(&series["value"])))
        .collect()
}

fn expected_exemplars(list: &[Value]) -> BTreeMap<Labels, Vec<(Labels, u64)>> {
    let exemplars = |series: &Value| {
        let exemplars = series["exemplars"].as_array().unwrap();
        let exemplars = exemplars.iter();
        exemplars
            .map(|exemplar| (labels(&exemplar["labels"]), bits(&exemplar["value"])))
            .collect()
    };
    list.iter()
        .map(|series| (labels(&series["labels"]), exemplars(series)))
        .collect()
}

fn expected_metadata(list: &[Value]) -> BTreeMap<String, [String; 3]> {
    let text = |json: &Value| json.as_str().unwrap().to_owned();
    list.iter()
        .map(|json| {
            let fields = ["type", "help", "unit"].map(|field| text(&json[field]));
            (text(&json["metric"]), fields)
        })
        .collect()
}

fn format_of(case: &Value, fallback: Option<ScrapeProtocol>) -> Result<Encoding, String> {
    let content_type = case["content_type"].as_str().unwrap_or("");
    choose_format(content_type, fallback)
        .map(|chosen| chosen.format)
        .map_err(|error| error.to_string())
}

/// The lines of `expected/{page}{suffix}`; none if there is no such file.
fn expected(page: &str, suffix: &str) -> Vec<Value> {
    let name = Path::new(page).file_name().unwrap().to_str().unwrap();
    let file = folder().join("expected").join(format!("{name}{suffix}"));
    if file.exists() {
        json_lines(&file)
    } else {
        Vec::new()
    }
}

#[test]
fn pages_of_real_programs_give_what_prometheus_stored() {
    let mut n_pages = 0;
    for case in json_lines(&folder().join("expected/index.jsonl")) {
        let name = case["page"].as_str().unwrap();
        n_pages += 1;
        let bytes = std::fs::read(folder().join(name)).unwrap();
        let page = read(&bytes, format_of(&case, None).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        if case["up"] == 0 {
            // Quoted names, which the recorder did not know yet; all the rest it had read.
            assert!(name.contains("allow-utf-8"), "{name}");
            assert_eq!(page.n_lines, 40, "{name}");
            let dotted = |labels: &Labels| labels.metric_name().contains('.');
            assert!(page.series.keys().any(dotted), "{name}");
            continue;
        }
        assert_eq!(case["scraped"], page.n_lines, "{name}");
        assert_eq!(
            page.series,
            expected_series(&expected(name, ".jsonl")),
            "{name}"
        );
        let metadata = expected_metadata(&expected(name, ".metadata.jsonl"));
        assert_eq!(page.metadata, metadata, "{name}");
        // Those of old pages have times that the recorder could not ask for.
        let exemplars = expected_exemplars(&expected(name, ".exemplars.jsonl"));
        if !exemplars.is_empty() {
            assert_eq!(page.exemplars, exemplars, "{name}");
        }
    }
    assert_eq!(n_pages, 33);
}

#[test]
fn odd_pages_are_judged_as_by_prometheus() {
    let cases = json_lines(&folder().join("malformed/expected.jsonl"));
    assert_eq!(cases.len(), 64);
    for case in cases {
        let name = case["case"].as_str().unwrap();
        let file = folder()
            .join("malformed")
            .join(case["file"].as_str().unwrap());
        let text = std::fs::read_to_string(file).unwrap();
        let text = text
            .replace("@NOWS@", "1700000000")
            .replace("@NOW@", "1700000000500");
        let page = format_of(&case, None).and_then(|format| read(text.as_bytes(), format));
        let differs = &case["differs_3x"];
        let up = match &differs["up"] {
            // Either judgement will do.
            Value::Null if differs.is_object() => continue,
            Value::Null => &case["up"],
            up => up,
        };
        assert_eq!(*up, u8::from(page.is_ok()), "{name}: {page:?}");
        let Ok(page) = page else { continue };
        if let Some(series) = differs["series"].as_array() {
            let series: Vec<Labels> = series.iter().map(labels).collect();
            assert_eq!(
                page.series.keys().cloned().collect::<Vec<_>>(),
                series,
                "{name}"
            );
        } else if let Some(series) = case["series"].as_array() {
            assert_eq!(page.series, expected_series(series), "{name}");
            let exemplars = case["exemplars"].as_array().unwrap();
            assert_eq!(page.exemplars, expected_exemplars(exemplars), "{name}");
        }
    }
}

#[test]
fn a_fallback_makes_a_page_without_content_type_readable() {
    let page = std::fs::read(folder().join("malformed/ct_none.txt")).unwrap();
    let case = serde_json::json!({ "content_type": null });
    let format = format_of(&case, Some(ScrapeProtocol::PrometheusText0_0_4)).unwrap();
    assert_eq!(read(&page, format).unwrap().n_lines, 1);
}
