//! What the lines of good pages give.
use std::fmt::Write;

use expect_test::{Expect, expect};
use exposition::{Entry, Format, Parser, Series};

/// One line for each entry.
fn shown(page: &str, format: Format) -> String {
    let mut text = String::new();
    for entry in Parser::new(page.as_bytes(), format) {
        match entry.unwrap() {
            Entry::Series(series) => show_series(&mut text, &series),
            Entry::Comment(comment) => {
                writeln!(text, "comment {:?}", String::from_utf8_lossy(comment)).unwrap();
            }
            other => writeln!(text, "{other:?}").unwrap(),
        }
    }
    text
}

fn show_series(text: &mut String, series: &Series<'_>) {
    write!(text, "{} {}", series.labels().unwrap(), series.value).unwrap();
    if let Some(at) = series.timestamp {
        write!(text, " @{at}").unwrap();
    }
    if let Some(exemplar) = series.exemplar {
        write!(text, " # {} {}", exemplar.labels().unwrap(), exemplar.value).unwrap();
        if let Some(at) = exemplar.timestamp {
            write!(text, " @{at}").unwrap();
        }
    }
    text.push('\n');
}

#[track_caller]
fn check(format: Format, page: &str, expected: Expect) {
    expected.assert_eq(&shown(page, format));
}

#[test]
fn metadata_and_comments_of_the_text_format() {
    check(
        Format::Text,
        "# HELP a Text with \\\\ and \\n and \\\".\n#\tTYPE  a\tcounter\n# HELP \"b.c\" Dots.\n\n\
         # HELPless\n#\n#TYPE d gauge\n# HELP e\n# HELP e \t \n# EOF\n# HELP f \u{0}g",
        expect![[r##"
            Help { metric: "a", help: "Text with \\ and \n and \\\"." }
            Type { metric: "a", kind: Counter }
            Help { metric: "b.c", help: "Dots." }
            comment "# HELPless"
            comment "#"
            comment "#TYPE d gauge"
            Help { metric: "e", help: "" }
            Help { metric: "e", help: "" }
            comment "# EOF"
            Help { metric: "f", help: "\0g" }
        "##]],
    );
}

#[test]
fn series_of_the_text_format() {
    check(
        Format::Text,
        "a 1\na{b=\"c\",} 2 1395066363000\n  a { b = \"c\" , d= \"e\" }\t3 \t4 \n\
         a{b=\"c\" d=\"e\"}5\n{\"x.y\",\"l\\\"1\"=\"\\\\ \\n \\\" \\t\"} 6\n{b=\"c\",\"x.y\"} 7\n\
         :a:b{e=\"\",\"é\"=\"ü\"} 8",
        expect![[r#"
            {__name__="a"} 1
            {__name__="a", b="c"} 2 @1395066363.000
            {__name__="  a", b="c", d="e"} 3 @0.004
            {__name__="a", b="c", d="e"} 5
            {__name__="x.y", "l\"1"="\\ \n \" \\t"} 6
            {__name__="x.y", b="c"} 7
            {__name__=":a:b", "é"="ü"} 8
        "#]],
    );
}

#[test]
fn bounds_and_quantiles_are_written_as_numbers_below_their_type_alone() {
    check(
        Format::Text,
        "h_bucket{le=\"1\"} 1\n# TYPE h histogram\nh_bucket{le=\"1\",quantile=\"1\"} 1\n\
         h_bucket{le=\"x\"} 1\n# TYPE s summary\ns{quantile=\"1\",le=\"1\"} 1\n# TYPE c untyped\nc{le=\"1\"} 1\n",
        expect![[r#"
            {__name__="h_bucket", le="1"} 1
            Type { metric: "h", kind: Histogram }
            {__name__="h_bucket", le="1.0", quantile="1"} 1
            {__name__="h_bucket", le="x"} 1
            Type { metric: "s", kind: Summary }
            {__name__="s", le="1", quantile="1.0"} 1
            Type { metric: "c", kind: Unknown }
            {__name__="c", le="1"} 1
        "#]],
    );
}

#[test]
fn lines_of_openmetrics() {
    check(
        Format::OpenMetrics,
        "# HELP a_seconds Text with \\\\ and \\n and \\\".\n# TYPE a_seconds summary\n\
         # UNIT a_seconds seconds\na_seconds{quantile=\"0\"} 4.9351e-05 123.1234\n\
         # UNIT b \n# TYPE \"c.d\" info\n{\"c.d_info\",q=\"0.9\"} 1\n{q=\"0.9\",\"c.d_info\"} 1\n\
         # TYPE f counter\nf_total 17.0 1520879607.789 # {id=\"counter\\\"test\"} 5\n\
         f_created 1520872607.123\nf_total{a=\"b\"} 17.0 # {\"x.y\"=\"z\",a=\"b\"} 5 0.5\n\
         f_total{a=\"c\"} 1 # {} 2\n# EOF\n",
        expect![[r#"
            Help { metric: "a_seconds", help: "Text with \\ and \n and \"." }
            Type { metric: "a_seconds", kind: Summary }
            Unit { metric: "a_seconds", unit: "seconds" }
            {__name__="a_seconds", quantile="0.0"} 0.000049351 @123.123
            Unit { metric: "b", unit: "" }
            Type { metric: "c.d", kind: Info }
            {__name__="c.d_info", q="0.9"} 1
            {__name__="c.d_info", q="0.9"} 1
            Type { metric: "f", kind: Counter }
            {__name__="f_total"} 17 @1520879607.789 # {id="counter\\\"test"} 5
            {__name__="f_created"} 1520872607.123
            {__name__="f_total", a="b"} 17 # {a="b", "x.y"="z"} 5 @0.500
            {__name__="f_total", a="c"} 1 # {} 2
        "#]],
    );
}

#[test]
fn a_name_that_comes_twice_is_an_error_of_the_labels() {
    let error = |page: &str| {
        let entry = Parser::new(page.as_bytes(), Format::Text).next();
        match entry {
            Some(Ok(Entry::Series(series))) => series.labels().unwrap_err().to_string(),
            other => panic!("{other:?}"),
        }
    };
    let not_unique = |name: &str| format!("label name \"{name}\" is not unique: invalid sample");
    assert_eq!(error("a{x=\"1\",x=\"1\"} 1\n"), not_unique("x"));
    assert_eq!(error("a{__name__=\"b\"} 1\n"), not_unique("__name__"));
}

#[test]
fn a_quoted_name_that_is_not_utf_8_is_an_error_of_the_labels() {
    let entry = Parser::new(b"{\"a\xff\"} 1\n", Format::Text).next();
    let Some(Ok(Entry::Series(series))) = entry else {
        panic!("{entry:?}")
    };
    assert_eq!(
        series.labels().unwrap_err().to_string(),
        r#"invalid metric name or label names: "{\"a\xff\"}""#
    );
}
