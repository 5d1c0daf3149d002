//! `pleiades tsdb`: an ingester's data directory offline, as promtool's commands show Prometheus'.
//!
//! What promtool calls a block is here a UTC day. Each command opens the directory as the ingester would, so that one
//! that is in use, or is none, is refused in one line.
mod analyze;
mod backfill;
mod compact;
mod days;
mod dump;
mod open;
mod pages;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is done with a data directory.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Import samples and store them. Please refer to the storage docs for more details.
    #[command(name = "create-blocks-from")]
    CreateBlocksFrom(CreateBlocksFrom),
    /// List the days that are stored.
    List(days::List),
    /// Dump series and samples.
    Dump(dump::Dump),
    /// Analyze churn, label pair cardinality.
    Analyze(analyze::Analyze),
    /// Merge what is stored as far as its age allows, as the ingester would in the next hours.
    Compact(compact::Compact),
    /// Read everything and compare it with itself; fails if something is broken, lost or contradicts something else.
    Verify(verify::Verify),
}

/// Where samples come from.
#[derive(Debug, Args)]
pub(crate) struct CreateBlocksFrom {
    /// Print human readable values.
    #[arg(short = 'r', long, global = true)]
    human_readable: bool,
    /// Do not print what is stored afterwards.
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, Subcommand)]
enum Source {
    /// Import samples from OpenMetrics input.
    Openmetrics(backfill::OpenMetrics),
}

/// The directory of an ingester's store.
#[derive(Clone, Debug, Args)]
pub(crate) struct Directory {
    /// The data directory of an ingester, or that of `pleiades all`.
    #[arg(value_name = "db path", default_value = "data/")]
    path: PathBuf,
}

/// Runs one command.
pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::CreateBlocksFrom(args) => match args.source {
            Source::Openmetrics(source) => {
                let db = source.run()?;
                match args.quiet {
                    true => Ok(()),
                    false => days::print(&db, args.human_readable),
                }
            }
        },
        Command::List(args) => args.run(),
        Command::Dump(args) => args.run(),
        Command::Analyze(args) => args.run(),
        Command::Compact(args) => args.run(),
        Command::Verify(args) => verify::verify(&args),
    }
}
