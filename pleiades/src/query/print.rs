//! Results as promtool prints them: `up{job="a"} => 1 @[1435781430.781]`.
//!
//! Source: prometheus/common, `model/value.go`.
use anyhow::{Context as _, bail};
use serde_json::Value;

/// The result in `data`, of any type.
pub(super) fn result(data: &Value) -> anyhow::Result<String> {
    let result = &data["result"];
    let entries = || result.as_array().context("the result is no list");
    match data["resultType"].as_str() {
        Some("scalar") => Ok(format!("scalar: {}", pair(result))),
        Some("string") => Ok(result[1].as_str().unwrap_or_default().to_owned()),
        Some("vector") => {
            let line = |entry: &Value| {
                format!("{} => {}", metric(&entry["metric"]), pair(&entry["value"]))
            };
            Ok(entries()?.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Some("matrix") => {
            let series = |entry: &Value| {
                let values = entry["values"].as_array().into_iter().flatten();
                let values: Vec<String> = values.map(pair).collect();
                format!("{} =>\n{}", metric(&entry["metric"]), values.join("\n"))
            };
            Ok(entries()?.iter().map(series).collect::<Vec<_>>().join("\n"))
        }
        other => bail!("the result has the unknown type {other:?}"),
    }
}

/// `1 @[1435781430.781]`
fn pair(pair: &Value) -> String {
    format!("{} @[{}]", pair[1].as_str().unwrap_or_default(), pair[0])
}

/// `up{instance="a", job="b"}`
pub(super) fn metric(metric: &Value) -> String {
    let labels = metric.as_object().into_iter().flatten();
    let name = metric["__name__"].as_str().unwrap_or_default();
    let pairs: Vec<String> = labels
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    match (pairs.is_empty(), name.is_empty()) {
        (true, false) => name.to_owned(),
        _ => format!("{name}{{{}}}", pairs.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_vector_prints_a_line_a_series() {
        let data = json!({"resultType": "vector", "result": [
            {"metric": {"__name__": "up", "job": "a", "instance": "b"}, "value": [1.5, "1"]},
            {"metric": {"__name__": "up"}, "value": [2, "NaN"]},
            {"metric": {}, "value": [2, "3"]},
        ]});
        expect_test::expect![[r#"
            up{instance="b", job="a"} => 1 @[1.5]
            up => NaN @[2]
            {} => 3 @[2]"#]]
        .assert_eq(&result(&data).unwrap());
    }

    #[test]
    fn a_matrix_prints_a_line_a_value() {
        let data = json!({"resultType": "matrix", "result": [
            {"metric": {"__name__": "up"}, "values": [[1, "1"], [2, "0"]]},
        ]});
        expect_test::expect![[r#"
            up =>
            1 @[1]
            0 @[2]"#]]
        .assert_eq(&result(&data).unwrap());
    }
}
