//! `pleiades tsdb`: what an ingester's data directory holds.
use std::{path::PathBuf, sync::Arc};

use ::tsdb::{Options, Tsdb};
use anyhow::bail;
use clap::{Args, Subcommand};
use model::Timestamp;
use runtime::{Clock as _, SystemClock};

use crate::{
    data_dir::{DataDir, Kind},
    print,
};

/// Tools for data directories that no process has open.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Read everything and compare it with itself; fails if something is broken, lost or contradicts something else.
    Verify(Verify),
}

/// `pleiades tsdb verify`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Verify {
    /// The data directory of an ingester; of `all` its folder `ingester`.
    #[arg(long = "data-dir", env = "PLEIADES_DATA_DIR", default_value = "data")]
    data_dir: PathBuf,
}

/// Runs the command.
pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Verify(args) => verify(&args),
    }
}

fn verify(args: &Verify) -> anyhow::Result<()> {
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
