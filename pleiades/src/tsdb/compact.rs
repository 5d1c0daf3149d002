//! `pleiades tsdb compact`: what the hours would do to a data directory, at once.
use clap::Args;

use super::{Directory, open};
use crate::print;

/// Merges all that is stored as far as its age allows, so that it takes the least room.
#[derive(Clone, Debug, Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    directory: Directory,
}

impl Compact {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let db = open::existing(&self.directory.path)?;
        let done = db.compact(open::now())?;
        db.sync()?;
        print(&format!(
            "{} segments cut, {} blocks merged",
            done.n_segments, done.n_blocks
        ));
        Ok(())
    }
}
