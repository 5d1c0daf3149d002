//! What an ingester finds in its store at its start.
use std::sync::Arc;

use model::Timestamp;
use tsdb::{Exemplars, Options, Store, Tsdb};

use crate::{
    error::Error,
    saved::{Former, Saved},
    scrape::Targets,
    settings::Settings,
    snapshots::Snapshots,
    told::Told,
};

/// So many exemplars are kept until the configuration has told its own number, which is this by default.
const MAX_EXEMPLARS: usize = 100_000;

/// The parts of an open store.
pub(crate) struct Opened {
    pub(crate) saved: Saved,
    pub(crate) former: Former,
    pub(crate) db: Tsdb,
    /// None yet; they have what they told before.
    pub(crate) targets: Targets,
    /// None if they are not stored.
    pub(crate) exemplars: Option<Exemplars>,
    pub(crate) snapshots: Snapshots,
}

/// Opens all that is in `store` at the instant `now`.
pub(crate) fn open(
    settings: &Settings,
    store: Arc<dyn Store>,
    now: Timestamp,
) -> Result<Opened, Error> {
    let options = Options {
        retention: settings.retention,
        retention_bytes: settings.retention_bytes,
        ..Options::default()
    };
    let (saved, former) = Saved::open(Arc::clone(&store)).map_err(Error::Former)?;
    let told = Told::open(Arc::clone(&store)).map_err(Error::Former)?;
    let db = Tsdb::open(Arc::clone(&store), options, now).map_err(Error::Open)?;
    let exemplars = match settings.exemplar_storage {
        true => {
            let exemplars = Exemplars::open(Arc::clone(&store), MAX_EXEMPLARS);
            Some(exemplars.map_err(Error::Open)?)
        }
        false => None,
    };
    let snapshots = Snapshots {
        store,
        folder: settings.snapshots.clone(),
        part: settings.snapshot_part,
    };
    Ok(Opened {
        saved,
        former,
        db,
        targets: Targets::new(told),
        exemplars,
        snapshots,
    })
}
