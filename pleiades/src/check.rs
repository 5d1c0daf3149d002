//! `pleiades check`: what is wrong with files, told as promtool tells it.
mod discovery;
mod metrics;
mod server;

use std::{
    io::{self, Read as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{ArgAction, Subcommand};
use config::{CheckOptions, Depth, Line, Report};
use model::Millis;

/// What is checked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check if the config files are valid or not.
    Config(ConfigFiles),
    /// Check if the Prometheus server is healthy.
    Healthy(server::Server),
    /// Check if the Prometheus server is ready.
    Ready(server::Server),
    /// Check if the rule files are valid or not.
    Rules {
        /// The rule files to check, default is read from standard input.
        files: Vec<PathBuf>,
        /// Linting checks to apply. Available options are: all, duplicate-rules, none. Use --lint=none to disable
        /// linting.
        #[arg(long, default_value = "duplicate-rules")]
        lint: String,
        #[command(flatten)]
        judgement: Judgement,
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
    Metrics(metrics::Metrics),
    /// Perform service discovery for the given job name and report the results, including relabeling.
    ServiceDiscovery(discovery::ServiceDiscovery),
}

/// Main files, and how they are checked.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigFiles {
    /// The config files to check.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only check the config file syntax, ignoring file and content validation referenced in the config.
    #[arg(long)]
    syntax_only: bool,
    /// Linting checks to apply to the rules/scrape configs specified in the config. Available options are: all,
    /// duplicate-rules, none, too-long-scrape-interval. Use --lint=none to disable linting.
    #[arg(long, default_value = "duplicate-rules")]
    lint: String,
    #[command(flatten)]
    judgement: Judgement,
    /// Check config file for Prometheus in Agent mode.
    #[arg(long)]
    agent: bool,
    /// The server's maximum query lookback duration.
    #[arg(long = "query.lookback-delta", default_value = "5m", value_parser = model::parse_duration)]
    lookback_delta: Millis,
    /// What rules may use although it is not stable yet.
    #[command(flatten)]
    features: runtime::FeatureArgs,
}

/// What counts as wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Judgement {
    /// Make lint errors exit with exit code 3.
    #[arg(long, action = ArgAction::SetTrue)]
    lint_fatal: bool,
    /// Ignore unknown fields in rule files. This is useful when you want to extend rule files with custom metadata.
    /// Ensure that those fields are removed before loading them, as they are refused then.
    #[arg(long, action = ArgAction::SetTrue)]
    ignore_unknown_fields: bool,
}

impl Judgement {
    fn options(&self) -> CheckOptions {
        CheckOptions {
            fatal: self.lint_fatal,
            ignore_unknown_fields: self.ignore_unknown_fields,
            ..CheckOptions::default()
        }
    }
}

/// Checks and prints; the exit code is promtool's.
pub(crate) async fn run(command: Command) -> ExitCode {
    match command {
        Command::Config(args) => ExitCode::from(config_files(&args)),
        Command::Rules {
            files,
            lint,
            judgement,
            features,
        } => {
            let outside = runtime::outside(features.language());
            let (options, unknown) = judgement.options().with_rule_lint(&lint);
            warn_of(&unknown);
            let report = match files.as_slice() {
                [] => match rules_from_input() {
                    Ok(text) => config::check_rules_text(&text, &options, &outside),
                    Err(error) => {
                        crate::print("Checking standard input");
                        crate::complain(&format!("  FAILED: {error}"));
                        return ExitCode::FAILURE;
                    }
                },
                files => config::check_rules(files, &options, &outside),
            };
            ExitCode::from(show(&report))
        }
        Command::Healthy(server) => status(server.ask("/-/healthy").await),
        Command::Ready(server) => status(server.ask("/-/ready").await),
        Command::WebConfig { files } => ExitCode::from(show(&config::check_web_config(&files))),
        Command::Metrics(args) => ExitCode::from(metrics::run(&args, io::stdin().lock())),
        Command::ServiceDiscovery(args) => match discovery::run(args).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(what) => {
                crate::complain(&what);
                ExitCode::FAILURE
            }
        },
    }
}

/// Prints what a server says of itself, or why it says nothing good.
fn status(said: anyhow::Result<String>) -> ExitCode {
    match said {
        Ok(text) => {
            crate::complain(&format!("  SUCCESS:  {text}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            crate::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn config_files(args: &ConfigFiles) -> u8 {
    let options = args.judgement.options();
    let (options, unknown) = options.with_config_lint(&args.lint, args.lookback_delta);
    warn_of(&unknown);
    let options = CheckOptions {
        depth: match args.syntax_only {
            true => Depth::Syntax,
            false => Depth::Whole,
        },
        agent: args.agent,
        ..options
    };
    let outside = runtime::outside(args.features.language());
    show(&config::check_config(&args.files, &options, &outside))
}

fn rules_from_input() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

fn warn_of(unknown_lint: &[String]) {
    for one in unknown_lint {
        crate::print(&format!("WARNING: unknown lint option: {one:?}"));
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
