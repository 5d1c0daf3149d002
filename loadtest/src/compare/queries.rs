//! What to ask: every text as an instant query and as a range query.
use std::fmt;

use model::Millis;

/// Queries over the series of a fleet, of every kind of operator.
pub const BUILT_IN: &str = r#"
up
count by (job) ({__name__=~"app_.+"})
app_http_requests_total
rate(app_http_requests_total[1m])
sum by (handler) (rate(app_http_requests_total{code="200"}[2m]))
increase(app_http_request_duration_seconds_count[2m])
histogram_quantile(0.9, sum by (le) (rate(app_http_request_duration_seconds_bucket[2m])))
histogram_quantile(0.5, rate(app_http_request_duration_seconds_bucket[2m]))
avg without (shard) (app_http_entries)
topk(3, app_http_entries)
quantile by (state) (0.75, app_http_entries)
stddev(app_grpc_load_ratio)
max_over_time(app_grpc_load_ratio[90s])
avg_over_time(app_queue_temperature_celsius[90s])
deriv(app_http_entries[2m])
delta(app_grpc_load_ratio[1m] offset 30s)
app_http_entries / on (instance, shard) group_left () sum by (instance, shard) (app_http_entries)
app_http_entries > bool 100 and app_http_entries < 5000
sum_over_time((app_http_entries > 50)[2m:20s])
label_replace(app_db_limit, "node", "$1", "zone", "eu-central-(.*)")
absent(app_nothing_at_all)
count_values("value", app_db_limit)
sort_desc(sum by (instance) (app_http_entries))
resets(app_cache_busy_seconds_total[2m])
"#;

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// PromQL.
    pub text: String,
    /// The time, or the end of the range, in seconds since the Unix epoch.
    pub end: f64,
    /// How far back it reaches and in which steps; nothing for an instant query.
    pub range: Option<(Millis, Millis)>,
}

impl Query {
    /// The path and the parameters of the HTTP API.
    pub fn path_and_query(&self) -> String {
        let mut parameters = form_urlencoded::Serializer::new(String::new());
        parameters.append_pair("query", &self.text);
        let Some((span, step)) = self.range else {
            parameters.append_pair("time", &self.end.to_string());
            return format!("/api/v1/query?{}", parameters.finish());
        };
        parameters.append_pair("start", &(self.end - span.as_seconds()).to_string());
        parameters.append_pair("end", &self.end.to_string());
        parameters.append_pair("step", &step.as_seconds().to_string());
        format!("/api/v1/query_range?{}", parameters.finish())
    }

    /// True if the order of the answer's series is part of the answer.
    pub fn is_ordered(&self) -> bool {
        self.range.is_none() && self.text.starts_with("sort")
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.range.is_some() {
            "range"
        } else {
            "instant"
        };
        write!(f, "{kind} {}", self.text)
    }
}

/// The questions in `texts`, one a line, each over an instant and over a range.
pub(super) fn of_lines(
    texts: &str,
    end: f64,
    span: Millis,
    step: Millis,
) -> impl Iterator<Item = Query> {
    let texts = texts
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    texts.flat_map(move |text| {
        [None, Some((span, step))].map(|range| Query {
            text: text.to_owned(),
            end,
            range,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Churn, Fleet, Shape};

    #[test]
    fn what_is_built_in_asks_for_series_that_fleets_have() {
        let fleet = Fleet::new(Shape {
            seed: 0,
            targets: 1,
            series: 300,
            churn: Churn {
                fraction: 0.0,
                every: Millis::from_seconds(60),
            },
            explicit_grid: None,
        });
        let mut page = Vec::new();
        fleet.write_page(
            0,
            model::Timestamp::from_millis(1_795_000_000_000),
            &mut page,
        );
        let page = String::from_utf8(page).unwrap();
        let no_name = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let words = BUILT_IN.split(no_name);
        for name in words.filter(|word| word.len() > 4 && word.starts_with("app_")) {
            let absent = name == "app_nothing_at_all";
            assert_eq!(page.contains(&format!("\n{name}{{")), !absent, "{name}");
        }
    }

    #[test]
    fn each_line_is_asked_both_ways() {
        let queries = of_lines(
            "# why\n\n up{a=\"b c\"} \n",
            1_700_000_000.5,
            Millis::from_seconds(60),
            Millis::new(1500),
        );
        let paths: Vec<String> = queries.map(|query| query.path_and_query()).collect();
        assert_eq!(
            paths,
            [
                "/api/v1/query?query=up%7Ba%3D%22b+c%22%7D&time=1700000000.5",
                "/api/v1/query_range?query=up%7Ba%3D%22b+c%22%7D&start=1699999940.5&end=1700000000.5&step=1.5",
            ]
        );
    }
}
