//! `loadtest`: see the library.
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use loadtest::{bench, compare, fleet, hostile, soak};

/// Targets to scrape, and a judge of answers, for tests and benches.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays many targets of realistic, reproducible series.
    Fleet(fleet::Args),
    /// Plays targets that no scraper may suffer from.
    Hostile(hostile::Args),
    /// Runs a server under churn and says whether its memory stays flat; exit code 1 if not.
    Soak(soak::Args),
    /// Asks two Prometheus APIs the same and prints where they differ; exit code 1 if they do.
    Compare(compare::Args),
    /// Measures Pleiades beside its peers, each in turn over the same work.
    #[command(subcommand)]
    Bench(bench::Command),
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let fine = match Cli::parse().command {
        Command::Fleet(args) => fleet::run(args).await.map(|()| true)?,
        Command::Hostile(args) => hostile::run(args).await.map(|()| true)?,
        Command::Soak(args) => soak::run(args).await?,
        Command::Compare(args) => compare::run(args).await?,
        Command::Bench(command) => bench::run(command).await.map(|()| true)?,
    };
    Ok(if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
