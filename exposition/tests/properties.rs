//! What holds for any page.
mod common;

use exposition::{Entry, Expected, Format, Parser, Series};
use proptest::prelude::*;

const FORMATS: [Format; 2] = [Format::Text, Format::OpenMetrics];

/// All that can be read from a page and its series.
fn read_all(page: &[u8], format: Format) -> Vec<String> {
    Parser::new(page, format)
        .map(|entry| match entry {
            Ok(Entry::Series(series)) => {
                let exemplar = series.exemplar.map(|exemplar| exemplar.labels());
                format!("{series:?} {:?} {exemplar:?}", series.labels())
            }
            other => format!("{other:?}"),
        })
        .collect()
}

/// Pieces of lines, so that random pages come deeper into the grammar than random bytes do.
fn page_of_pieces() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "a",
        "a:b",
        "le",
        "{",
        "}",
        "\"",
        "\"c\"",
        "\"1\"",
        "\\",
        "\\\"",
        "=",
        ",",
        " ",
        "\t",
        "\n",
        "1",
        "2.5",
        "NaN",
        "# ",
        "# HELP ",
        "# TYPE ",
        "# UNIT ",
        "# EOF",
        " # {",
        "histogram",
        "counter",
        "\0",
        "é",
        "#",
        "+Inf",
        "a{b=\"c\"} 1\n",
        "{\"x.y\"} 2 3\n",
        "a 1 1700000000000\n",
        "a_total 1 # {b=\"c\"} 4 5\n",
    ];
    let piece = prop_oneof![
        9 => prop::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// The series of a page up to its first error.
fn series_of(page: &[u8], format: Format) -> Vec<Series<'_>> {
    Parser::new(page, format)
        .filter_map(|entry| match entry {
            Ok(Entry::Series(series)) => Some(series),
            _ => None,
        })
        .collect()
}

/// The series of `page` and its error, if it has one.
fn plain(page: &[u8], format: Format) -> String {
    let error = Parser::new(page, format).find_map(Result::err);
    format!("{:?} {error:?}", series_of(page, format))
}

/// The same, read with the series of `previous`, in a circle, as what is expected; how many were, and how many other
/// entries came.
fn read_expecting(page: &[u8], previous: &[Series<'_>], format: Format) -> (String, usize, usize) {
    let mut parser = Parser::new(page, format);
    let (mut found, mut error) = (Vec::new(), None);
    let (mut n_expected, mut n_others) = (0, 0);
    let mut circle = previous.iter().cycle();
    let mut expected = circle.next();
    loop {
        let entry = match expected {
            Some(series) => parser.next_expecting(&Expected::from(series)),
            None => parser.next(),
        };
        match entry {
            None => return (format!("{found:?} {error:?}"), n_expected, n_others),
            Some(Ok(Entry::Series(mut series))) => {
                n_expected += usize::from(series.expected);
                series.expected = false;
                found.push(series);
                expected = circle.next();
            }
            Some(Ok(_)) => n_others += 1,
            Some(Err(found)) => error = Some(found),
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(page: Vec<u8>) {
        for format in FORMATS {
            read_all(&page, format);
        }
    }

    #[test]
    fn pieces_of_pages_are_read_without_panic(page in page_of_pieces()) {
        for format in FORMATS {
            read_all(&page, format);
        }
    }

    #[test]
    fn what_is_expected_changes_nothing_but_speed(page in page_of_pieces(), previous in page_of_pieces()) {
        for format in FORMATS {
            for previous in [&previous, &page] {
                let previous = series_of(previous, format);
                prop_assert_eq!(read_expecting(&page, &previous, format).0, plain(&page, format));
            }
        }
    }

    #[test]
    fn labels_are_read_back_as_they_were_written(
        metric in "[a-z.\\\\\"\n é]{1,8}",
        pairs in prop::collection::btree_map("[a-z.\\\\\" é]{1,6}", "[a-z\\\\\"\n{},= é\u{0}]{1,9}", 0..4),
    ) {
        let escaped = |text: &str| {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
        };
        let mut line = format!("{{{}", escaped(&metric));
        for (name, value) in &pairs {
            line += &format!(",{}={}", escaped(name), escaped(value));
        }
        let page = format!("{line}}} 1\n# EOF\n");
        for format in FORMATS {
            let series = series_of(page.as_bytes(), format);
            let labels = series[0].labels().unwrap();
            let mut expected = model::Labels::from_pairs(&pairs).to_builder();
            expected.set(model::METRIC_NAME, &metric);
            prop_assert_eq!(labels, expected.build());
        }
    }
}

#[test]
fn on_a_page_that_comes_again_every_series_is_expected() {
    for name in [
        "node_exporter-1.5.0.prom.txt",
        "prometheus_client_python-0.26.0.om.txt",
    ] {
        let page = std::fs::read(common::folder().join("pages").join(name)).unwrap();
        let format = if name.contains(".om.") {
            Format::OpenMetrics
        } else {
            Format::Text
        };
        let previous = series_of(&page, format);
        let (found, n_expected, n_others) = read_expecting(&page, &previous, format);
        assert_eq!(
            (found, n_expected, n_others),
            (plain(&page, format), previous.len(), 0)
        );
    }
}

#[test]
fn metadata_that_changes_is_given() {
    let page = |kind: &str, value: i32| format!("# TYPE h {kind}\nh{{le=\"1\"}} {value}\ni 1\n");
    let (previous, page) = (page("gauge", 1), page("histogram", 2));
    let previous = series_of(previous.as_bytes(), Format::Text);
    let (found, n_expected, n_others) = read_expecting(page.as_bytes(), &previous, Format::Text);
    assert_eq!(found, plain(page.as_bytes(), Format::Text));
    assert_eq!((n_expected, n_others), (2, 1));
}
