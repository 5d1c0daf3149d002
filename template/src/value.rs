//! The values of templates and how they print.
use std::collections::BTreeMap;

use model::{Labels, Sample};

/// A value as Go's templates know them.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// A truth.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list: a query's result.
    List(Vec<Value>),
    /// A map or a struct. A key that is absent has the empty text.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// A map of `pairs`.
    pub fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let own = |(name, value): (&str, Self)| (name.to_owned(), value);
        Self::Map(pairs.into_iter().map(own).collect())
    }

    /// A map of labels.
    pub fn of_labels(labels: &Labels) -> Self {
        let text = |(name, value): (&str, &str)| (name.to_owned(), Self::Text(value.to_owned()));
        Self::Map(labels.iter().map(text).collect())
    }

    /// One sample of a query's result.
    pub(super) fn of_sample(labels: &Labels, sample: Sample) -> Self {
        Self::map([
            ("Labels", Self::of_labels(labels)),
            ("Value", Self::Float(sample.value)),
        ])
    }

    /// True unless the value is Go's zero value of its type.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
        }
    }

    /// The name of its type in error texts.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    /// The text as Go's `fmt.Print` writes it.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Nil => "<no value>".to_owned(),
            Self::Bool(truth) => truth.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => go_float(*number),
            Self::Text(text) => text.clone(),
            Self::List(list) => {
                let parts: Vec<String> = list.iter().map(Self::print).collect();
                format!("[{}]", parts.join(" "))
            }
            Self::Map(map) => {
                let part = |(name, value): (&String, &Self)| format!("{name}:{}", value.print());
                let parts: Vec<String> = map.iter().map(part).collect();
                format!("map[{}]", parts.join(" "))
            }
        }
    }
}

/// A float as Go's `%v`: the shortest digits that read back, with an exponent below 1e-4 and from 1e6.
///
/// Source: Go's `strconv.FormatFloat(f, 'g', -1, 64)`.
pub(super) fn go_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific
        .split_once('e')
        .expect("the format writes an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a whole number");
    if number != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{number}")
}
