//! The directory of a role's store: opened only by the role that it belongs to, and named in what goes wrong with it.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use tsdb::Store;

/// Whose store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Discoverer,
    Ingester,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Discoverer, Self::Ingester];

    /// The folder of its store where one directory holds several, and how it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Discoverer => "discoverer",
            Self::Ingester => "ingester",
        }
    }

    /// A family that every store of this kind has, and no other.
    const fn family(self) -> &'static str {
        match self {
            Self::Discoverer => discoverer::STORE_FAMILY,
            Self::Ingester => ingester::STORE_FAMILY,
        }
    }
}

/// A directory as the user named it.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    flag: &'static str,
    path: PathBuf,
}

impl DataDir {
    /// The directory that `flag` names.
    pub(crate) fn new(flag: &'static str, path: &Path) -> Self {
        Self {
            flag,
            path: path.to_owned(),
        }
    }

    /// Opens the store in it.
    pub(crate) fn open(&self, kind: Kind) -> anyhow::Result<Arc<dyn Store>> {
        let store = self.open_at(&self.path, kind);
        store.with_context(|| self.to_string())
    }

    /// Opens the store of `kind` in a folder of its own, beside which are those of other kinds and nothing else.
    pub(crate) fn open_part(&self, kind: Kind) -> anyhow::Result<Arc<dyn Store>> {
        let opened = || {
            let known = |kind: &Kind| self.path.join(kind.name()).is_dir();
            if self.path.is_dir() && !Kind::ALL.iter().any(known) {
                let foreign = kv::foreign_files(&self.path, &[])?;
                if !foreign.is_empty() {
                    bail!("it holds something else ({foreign}): name an empty directory");
                }
            }
            self.open_at(&self.path.join(kind.name()), kind)
        };
        opened().with_context(|| self.to_string())
    }

    fn open_at(&self, path: &Path, kind: Kind) -> anyhow::Result<Arc<dyn Store>> {
        let tuning = kv::Tuning {
            // A log of the Raft group must not have gaps.
            salvage: kind == Kind::Ingester,
            ..kv::Tuning::default()
        };
        let store = Arc::new(kv::Db::open(path, tuning)?);
        let families = store.families()?;
        let other = Kind::ALL.into_iter().find(|other| {
            let has = |family: &String| family == other.family();
            *other != kind && families.iter().any(has)
        });
        match other {
            None => Ok(store),
            Some(other) => bail!(
                "open the store at {}: it belongs to a role {}: name another directory",
                path.display(),
                other.name()
            ),
        }
    }

    /// An error of the ingester, with the name of the directory if it is about that.
    pub(crate) fn named(&self, error: ingester::Error) -> anyhow::Error {
        match error {
            ingester::Error::Open(_) | ingester::Error::Former(_) => {
                anyhow::Error::new(error).context(self.to_string())
            }
            other => other.into(),
        }
    }
}

impl std::fmt::Display for DataDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "use {} {}", self.flag, self.path.display())
    }
}
