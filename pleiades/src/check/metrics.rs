//! `pleiades check metrics`: the style of metrics on a page, and how many series they have.
//!
//! Source: `CheckMetrics` in Prometheus, `cmd/promtool/main.go`.
mod cardinality;
mod family;
mod lint;

use std::io;

use model::NameValidation;

/// Pass Prometheus metrics over stdin to lint them for consistency and correctness, and optionally perform
/// cardinality analysis.
///
/// examples:
///
/// $ cat metrics.prom | pleiades check metrics
///
/// $ curl -s http://localhost:9090/metrics | pleiades check metrics --extended
///
/// $ curl -s http://localhost:9100/metrics | pleiades check metrics --extended --lint=none
#[derive(Debug, clap::Args)]
pub(crate) struct Metrics {
    /// Print extended information related to the cardinality of the metrics.
    #[arg(long)]
    extended: bool,
    /// Linting checks to apply for metrics. Available options are: all, none. Use --lint=none to disable metrics
    /// linting.
    #[arg(long, default_value = "all")]
    lint: String,
}

/// How the program ends if all that is wrong is bad style.
const LINT: u8 = 3;

/// Checks what comes from `input` and prints; gives the exit code.
pub(super) fn run(args: &Metrics, mut input: impl io::Read) -> u8 {
    let lints = args.lint != "none";
    if !args.extended && !lints {
        crate::complain("error: at least one of --extended or linting must be enabled");
        crate::complain(
            "Use --extended for cardinality analysis, or remove --lint=none to enable linting",
        );
        return 1;
    }
    let mut page = Vec::new();
    if let Err(error) = input.read_to_end(&mut page) {
        crate::complain(&format!("error while reading standard input: {error}"));
        return 1;
    }
    let mut exit_code = 0;
    if lints {
        match family::read(&page, NameValidation::Legacy) {
            Err(error) => {
                crate::complain(&format!("error while linting: {error}"));
                return 1;
            }
            Ok(families) => {
                for lint::Problem { metric, text } in lint::problems(&families) {
                    crate::complain(&format!("{metric} {text}"));
                    exit_code = LINT;
                }
            }
        }
    }
    if args.extended {
        match family::read(&page, NameValidation::Utf8) {
            Err(error) => {
                crate::complain(&format!(
                    "error while parsing text to metric families: {error}"
                ));
                return 1;
            }
            Ok(families) => crate::print(cardinality::table(&families).trim_end_matches('\n')),
        }
    }
    exit_code
}
