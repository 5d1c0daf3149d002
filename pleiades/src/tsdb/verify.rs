//! `pleiades tsdb verify`: all that is stored, read and compared with itself.
use std::{path::PathBuf, sync::Arc};

use anyhow::bail;
use clap::Args;
use model::Timestamp;
use runtime::{Clock as _, SystemClock};
use tsdb::{Options, Tsdb};

use crate::{
    data_dir::{DataDir, Kind},
    print,
};

/// `pleiades tsdb verify`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Verify {
    /// The data directory of an ingester; of `all` its folder `ingester`.
    #[arg(long = "data-dir", env = "PLEIADES_DATA_DIR", default_value = "data")]
    data_dir: PathBuf,
}

/// Runs the command.
pub(super) fn verify(args: &Verify) -> anyhow::Result<()> {
    let data = DataDir::new("--data-dir", &args.data_dir);
    if !args.data_dir.join("CURRENT").exists() {
        bail!("{data}: there is no data");
    }
    let store = data.open(Kind::Ingester)?;
    let options = Options {
        retention: None,
        ..Options::default()
    };
    let now: Timestamp = SystemClock.now();
    let db = Tsdb::open(Arc::clone(&store), options, now)?;
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
        n => bail!("{data}: {n} problems"),
    }
}
