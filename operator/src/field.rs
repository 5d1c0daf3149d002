//! Fields of an object, read by name; what does not fit is told with its path.
use std::collections::BTreeMap;

use serde_json::Value;

/// Why an object is refused: a text that names the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason(pub(crate) String);

impl Reason {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

pub(crate) type Result<T> = std::result::Result<T, Reason>;

/// A value of an object, or the lack of one, and where it stands. Absent and null are the same, as in Kubernetes.
#[derive(Clone, Debug)]
pub(crate) struct Field<'v> {
    path: String,
    value: Option<&'v Value>,
}

impl<'v> Field<'v> {
    /// The whole object.
    pub(crate) fn root(value: &'v Value) -> Self {
        Self::at(String::new(), Some(value))
    }

    fn at(path: String, value: Option<&'v Value>) -> Self {
        let value = value.filter(|value| !value.is_null());
        Self { path, value }
    }

    /// The field of that name; absent if this is absent or no object: see [`Field::object`].
    pub(crate) fn get(&self, name: &str) -> Self {
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        Self::at(path, self.value.and_then(|value| value.get(name)))
    }

    pub(crate) fn is_there(&self) -> bool {
        self.value.is_some()
    }

    /// This if it is there.
    pub(crate) fn there(self) -> Option<Self> {
        self.is_there().then_some(self)
    }

    /// A reason that names this field.
    pub(crate) fn reason(&self, what: impl std::fmt::Display) -> Reason {
        Reason(format!("{}: {what}", self.path))
    }

    fn misfit<T>(&self, wanted: &str) -> Result<T> {
        let found = match self.value {
            None | Some(Value::Null) => "nothing",
            Some(Value::Bool(_)) => "a boolean",
            Some(Value::Number(_)) => "a number",
            Some(Value::String(_)) => "a string",
            Some(Value::Array(_)) => "a list",
            Some(Value::Object(_)) => "an object",
        };
        Err(self.reason(format!("expected {wanted}, found {found}")))
    }

    /// Refuses what is there and no object.
    pub(crate) fn object(&self) -> Result<&Self> {
        match self.value {
            None | Some(Value::Object(_)) => Ok(self),
            Some(_) => self.misfit("an object"),
        }
    }

    /// A string; none if it is absent.
    pub(crate) fn str(&self) -> Result<Option<&'v str>> {
        match self.value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => self.misfit("a string"),
        }
    }

    /// A string that is not empty; none if it is absent or empty.
    pub(crate) fn text(&self) -> Result<Option<&'v str>> {
        Ok(self.str()?.filter(|text| !text.is_empty()))
    }

    pub(crate) fn bool(&self) -> Result<Option<bool>> {
        match self.value {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => self.misfit("true or false"),
        }
    }

    /// A whole number from zero up.
    pub(crate) fn number(&self) -> Result<Option<u64>> {
        match self.value.map(Value::as_u64) {
            None => Ok(None),
            Some(Some(number)) => Ok(Some(number)),
            Some(None) => self.misfit("a whole number"),
        }
    }

    /// A name or a number, as ports have it; none if it is absent, empty or zero.
    pub(crate) fn name_or_number(&self) -> Result<Option<NameOrNumber<'v>>> {
        match self.value {
            None => Ok(None),
            Some(Value::String(name)) => Ok((!name.is_empty()).then_some(NameOrNumber::Name(name))),
            Some(Value::Number(n)) if n.as_u64().is_some() => {
                let number = n.as_u64().filter(|n| *n != 0);
                Ok(number.map(NameOrNumber::Number))
            }
            Some(_) => self.misfit("a name or a number"),
        }
    }

    /// The items of a list; none if it is absent.
    pub(crate) fn items(&self) -> Result<Vec<Self>> {
        match self.value {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                let item = |(i, item)| Self::at(format!("{}[{i}]", self.path), Some(item));
                Ok(items.iter().enumerate().map(item).collect())
            }
            Some(_) => self.misfit("a list"),
        }
    }

    /// A list of strings; none if it is absent.
    pub(crate) fn strings(&self) -> Result<Vec<&'v str>> {
        let strings = self.items()?.into_iter().map(|item| match item.str()? {
            Some(text) => Ok(text),
            None => item.misfit("a string"),
        });
        strings.collect()
    }

    /// The fields of an object by their names, in the names' order; none if it is absent.
    pub(crate) fn fields(&self) -> Result<BTreeMap<&'v str, Self>> {
        match self.value {
            None => Ok(BTreeMap::new()),
            Some(Value::Object(fields)) => {
                let fields = fields.keys();
                Ok(fields.map(|name| (name.as_str(), self.get(name))).collect())
            }
            Some(_) => self.misfit("an object"),
        }
    }

    /// Strings by their names; none if it is absent.
    pub(crate) fn labels(&self) -> Result<BTreeMap<String, String>> {
        let fields = self.fields()?.into_iter();
        let label = |(name, field): (&str, Self)| {
            Ok((name.to_owned(), field.str()?.unwrap_or("").to_owned()))
        };
        fields.map(label).collect()
    }

    /// The value as it is; null if it is absent.
    pub(crate) fn value(&self) -> Value {
        self.value.cloned().unwrap_or(Value::Null)
    }
}

/// A port by its name or by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameOrNumber<'v> {
    Name(&'v str),
    Number(u64),
}

impl std::fmt::Display for NameOrNumber<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}
