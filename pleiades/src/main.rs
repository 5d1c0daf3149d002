//! Pleiades: Prometheus-compatible monitoring for Kubernetes that grows by adding ingesters.
//!
//! One binary, a subcommand for each role, the whole cluster in one process (`all`) or as processes on this
//! machine (`local`), and the tools that users know from promtool.

mod all;
mod check;
mod client;
mod data_dir;
#[cfg(test)]
mod deploy;
mod local;
mod promqltest;
mod query;
mod ring;
mod roles;
mod shutdown;
mod tsdb;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use runtime::{Chain, Telemetry, TelemetryArgs};

/// One allocator for this code and for RocksDB's, which stays compact while series come and go for hours. How soon it gives
/// memory back is set where it is built, in `scripts/setup`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Prometheus-compatible monitoring that grows by adding ingesters.
#[derive(Debug, Parser)]
#[command(name = "pleiades", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every role in one process, under Prometheus' flags.
    All(all::All),
    /// Finds targets and places them on ingesters.
    Discoverer(discoverer::Args),
    /// Scrapes targets and keeps their samples.
    Ingester(ingester::Args),
    /// Answers queries.
    Querier(querier::Args),
    /// Evaluates rules and sends alerts.
    Ruler(ruler::Args),
    /// Check files for validity.
    #[command(subcommand)]
    Check(check::Command),
    /// A whole cluster of processes on this machine, for trying and testing.
    #[command(subcommand)]
    Local(local::Command),
    /// Show the members of a cluster and what each holds.
    Ring(ring::Ring),
    /// Run scripts in Prometheus' test language for PromQL.
    #[command(name = "promqltest")]
    PromqlTest(promqltest::PromqlTest),
    /// Run a query against a server with Prometheus' HTTP API.
    #[command(subcommand)]
    Query(query::Command),
    /// Look at, and add to, the data directory of an ingester that does not run.
    #[command(subcommand)]
    Tsdb(tsdb::Command),
}

impl Command {
    /// The name under which a process of this command tells its traces.
    fn service(&self) -> &'static str {
        match self {
            Self::Discoverer(_) => "pleiades-discoverer",
            Self::Ingester(_) => "pleiades-ingester",
            Self::Querier(_) => "pleiades-querier",
            Self::Ruler(_) => "pleiades-ruler",
            _ => "pleiades",
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    // Long-lived allocations are small and leave whole huge pages resident for a few of them: at 500,000 series a
    // quarter of all memory. Where the kernel cannot do it, memory is as it is.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("no other provider was installed before");
    let cli = Cli::parse();
    let telemetry = match Telemetry::start(&cli.telemetry.settings(cli.command.service())) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            complain(&format!("pleiades: {}", Chain(&error)));
            return ExitCode::FAILURE;
        }
    };
    let done = match cli.command {
        Command::All(args) => all::run(args).await,
        Command::Discoverer(args) => roles::discoverer(args).await,
        Command::Ingester(args) => roles::ingester(args).await,
        Command::Querier(args) => roles::querier(args).await,
        Command::Ruler(args) => roles::ruler(args).await,
        Command::Check(command) => return check::run(command).await,
        Command::Local(command) => local::run(command, &cli.telemetry).await,
        Command::Ring(args) => ring::run(args).await,
        Command::PromqlTest(args) => return promqltest::run(args).await,
        Command::Query(command) => query::run(command).await,
        Command::Tsdb(command) => tsdb::run(command),
    };
    drop(telemetry);
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
