//! What a discoverer's own disk tells before any other is heard.
use std::sync::Arc;

use openraft::{Entry, EntryPayload};
use runtime::Offload;
use tsdb::{KeyRange, Store};

use super::{
    codec::decode,
    group::GroupError,
    log::{LOG, LogStore},
    machine::stored,
    types::Types,
};
use crate::state::{Command, State};

/// True if a configuration was committed once, or written to the log to be committed: it is in the snapshot or after it.
pub(crate) async fn has_configuration(
    store: Arc<dyn Store>,
    offload: Offload,
) -> Result<bool, GroupError> {
    let log = LogStore::open(store, offload)?;
    if let Some((_, snapshot)) = stored(&log).await? {
        let state = State::decode(&snapshot).map_err(super::log::LogError::from)?;
        if state.config.is_some() {
            return Ok(true);
        }
    }
    let found = log.run(|store| {
        for record in store.scan(LOG, KeyRange::ALL)? {
            let entry: Entry<Types> = decode(&record?.1)?;
            if let EntryPayload::Normal(logged) = entry.payload
                && matches!(Command::decode(&logged.0)?, Command::SetConfig(_))
            {
                return Ok(true);
            }
        }
        Ok(false)
    });
    Ok(found.await?)
}
