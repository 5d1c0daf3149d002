//! `pleiades promqltest`: runs scripts in the test language of Prometheus' PromQL engine.
mod clustered;
mod stored;

use std::{fmt::Write as _, fs, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use promql::script::{Builtin, Engine, Outcome, Verdict, read, run as evaluate};

use crate::promqltest::{clustered::Clustered, stored::Stored};

/// Which scripts, and what holds their series.
#[derive(Debug, Args)]
pub(crate) struct PromqlTest {
    /// The scripts.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What holds the series that scripts load.
    #[arg(long, value_enum, default_value_t)]
    source: Source,
}

/// What holds the series that scripts load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Source {
    /// Memory.
    #[default]
    Memory,
    /// The storage engine, in a temporary directory.
    Tsdb,
    /// The ingesters of a local cluster, over gRPC.
    Cluster,
}

impl Source {
    /// An engine over it; on a thread that may block.
    fn engine(self) -> anyhow::Result<Box<dyn Engine>> {
        Ok(match self {
            Self::Memory => Box::new(Builtin::default()),
            Self::Tsdb => Box::new(Stored::default()),
            Self::Cluster => Box::new(Clustered::start()?),
        })
    }
}

/// Runs the scripts and prints what came of them; fails if any eval did, or a script cannot be read.
pub(crate) async fn run(args: PromqlTest) -> ExitCode {
    let PromqlTest { files, source } = args;
    // Evaluation and the store block.
    let all = tokio::task::spawn_blocking(move || {
        let engine = match source.engine() {
            Ok(engine) => engine,
            Err(error) => {
                crate::complain(&format!("{error:#}"));
                return false;
            }
        };
        let mut all_passed = true;
        for file in files {
            match report(&file, &*engine) {
                Ok(report) => {
                    crate::print(report.text.trim_end());
                    all_passed &= report.n_failed == 0;
                }
                Err(error) => {
                    crate::complain(&format!("{}: {error:#}", file.display()));
                    all_passed = false;
                }
            }
        }
        all_passed
    });
    match all.await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// What came of a script.
#[derive(Debug, PartialEq)]
struct Report {
    text: String,
    n_failed: usize,
}

fn report(file: &std::path::Path, engine: &dyn Engine) -> anyhow::Result<Report> {
    let text = fs::read_to_string(file).context("read the script")?;
    let commands = read(&text)?;
    let outcomes = evaluate(&commands, engine);
    let failed: Vec<(&Outcome, &str)> = outcomes
        .iter()
        .filter_map(|outcome| match &outcome.verdict {
            Verdict::Passed => None,
            Verdict::Failed(message) => Some((outcome, message.as_str())),
        })
        .collect();
    let n_failed = failed.len();
    let mut text = format!(
        "{}: {} passed, {n_failed} failed\n",
        file.display(),
        outcomes.len() - n_failed
    );
    for (outcome, message) in failed {
        writeln!(text, "  line {}: {}", outcome.line, outcome.query)?;
        writeln!(text, "    {message}")?;
    }
    Ok(Report { text, n_failed })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The folder of Prometheus' own scripts, which lies beside the repository or beside one of its parents.
    fn scripts() -> PathBuf {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = manifest
            .ancestors()
            .map(|dir| dir.join("shared/testdata/promqltest/public"))
            .find(|dir| dir.is_dir());
        found.expect("shared/testdata lies beside a parent of this crate")
    }

    /// All of Prometheus' own scripts; memory alone passes them in the tests of `promql`.
    #[test]
    fn what_is_stored_answers_as_memory_does() {
        let files = fs::read_dir(scripts()).unwrap();
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.retain(|file| {
            file.extension()
                .is_some_and(|extension| extension == "test")
        });
        assert!(!files.is_empty());
        for file in files {
            let report = report(&file, &Stored::default()).unwrap();
            assert_eq!(report.n_failed, 0, "{}", report.text);
        }
    }

    #[test]
    fn failures_are_told_with_their_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.test");
        let script = "load 1m\n  x 1 2\n  h {{count:1}}\n\neval instant at 1m x\n  x 3\n\neval instant at 1m x\n  x 2\n";
        fs::write(&file, script).unwrap();
        let told = |engine: &dyn Engine| {
            let text = report(&file, engine).unwrap().text;
            text.replace(&file.display().to_string(), "FILE")
        };
        expect_test::expect![[r#"
            FILE: 1 passed, 1 failed
              line 5: x
                x at 60.000: wanted 3 for {__name__="x"}, got 2
        "#]]
        .assert_eq(&told(&Builtin::default()));
        assert_eq!(told(&Stored::default()), told(&Builtin::default()));
    }
}
