//! From nodes to values: what a field may hold, which fields there are, and what is said if neither fits.
use std::collections::BTreeMap;

use model::{Millis, parse_duration};

use crate::{
    Error,
    error::Misfit,
    yaml::{Node, Value, as_bool},
};

/// A value that can be read from a node that is not null.
pub(crate) trait Decode: Sized {
    /// What Go calls the type, where it is said that a list of it is none.
    const GO: &'static str = "config.plain";

    fn decode(node: &Node) -> Result<Self, Error>;
}

/// The misfit of a node that should have been a Go value of type `wanted`.
pub(crate) fn wrong_kind<T>(node: &Node, wanted: &str) -> Result<T, Error> {
    let what = format!("cannot unmarshal {} into {wanted}", node.described());
    Err(Error::misfit(node.place.line, what))
}

fn scalar<T>(
    node: &Node,
    wanted: &str,
    read: impl FnOnce(&str, bool) -> Option<T>,
) -> Result<T, Error> {
    let value = match &node.value {
        Value::Scalar { text, plain } => read(text, *plain),
        _ => None,
    };
    value.map_or_else(|| wrong_kind(node, wanted), Ok)
}

impl Decode for String {
    const GO: &'static str = "string";

    fn decode(node: &Node) -> Result<Self, Error> {
        match node.value {
            // An item of a list may be null, which is the empty text.
            Value::Null => Ok(Self::new()),
            _ => scalar(node, "string", |text, _| Some(text.to_owned())),
        }
    }
}

impl Decode for bool {
    const GO: &'static str = "bool";

    fn decode(node: &Node) -> Result<Self, Error> {
        scalar(node, "bool", |text, plain| as_bool(text).filter(|_| plain))
    }
}

impl Decode for u64 {
    const GO: &'static str = "uint";

    fn decode(node: &Node) -> Result<Self, Error> {
        scalar(node, "uint", |text, plain| {
            integer(text)
                .and_then(|n| n.try_into().ok())
                .filter(|_| plain)
        })
    }
}

impl Decode for i64 {
    const GO: &'static str = "int";

    fn decode(node: &Node) -> Result<Self, Error> {
        scalar(node, "int", |text, plain| {
            integer(text)
                .and_then(|n| n.try_into().ok())
                .filter(|_| plain)
        })
    }
}

impl Decode for f64 {
    const GO: &'static str = "float64";

    fn decode(node: &Node) -> Result<Self, Error> {
        scalar(node, "float64", |text, plain| {
            text.replace('_', "").parse().ok().filter(|_| plain)
        })
    }
}

/// A whole number: decimal, `0x1f`, `0o17`, `0b1`, with underscores, or a float without a fraction.
fn integer(text: &str) -> Option<i128> {
    let text = text.replace('_', "");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)));
    let value = match radix {
        Some((digits, radix)) => i128::from_str_radix(digits, radix).ok()?,
        None => digits.parse::<i128>().ok().or_else(|| {
            let float = digits.parse::<f64>().ok()?;
            // Beyond 2^53 a float does not tell whole numbers apart.
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i128)
        })?,
    };
    Some(if negative { -value } else { value })
}

impl Decode for Millis {
    const GO: &'static str = "model.Duration";

    fn decode(node: &Node) -> Result<Self, Error> {
        let text = String::decode(node)?;
        parse_duration(&text).map_err(|error| Error::invalid(node.place.line, error))
    }
}

impl<T: Decode> Decode for Option<T> {
    const GO: &'static str = T::GO;

    fn decode(node: &Node) -> Result<Self, Error> {
        match node.value {
            Value::Null => Ok(None),
            _ => T::decode(node).map(Some),
        }
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node) -> Result<Self, Error> {
        match &node.value {
            Value::Sequence(items) => collected(items.iter().map(T::decode)),
            _ => wrong_kind(node, &format!("[]{}", T::GO)),
        }
    }
}

/// A mapping with text on both sides; a null value is empty.
pub(crate) type Texts = BTreeMap<String, String>;

impl<T: Decode + Default> Decode for BTreeMap<String, T> {
    fn decode(node: &Node) -> Result<Self, Error> {
        let Value::Mapping(pairs) = &node.value else {
            return wrong_kind(node, "map[string]string");
        };
        let mut map = Self::new();
        for (key, value) in pairs {
            let value = Option::<T>::decode(value)?.unwrap_or_default();
            if map.insert(key.text.clone(), value).is_some() {
                let what = format!("key {:?} already set in map", key.text);
                return Err(Error::misfit(key.line, what));
            }
        }
        Ok(map)
    }
}

/// All values, or all misfits, or the first error that is none.
fn collected<T>(values: impl Iterator<Item = Result<T, Error>>) -> Result<Vec<T>, Error> {
    let (mut good, mut misfits) = (Vec::new(), Vec::new());
    for value in values {
        match value {
            Ok(value) => good.push(value),
            Err(Error::Shape(more)) => misfits.extend(more),
            Err(error) => return Err(error),
        }
    }
    match misfits.is_empty() {
        true => Ok(good),
        false => Err(Error::Shape(misfits)),
    }
}

/// The fields of one mapping, taken one by one; what is left in the end is unknown.
///
/// Values that do not fit are remembered, so that [`Fields::finish`] can name them all, as Go's YAML does.
pub(crate) struct Fields<'n> {
    type_name: &'static str,
    line: usize,
    left: Vec<(&'n str, usize, &'n Node)>,
    misfits: Vec<Misfit>,
}

impl<'n> Fields<'n> {
    /// The fields of `node`, which Go reads into a struct called `type_name`.
    pub(crate) fn of(node: &'n Node, type_name: &'static str) -> Result<Self, Error> {
        let Value::Mapping(pairs) = &node.value else {
            return wrong_kind(node, type_name);
        };
        let mut left: Vec<(&str, usize, &Node)> = Vec::with_capacity(pairs.len());
        let mut misfits = Vec::new();
        for (key, value) in pairs {
            if left.iter().any(|(name, ..)| *name == key.text) {
                let what = format!("field {} already set in type {type_name}", key.text);
                misfits.push(Misfit {
                    line: key.line,
                    what,
                });
            } else {
                left.push((key.text.as_str(), key.line, value));
            }
        }
        Ok(Self {
            type_name,
            line: node.place.line,
            left,
            misfits,
        })
    }

    /// The line on which the mapping begins.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// An error about the mapping as a whole.
    pub(crate) fn invalid(&self, what: impl std::fmt::Display) -> Error {
        Error::invalid(self.line, what)
    }

    /// Takes the node of field `name`, null or not.
    pub(crate) fn node(&mut self, name: &str) -> Option<&'n Node> {
        let at = self.left.iter().position(|(known, ..)| *known == name)?;
        Some(self.left.swap_remove(at).2)
    }

    /// Takes the fields whose names `wanted` wants, in the order of the text, with their lines.
    pub(crate) fn matching(
        &mut self,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<(&'n str, usize, &'n Node)> {
        let (mut taken, left): (Vec<_>, Vec<_>) =
            self.left.drain(..).partition(|(name, ..)| wanted(name));
        self.left = left;
        taken.sort_by_key(|(_, line, _)| *line);
        taken
    }

    /// Takes the value of field `name`; none if it is absent, null or does not fit.
    pub(crate) fn get<T: Decode>(&mut self, name: &str) -> Result<Option<T>, Error> {
        match self.node(name) {
            None => Ok(None),
            Some(node) => self.fitting(Option::<T>::decode(node)).map(Option::flatten),
        }
    }

    /// Takes the value of field `name`, or `default`.
    pub(crate) fn or<T: Decode>(&mut self, name: &str, default: T) -> Result<T, Error> {
        Ok(self.get(name)?.unwrap_or(default))
    }

    /// Takes the value of field `name`, or nothing, zero, the empty one.
    pub(crate) fn or_default<T: Decode + Default>(&mut self, name: &str) -> Result<T, Error> {
        Ok(self.get(name)?.unwrap_or_default())
    }

    /// Lets a misfit pass until the end.
    pub(crate) fn fitting<T>(&mut self, value: Result<T, Error>) -> Result<Option<T>, Error> {
        match value {
            Ok(value) => Ok(Some(value)),
            Err(Error::Shape(misfits)) => {
                self.misfits.extend(misfits);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Fails if fields are left, or if a value did not fit.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let mut misfits = std::mem::take(&mut self.misfits);
        misfits.extend(self.left.drain(..).map(|(name, line, _)| Misfit {
            line,
            what: format!("field {name} not found in type {}", self.type_name),
        }));
        misfits.sort_by_key(|misfit| misfit.line);
        match misfits.is_empty() {
            true => Ok(()),
            false => Err(Error::Shape(misfits)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    fn decoded<T: Decode>(text: &str) -> Result<T, String> {
        T::decode(&parse(text).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn scalars_are_read_as_go_reads_them() {
        assert_eq!(decoded::<String>("1.50"), Ok("1.50".to_owned()));
        assert_eq!(decoded::<String>("yes"), Ok("yes".to_owned()));
        assert_eq!(decoded("yes"), Ok(true));
        assert_eq!(
            decoded::<bool>("'yes'"),
            Err(
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `yes` into bool"
                    .to_owned()
            )
        );
        assert_eq!(
            [decoded("1_000"), decoded("0x10"), decoded("1e3")],
            [Ok(1000_u64), Ok(16), Ok(1000)]
        );
        assert_eq!(
            decoded::<u64>("-1"),
            Err(
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `-1` into uint"
                    .to_owned()
            )
        );
        assert_eq!(decoded("-12"), Ok(-12_i64));
        assert_eq!(decoded("0.5"), Ok(0.5));
        assert_eq!(decoded("1m30s"), Ok(Millis::from_seconds(90)));
        assert_eq!(
            decoded::<Millis>("soon"),
            Err("not a valid duration string: \"soon\"".to_owned())
        );
        assert_eq!(decoded("[a, null]"), Ok(vec![Some("a".to_owned()), None]));
        assert_eq!(
            decoded::<Vec<String>>("localhost:9090"),
            Err(
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `localho...` into []string"
                    .to_owned()
            )
        );
        assert_eq!(
            decoded::<String>("[a]"),
            Err("yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into string".to_owned())
        );
        assert_eq!(
            decoded::<bool>("a long word"),
            Err(
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `a long ...` into bool"
                    .to_owned()
            )
        );
        assert!(
            decoded::<Texts>("{a: b, a: c}")
                .unwrap_err()
                .contains("key \"a\" already set in map")
        );
    }

    #[test]
    fn all_misfits_of_a_mapping_are_named() {
        let node = parse("a: [x]\nb: 1\nb: 2\nc: null\nd: 3").unwrap();
        let mut fields = Fields::of(&node, "config.plain").unwrap();
        assert_eq!(fields.get::<bool>("a"), Ok(None));
        assert_eq!(fields.get::<u64>("b"), Ok(Some(1)));
        assert_eq!(fields.get::<u64>("c"), Ok(None));
        expect_test::expect![[r#"
            yaml: unmarshal errors:
              line 1: cannot unmarshal !!seq into bool
              line 3: field b already set in type config.plain
              line 5: field d not found in type config.plain"#]]
        .assert_eq(&fields.finish().unwrap_err().to_string());
    }
}
