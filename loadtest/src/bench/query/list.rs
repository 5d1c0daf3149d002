//! The queries of dashboards, from the lightest to the heaviest.
use form_urlencoded::Serializer;
use model::Timestamp;

/// One query of the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// What it is called in the table.
    pub(super) name: &'static str,
    /// PromQL, or the name of a label.
    text: &'static str,
    asked: Asked,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Instant,
    /// So many seconds back, in steps of so many.
    Range(i64, i64),
    /// The values of a label.
    Values,
}

const fn shape(name: &'static str, text: &'static str, asked: Asked) -> Shape {
    Shape { name, text, asked }
}

use Asked::{Instant, Range, Values};

pub(super) const LIST: [Shape; 15] = [
    shape(
        "one series, instant",
        r#"http_requests_total{instance="10.0.0.3:8080",path="/api/v1/items/7",code="200",method="GET"}"#,
        Instant,
    ),
    shape(
        "sum by (job) (rate) over all, instant",
        "sum by (job) (rate(http_requests_total[5m]))",
        Instant,
    ),
    shape(
        "sum by (code) (rate), 1 h at 15 s",
        "sum by (code) (rate(http_requests_total[5m]))",
        Range(3600, 15),
    ),
    shape(
        "histogram_quantile over all, instant",
        "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
        Instant,
    ),
    shape(
        "histogram_quantile by path, 1 h at 60 s",
        "histogram_quantile(0.9, sum by (le, path) (rate(http_request_duration_seconds_bucket[5m])))",
        Range(3600, 60),
    ),
    shape(
        "topk(10, rate), instant",
        "topk(10, rate(http_requests_total[5m]))",
        Instant,
    ),
    shape(
        "count by (pod), instant",
        "count by (pod) (http_requests_total)",
        Instant,
    ),
    shape(
        "count of all series, instant",
        r#"count({__name__=~".+"})"#,
        Instant,
    ),
    shape(
        "join on 4 labels, instant",
        "rate(http_requests_total[5m]) * on (job, instance, namespace, pod) group_left (version) service_info",
        Instant,
    ),
    shape(
        "regex selector, sum (rate), instant",
        r#"sum(rate(http_requests_total{path=~".*/items/1.",code!~"5.."}[5m]))"#,
        Instant,
    ),
    shape(
        "max_over_time 30 m, 1 h at 15 s",
        r#"max by (queue) (max_over_time(queue_depth{instance="10.0.0.3:8080"}[30m]))"#,
        Range(3600, 15),
    ),
    shape(
        "sum by (instance) (rate), 6 h at 60 s",
        "sum by (instance) (rate(http_requests_total[5m]))",
        Range(6 * 3600, 60),
    ),
    shape(
        "subquery, instant",
        "max_over_time(sum by (job) (rate(http_requests_total[5m]))[1h:1m])",
        Instant,
    ),
    shape(
        "gauges as they are, 1 h at 60 s",
        "container_memory_bytes",
        Range(3600, 60),
    ),
    shape("values of one label", "pod", Values),
];

impl Shape {
    /// The path and the parameters under which it is asked for as of `end`.
    pub(super) fn path_and_query(&self, end: Timestamp) -> String {
        let mut parameters = Serializer::new(String::new());
        let end = end.as_millis() / 1000;
        match self.asked {
            Instant => {
                parameters.append_pair("query", self.text);
                parameters.append_pair("time", &end.to_string());
                format!("/api/v1/query?{}", parameters.finish())
            }
            Range(span, step) => {
                parameters.append_pair("query", self.text);
                parameters.append_pair("start", &(end - span).to_string());
                parameters.append_pair("end", &end.to_string());
                parameters.append_pair("step", &step.to_string());
                format!("/api/v1/query_range?{}", parameters.finish())
            }
            Values => {
                parameters.append_pair("start", &(end - 3600).to_string());
                parameters.append_pair("end", &end.to_string());
                format!("/api/v1/label/{}/values?{}", self.text, parameters.finish())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_parses() {
        for shape in LIST {
            if !matches!(shape.asked, Values) {
                let parsed = promql::parse(shape.text);
                assert!(parsed.is_ok(), "{}: {parsed:?}", shape.name);
            }
        }
    }

    #[test]
    fn a_range_reaches_back_from_the_end() {
        let path = LIST[2].path_and_query(Timestamp::from_millis(1_700_000_000_000));
        assert!(
            path.ends_with("&start=1699996400&end=1700000000&step=15"),
            "{path}"
        );
    }
}
