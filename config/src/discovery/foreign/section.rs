//! The fields of one section, as the rules of its mechanism ask for them.
use super::super::http::check_http_url;
use crate::yaml::{Node, Value};

/// The fields that are there.
#[derive(Default)]
pub(super) struct Section<'n>(pub(super) Vec<(&'n str, &'n Node)>);

impl Section<'_> {
    pub(super) fn node(&self, field: &str) -> Option<&Node> {
        self.0
            .iter()
            .find_map(|(name, node)| (*name == field).then_some(*node))
    }

    /// The field's text, empty if it is absent or no scalar.
    pub(super) fn text(&self, field: &str) -> &str {
        match self.node(field).map(|node| &node.value) {
            Some(Value::Scalar { text, .. }) => text,
            _ => "",
        }
    }

    pub(super) fn is_set(&self, field: &str) -> bool {
        !self.text(field).is_empty()
    }

    pub(super) fn items(&self, field: &str) -> &[Node] {
        match self.node(field).map(|node| &node.value) {
            Some(Value::Sequence(items)) => items,
            _ => &[],
        }
    }

    /// Fails with `what` unless `field` is set.
    pub(super) fn needs(&self, field: &str, what: &str) -> Result<(), String> {
        self.require(self.is_set(field), what)
    }

    pub(super) fn require(&self, holds: bool, what: &str) -> Result<(), String> {
        if holds { Ok(()) } else { Err(what.to_owned()) }
    }

    /// Fails unless the field's value, or `default`, is one of `known`.
    pub(super) fn one_of(
        &self,
        field: &str,
        default: &str,
        known: &[&str],
        what: impl Fn(&str) -> String,
    ) -> Result<(), String> {
        let value = if self.is_set(field) {
            self.text(field)
        } else {
            default
        };
        if known.contains(&value) {
            Ok(())
        } else {
            Err(what(value))
        }
    }

    /// Fails unless `url` is there and names a host, to be reached over HTTP.
    pub(super) fn http_url(&self) -> Result<(), String> {
        check_http_url(self.text("url"))
    }

    /// Fails unless one of the two ways to give a secret key is used.
    pub(super) fn secret_key(&self) -> Result<(), String> {
        let (key, file) = (self.is_set("secret_key"), self.is_set("secret_key_file"));
        self.require(
            key || file,
            "one of secret_key & secret_key_file must be configured",
        )?;
        self.require(
            !(key && file),
            "at most one of secret_key & secret_key_file must be configured",
        )
    }

    /// Fails unless servers and absolute paths of Zookeeper are there.
    pub(super) fn zookeeper(&self, name: &str) -> Result<(), String> {
        let (servers, paths) = (self.items("servers"), self.items("paths"));
        self.require(
            !servers.is_empty(),
            &format!("{name} SD config must contain at least one Zookeeper server"),
        )?;
        self.require(
            !paths.is_empty(),
            &format!("{name} SD config must contain at least one path"),
        )?;
        paths.iter().try_for_each(|path| match &path.value {
            Value::Scalar { text, .. } if !text.starts_with('/') => Err(format!(
                "{name} SD config paths must begin with '/': {text}"
            )),
            _ => Ok(()),
        })
    }

    /// Fails if a filter has no values.
    pub(super) fn filters(&self) -> Result<(), String> {
        let empty = self
            .items("filters")
            .iter()
            .any(|filter| match &filter.value {
                Value::Mapping(pairs) => !pairs.iter().any(|(key, values)| {
                    key.text == "values"
                        && matches!(&values.value, Value::Sequence(v) if !v.is_empty())
                }),
                _ => true,
            });
        self.require(!empty, "EC2 SD configuration filter values cannot be empty")
    }
}

/// True if `url` has a scheme and a host.
pub(super) fn has_host(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && !rest.is_empty() && !rest.starts_with('/')
    })
}
