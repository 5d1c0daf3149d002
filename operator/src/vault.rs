//! Values that objects name and others hold: keys of Secrets and ConfigMaps.
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use crate::field::{Field, Reason, Result};

/// Where a value is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

/// A key of a Secret or a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Which of the two.
    pub store: Store,
    /// The namespace: that of the object that names it.
    pub namespace: String,
    /// The name of the Secret or the ConfigMap.
    pub name: String,
    /// The key in it.
    pub key: String,
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let store = match self.store {
            Store::Secret => "secret",
            Store::ConfigMap => "configmap",
        };
        let Self {
            namespace,
            name,
            key,
            ..
        } = self;
        write!(f, "key {key:?} in {store} \"{namespace}/{name}\"")
    }
}

/// The values that are known, or the notes of which are asked for.
pub(crate) enum Vault<'v> {
    /// Gives what is known.
    Known(&'v BTreeMap<Reference, String>),
    /// Gives empty texts and notes what was asked for.
    Asked(RefCell<BTreeSet<Reference>>),
}

impl Vault<'_> {
    /// The value that a key selector of a store names: `{name, key}`; none if it is absent.
    pub(crate) fn get(
        &self,
        namespace: &str,
        store: Store,
        field: &Field<'_>,
    ) -> Result<Option<String>> {
        let name = field.object()?.get("name").text()?;
        let (Some(name), key) = (name, field.get("key").str()?.unwrap_or("")) else {
            return Ok(None);
        };
        let reference = Reference {
            store,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            key: key.to_owned(),
        };
        match self {
            Self::Asked(asked) => {
                asked.borrow_mut().insert(reference);
                Ok(Some(String::new()))
            }
            Self::Known(values) => match values.get(&reference) {
                Some(value) => Ok(Some(value.clone())),
                None => Err(field.reason(format!("{reference} not found"))),
            },
        }
    }

    /// The value of a Secret's key.
    pub(crate) fn secret(&self, namespace: &str, field: &Field<'_>) -> Result<Option<String>> {
        self.get(namespace, Store::Secret, field)
    }

    /// The value of `{secret: …}` or `{configMap: …}`.
    pub(crate) fn either(&self, namespace: &str, field: &Field<'_>) -> Result<Option<String>> {
        let (secret, map) = (field.object()?.get("secret"), field.get("configMap"));
        match (secret.is_there(), map.is_there()) {
            (true, true) => {
                let what = "SecretOrConfigMap can not specify both Secret and ConfigMap";
                Err(Reason::new(field.reason(what).0))
            }
            (true, false) => self.secret(namespace, &secret),
            (false, _) => self.get(namespace, Store::ConfigMap, &map),
        }
    }
}
