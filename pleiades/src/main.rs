//! Pleiades: Prometheus-compatible monitoring for Kubernetes that grows by adding ingesters.
//!
//! One binary, a subcommand for each role, the whole cluster in one process (`all`) or as processes on this
//! machine (`local`), and the tools that users know from promtool.

mod client;
mod local;
mod query;
mod ring;
mod shutdown;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Prometheus-compatible monitoring that grows by adding ingesters.
#[derive(Debug, Parser)]
#[command(name = "pleiades", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A whole cluster of processes on this machine, for trying and testing.
    #[command(subcommand)]
    Local(local::Command),
    /// Show the members of a cluster and what each holds.
    Ring(ring::Ring),
    /// Run a query against a server with Prometheus' HTTP API.
    #[command(subcommand)]
    Query(query::Command),
}

#[tokio::main]
async fn main() -> ExitCode {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("no other provider was installed before");
    let done = match Cli::parse().command {
        Command::Local(command) => local::run(command).await,
        Command::Ring(args) => ring::run(args).await,
        Command::Query(command) => query::run(command).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("pleiades: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line for whoever called; a closed pipe is theirs to close.
pub(crate) fn print(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn complain(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
