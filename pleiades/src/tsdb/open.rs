//! Opening a data directory that no ingester has open.
use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::bail;
use model::Timestamp;
use tsdb::{Options, Tsdb};

use crate::data_dir::{DataDir, Kind};

/// The file that every store has.
const CURRENT: &str = "CURRENT";

/// Opens the store at `path`, or that of the ingester within the directory of `all`; it has to be there.
pub(super) fn existing(path: &Path) -> anyhow::Result<Tsdb> {
    let folder = folder(path);
    if !folder.join(CURRENT).is_file() {
        bail!("use {}: there is no store of an ingester", path.display());
    }
    open(&folder)
}

/// The same, and a store is made if there is none.
pub(super) fn or_new(path: &Path) -> anyhow::Result<Tsdb> {
    open(&folder(path))
}

fn folder(path: &Path) -> PathBuf {
    let part = path.join("ingester");
    match part.join(CURRENT).is_file() {
        true => part,
        false => path.to_owned(),
    }
}

fn open(folder: &Path) -> anyhow::Result<Tsdb> {
    let store = DataDir::new("the data directory", folder).open(Kind::Ingester)?;
    // What is looked at, or added, offline is kept whatever its age; the ingester keeps its own retention.
    let options = Options {
        retention: None,
        retention_bytes: None,
        ..Options::default()
    };
    Ok(Tsdb::open(store, options, now())?)
}

/// The present instant.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.expect("the clock is past the epoch");
    Timestamp::from_millis(since.as_millis() as i64)
}
