//! `pleiades tsdb verify`: all that is stored, read and compared with itself.
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::open;
use crate::print;

/// `pleiades tsdb verify`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Verify {
    /// The data directory of an ingester, or that of `pleiades all`.
    #[arg(long = "data-dir", env = "PLEIADES_DATA_DIR", default_value = "data")]
    data_dir: PathBuf,
}

/// Runs the command.
pub(super) fn verify(args: &Verify) -> anyhow::Result<()> {
    let db = open::existing(&args.data_dir)?;
    let verified = db.verify()?;
    for problem in &verified.problems {
        print(problem);
    }
    print(&format!(
        "{} rows, {} segments and blocks with {} columns, {} series in indexes, {} in memory",
        verified.n_rows,
        verified.n_blocks,
        verified.n_columns,
        verified.n_indexed,
        verified.n_active
    ));
    match verified.problems.len() {
        0 => Ok(()),
        n => bail!("{}: {n} problems", args.data_dir.display()),
    }
}
