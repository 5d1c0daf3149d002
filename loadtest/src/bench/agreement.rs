//! How far two answers are apart.
use std::collections::BTreeMap;

use serde_json::Value;

/// The greatest relative difference of two values of the same series and time.
///
/// # Errors
/// What one answer has and the other lacks.
pub(super) fn distance(ours: &Value, theirs: &Value) -> Result<f64, String> {
    let (ours_points, theirs_points) = (points(ours)?, points(theirs)?);
    let missing = |of: &BTreeMap<_, _>, from: &BTreeMap<(String, String), f64>| {
        from.keys().find(|key| !of.contains_key(*key)).cloned()
    };
    if let Some((series, at)) = missing(&theirs_points, &ours_points) {
        return Err(format!("they lack {series} at {at}"));
    }
    if let Some((series, at)) = missing(&ours_points, &theirs_points) {
        return Err(format!("we lack {series} at {at}"));
    }
    let apart = ours_points.iter().map(|(key, a)| {
        let b = theirs_points[key];
        match a.to_bits() == b.to_bits() || *a == b || (a.is_nan() && b.is_nan()) {
            true => 0.0,
            false => (a - b).abs() / a.abs().max(b.abs()),
        }
    });
    Ok(apart.fold(0.0, f64::max))
}

/// The values of an answer by series and time; of a list of texts, one for each.
fn points(answer: &Value) -> Result<BTreeMap<(String, String), f64>, String> {
    if answer["status"] != "success" {
        return Err(format!("no success: {}", answer["error"]));
    }
    let result = match &answer["data"] {
        Value::Array(texts) => {
            let named = texts
                .iter()
                .map(|text| ((text.to_string(), String::new()), 0.0));
            return Ok(named.collect());
        }
        data => &data["result"],
    };
    let mut found = BTreeMap::new();
    for series in result.as_array().into_iter().flatten() {
        let name = series["metric"].to_string();
        let one = Some(&series["value"]).filter(|value| !value.is_null());
        for point in series["values"].as_array().into_iter().flatten().chain(one) {
            let value = point[1].as_str().and_then(|text| text.parse().ok());
            let value = value.ok_or_else(|| format!("{point} of {name} is no value"))?;
            found.insert((name.clone(), point[0].to_string()), value);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_compared_point_by_point() {
        let answer = |value: &str| {
            let series = json!({ "metric": { "a": "1" }, "values": [[1, value], [2, "4"]] });
            json!({ "status": "success", "data": { "result": [series] } })
        };
        assert_eq!(distance(&answer("1"), &answer("1")), Ok(0.0));
        assert_eq!(distance(&answer("1"), &answer("2")), Ok(0.5));
        assert_eq!(distance(&answer("NaN"), &answer("NaN")), Ok(0.0));
        let empty = json!({ "status": "success", "data": { "result": [] } });
        assert_eq!(
            distance(&answer("1"), &empty),
            Err(r#"they lack {"a":"1"} at 1"#.to_owned())
        );
        let values = |list: &[&str]| json!({ "status": "success", "data": list });
        assert_eq!(distance(&values(&["a"]), &values(&["a"])), Ok(0.0));
        assert!(distance(&values(&["a"]), &values(&["b"])).is_err());
        let failed = json!({ "status": "error", "error": "x" });
        assert!(distance(&failed, &empty).is_err());
    }
}
