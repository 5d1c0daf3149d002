//! Two answers of the API, side by side.
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Query;

/// What differs, a line for each difference; warnings and notes of an answer are not compared.
///
/// Series are matched by their labels but `without_labels`; their order counts only where the query sorts.
pub fn differences(
    query: &Query,
    left: &Value,
    right: &Value,
    without_labels: &[String],
) -> Vec<String> {
    let head = |answer: &Value| {
        [
            &answer["status"],
            &answer["errorType"],
            &answer["error"],
            &answer["data"]["resultType"],
        ]
        .map(Value::to_string)
    };
    let (left_head, right_head) = (head(left), head(right));
    if left_head != right_head {
        return vec![both("answer", &left_head.join(" "), &right_head.join(" "))];
    }
    let (left, right) = (&left["data"]["result"], &right["data"]["result"]);
    let is_series = |result: &Value| {
        result
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_object))
    };
    if !is_series(left) || !is_series(right) {
        let (left, right) = (left.to_string(), right.to_string());
        return (left != right)
            .then(|| both("result", &left, &right))
            .into_iter()
            .collect();
    }
    let (left, right) = (series(left, without_labels), series(right, without_labels));
    let mut found = of_series(&left, &right);
    let names = |series: &[Series]| {
        series
            .iter()
            .map(|series| series.name.clone())
            .collect::<Vec<_>>()
    };
    if found.is_empty() && query.is_ordered() && names(&left) != names(&right) {
        found.push(both(
            "order",
            &names(&left).join(" "),
            &names(&right).join(" "),
        ));
    }
    found
}

/// A series of an answer.
struct Series {
    /// Its labels, as JSON, sorted.
    name: String,
    /// Time and kind of each value, as JSON, to its value.
    points: BTreeMap<String, String>,
}

fn series(result: &Value, without_labels: &[String]) -> Vec<Series> {
    let list = result.as_array().into_iter().flatten();
    list.map(|series| {
        let labels: Map<String, Value> = series["metric"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| !without_labels.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut points = BTreeMap::new();
        for kind in ["value", "histogram", "values", "histograms"] {
            let of_kind = &series[kind];
            let several = of_kind.as_array().filter(|_| kind.ends_with('s'));
            let one = Some(of_kind).filter(|_| !kind.ends_with('s') && !of_kind.is_null());
            for point in several.into_iter().flatten().chain(one) {
                let at = format!("{kind} at {}", point[0]);
                points.insert(at, point[1].to_string());
            }
        }
        Series {
            name: Value::Object(labels).to_string(),
            points,
        }
    })
    .collect()
}

fn of_series(left: &[Series], right: &[Series]) -> Vec<String> {
    let by_name = |series: &[Series]| {
        let mut named: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
        for series in series {
            let points = series.points.clone();
            named.entry(series.name.clone()).or_default().push(points);
        }
        named
    };
    let (left, mut right) = (by_name(left), by_name(right));
    let mut found = Vec::new();
    for (name, ours) in left {
        match right.remove(&name) {
            None => found.push(format!("{name} only on the left")),
            Some(theirs) if ours.len() != theirs.len() => {
                found.push(both(
                    &name,
                    &format!("{} times", ours.len()),
                    &format!("{} times", theirs.len()),
                ));
            }
            Some(theirs) => {
                for (ours, theirs) in ours.iter().zip(&theirs) {
                    of_points(&name, ours, theirs, &mut found);
                }
            }
        }
    }
    found.extend(
        right
            .into_keys()
            .map(|name| format!("{name} only on the right")),
    );
    found
}

fn of_points(
    name: &str,
    left: &BTreeMap<String, String>,
    right: &BTreeMap<String, String>,
    found: &mut Vec<String>,
) {
    let nothing = "nothing".to_owned();
    let mut times: Vec<&String> = left.keys().chain(right.keys()).collect();
    times.sort();
    times.dedup();
    for at in times {
        let (ours, theirs) = (
            left.get(at).unwrap_or(&nothing),
            right.get(at).unwrap_or(&nothing),
        );
        if ours != theirs {
            found.push(both(&format!("{name} {at}"), ours, theirs));
        }
    }
}

fn both(what: &str, left: &str, right: &str) -> String {
    format!("{what}: left {left}, right {right}")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, left: Value, right: Value, expected: Expect) {
        let query = Query {
            text: text.to_owned(),
            end: 0.0,
            range: None,
        };
        let answer = |result: Value| json!({ "status": "success", "data": { "resultType": "vector", "result": result } });
        let wrap = |answer_or_result: Value| match answer_or_result {
            Value::Array(_) => answer(answer_or_result),
            whole => whole,
        };
        let found = differences(&query, &wrap(left), &wrap(right), &["node".to_owned()]);
        expected.assert_eq(&found.join("\n"));
    }

    #[test]
    fn series_are_matched_by_labels_in_any_order() {
        let (a, b) = (
            json!({ "metric": { "a": "1", "node": "x" }, "value": [1.5, "1"] }),
            json!({ "metric": { "a": "2" }, "value": [1.5, "2"] }),
        );
        let other_node = json!({ "metric": { "a": "1" }, "value": [1.5, "1"] });
        check("x", json!([a, b]), json!([b, other_node]), expect![""]);
        check(
            "sort(x)",
            json!([a, b]),
            json!([b, other_node]),
            expect![[r#"order: left {"a":"1"} {"a":"2"}, right {"a":"2"} {"a":"1"}"#]],
        );
    }

    #[test]
    fn values_times_and_missing_series_are_told() {
        check(
            "x",
            json!([
                { "metric": { "a": "1" }, "values": [[1, "1"], [2, "0.1"]] },
                { "metric": { "a": "2" }, "values": [[1, "1"]] },
            ]),
            json!([
                { "metric": { "a": "1" }, "values": [[2, "0.10000000000000002"], [3, "1"]] },
                { "metric": { "a": "3" }, "values": [[1, "1"]] },
            ]),
            expect![[r#"
                {"a":"1"} values at 1: left "1", right nothing
                {"a":"1"} values at 2: left "0.1", right "0.10000000000000002"
                {"a":"1"} values at 3: left nothing, right "1"
                {"a":"2"} only on the left
                {"a":"3"} only on the right"#]],
        );
    }

    #[test]
    fn errors_are_compared_as_answers() {
        let error =
            |text: &str| json!({ "status": "error", "errorType": "bad_data", "error": text });
        check("x", error("why"), error("why"), expect![""]);
        check(
            "x",
            error("why"),
            json!([]),
            expect![[
                r#"answer: left "error" "bad_data" "why" null, right "success" null null "vector""#
            ]],
        );
        let scalar = |value: &str| json!({ "status": "success", "data": { "resultType": "scalar", "result": [1, value] } });
        check(
            "1",
            scalar("1"),
            scalar("2"),
            expect![[r#"result: left [1,"1"], right [1,"2"]"#]],
        );
    }
}
