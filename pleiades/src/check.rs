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
    /// Check if the rule files are valid or not.
    Rules {
        /// The rule files to check.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// What rules may use although it is not stable yet.
        #[command(flatten)]
        features: runtime::FeatureArgs,
    },
    /// Check if the web config files are valid or not.
    WebConfig {
        /// The web config files to check.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Perform service discovery for the given job name and report the results, including relabeling.
    ServiceDiscovery(discovery::ServiceDiscovery),
}

/// Checks and prints; the exit code is promtool's.
pub(crate) async fn run(command: Command) -> ExitCode {
    match command {
        Command::Config { files, features } => {
            let outside = runtime::outside(features.language());
            let whole = config::Depth::Whole;
            let reports = files.iter();
            let codes = reports.map(|file| show(&config::check_config(file, whole, &outside)));
            ExitCode::from(codes.max().unwrap_or(0))
        }
        Command::Rules { files, features } => {
            let outside = runtime::outside(features.language());
            ExitCode::from(show(&config::check_rules(&files, &outside)))
        }
        Command::WebConfig { files } => ExitCode::from(show(&config::check_web_config(&files))),
        Command::ServiceDiscovery(args) => match discovery::run(args).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(what) => {
                crate::complain(&what);
                ExitCode::FAILURE
            }
        },
    }
}

/// Prints a report; gives its exit code.
fn show(report: &Report) -> u8 {
    for line in &report.lines {
        match line {
            Line::Out(text) => crate::print(text),
            Line::Err(text) => crate::complain(text),
        }
    }
    report.exit_code
}
