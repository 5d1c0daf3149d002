//! Claims of a signed token: whatever YAML can say, as JSON.
use serde_json::{Map, Value as Json};

use crate::{
    Error,
    decode::{Decode, wrong_kind},
    yaml::{Node, Value, as_bool},
};

/// Names and values, as they stand in the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims(pub Map<String, Json>);

impl Decode for Claims {
    const GO: &'static str = "map[string]interface {}";

    fn decode(node: &Node) -> Result<Self, Error> {
        match json(node) {
            Json::Object(claims) => Ok(Self(claims)),
            _ => wrong_kind(node, Self::GO),
        }
    }
}

/// `node` as Go's YAML reads it if nothing says what it is to be.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Sequence(items) => Json::Array(items.iter().map(json).collect()),
        Value::Mapping(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| (key.text.clone(), json(value)));
            Json::Object(pairs.collect())
        }
        Value::Scalar { text, plain: false } => text.as_str().into(),
        Value::Scalar { text, plain: true } => as_bool(text)
            .map(Json::Bool)
            .or_else(|| text.parse::<i64>().ok().map(Json::from))
            // What JSON cannot write stays a text.
            .or_else(|| serde_json::Number::from_f64(text.parse().ok()?).map(Json::Number))
            .unwrap_or_else(|| text.as_str().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    #[test]
    fn claims_are_what_yaml_says() {
        let text = "{a: 1, b: '1', c: 1.5, d: true, e: ~, f: [x, {g: .inf}], h: 2020-01-01}";
        let claims = Claims::decode(&parse(text).unwrap()).unwrap();
        assert_eq!(
            Json::Object(claims.0).to_string(),
            r#"{"a":1,"b":"1","c":1.5,"d":true,"e":null,"f":["x",{"g":".inf"}],"h":"2020-01-01"}"#
        );
    }
}
