//! A page of OpenMetrics as one of the text format, for those who do not ask for the former.
use exposition::{Entry, Format, Parser};
use model::MetricType;

/// `page`, which is one of our own, in the text format.
///
/// A counter's family has the name of its series there, and what the format does not know is told by what comes closest.
pub(super) fn of_open_metrics(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut about: Option<String> = None;
    for entry in Parser::new(page.as_bytes(), Format::OpenMetrics).map_while(Result::ok) {
        match entry {
            Entry::Help { help, .. } => about = Some(escaped(&help)),
            Entry::Type { metric, kind } => {
                let (suffix, kind) = in_text(kind);
                if let Some(help) = about.take() {
                    text += &format!("# HELP {metric}{suffix} {help}\n");
                }
                text += &format!("# TYPE {metric}{suffix} {kind}\n");
            }
            Entry::Series(series) => {
                // The page is a string, and so is every part of it.
                text += &String::from_utf8_lossy(series.text);
                text.push(' ');
                text += &String::from_utf8_lossy(series.value_text);
                text.push('\n');
            }
            Entry::Unit { .. } | Entry::Comment(_) => {}
        }
    }
    text
}

/// What stands behind the name of a family, and how its kind is called.
const fn in_text(kind: MetricType) -> (&'static str, &'static str) {
    match kind {
        MetricType::Counter => ("_total", "counter"),
        MetricType::Gauge | MetricType::StateSet => ("", "gauge"),
        MetricType::Info => ("_info", "gauge"),
        MetricType::Histogram => ("", "histogram"),
        MetricType::Summary => ("", "summary"),
        MetricType::GaugeHistogram | MetricType::Unknown => ("", "untyped"),
    }
}

fn escaped(help: &str) -> String {
    help.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_text_format_has_names_and_kinds_of_its_own() {
        let page = "\
            # HELP a Some \\\"a\\\"\\nmore.\n# TYPE a counter\n# UNIT a \na_total{x=\"y z\"} 3 # {id=\"1\"} 1\n\
            # TYPE build info\nbuild_info{v=\"\\\"1\"} 1\n\
            # HELP h_seconds H.\n# TYPE h_seconds histogram\n# UNIT h_seconds seconds\n\
            h_seconds_sum 0.5\nh_seconds_count 1\nh_seconds_bucket{le=\"0.5\"} 1\nh_seconds_bucket{le=\"+Inf\"} 1\n\
            # EOF\n";
        expect![[r##"
            # HELP a_total Some "a"\nmore.
            # TYPE a_total counter
            a_total{x="y z"} 3
            # TYPE build_info gauge
            build_info{v="\"1"} 1
            # HELP h_seconds H.
            # TYPE h_seconds histogram
            h_seconds_sum 0.5
            h_seconds_count 1
            h_seconds_bucket{le="0.5"} 1
            h_seconds_bucket{le="+Inf"} 1
        "##]]
        .assert_eq(&of_open_metrics(page));
    }
}
