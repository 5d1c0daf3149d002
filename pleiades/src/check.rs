//! `pleiades check`: what is wrong with files, told as promtool tells it.
mod discovery;

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;
use config::{Line, Report};

/// What is checked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check if the config files are valid or not.
    Config {
        /// The config files to check.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// What rules may use although it is not stable yet.
        #[command(flatten)]
        features: runtime::FeatureArgs,
    },
    /// Perform service discovery for the given job name and report the results, including relabeling.
    ServiceDiscovery(discovery::ServiceDiscovery),
}

/// Checks and prints; the exit code is promtool's.
pub(crate) async fn run(command: Command) -> ExitCode {
    let (files, features) = match command {
        Command::Config { files, features } => (files, features),
        Command::ServiceDiscovery(args) => {
            return match discovery::run(args).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(what) => {
                    crate::complain(&what);
                    ExitCode::FAILURE
                }
            };
        }
    };
    let outside = runtime::outside(features.language());
    let reports = files
        .iter()
        .map(|file| config::check_config(file, config::Depth::Whole, &outside));
    let codes = reports.map(|report| {
        show(&report);
        report.exit_code
    });
    ExitCode::from(codes.max().unwrap_or(0))
}

fn show(report: &Report) {
    for line in &report.lines {
        match line {
            Line::Out(text) => crate::print(text),
            Line::Err(text) => crate::complain(text),
        }
    }
}
