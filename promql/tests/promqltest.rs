//! Prometheus' own scripts, run by this crate's engine.
use std::{fmt::Write, fs, path::PathBuf};

use expect_test::expect_file;
use promql::script::{Builtin, Verdict, read, run};

/// The folder of the scripts, which lies beside the repository or beside one of its parents.
fn scripts() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = manifest
        .ancestors()
        .map(|dir| dir.join("shared/testdata/promqltest/public"))
        .find(|dir| dir.is_dir());
    found.expect("shared/testdata lies beside a parent of this crate")
}

/// The table names each file's counts.
#[test]
fn scripts_pass() {
    let mut files: Vec<_> = fs::read_dir(scripts())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let (mut table, mut failures) = (String::new(), String::new());
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy();
        let commands = read(&fs::read_to_string(&file).unwrap()).unwrap();
        let (mut passed, mut failed) = (0, 0);
        for outcome in run(&commands, &Builtin::default()) {
            match outcome.verdict {
                Verdict::Passed => passed += 1,
                Verdict::Failed(message) => {
                    failed += 1;
                    writeln!(failures, "{name}:{}: {}", outcome.line, outcome.query).unwrap();
                    writeln!(failures, "    {message}").unwrap();
                }
            }
        }
        writeln!(table, "{name}: {passed} passed, {failed} failed").unwrap();
    }
    expect_file!["promqltest.txt"].assert_eq(&format!("{table}\n{failures}"));
}

/// Of a script of our own every command passes.
#[track_caller]
fn check(script: &str) {
    let commands = read(script).unwrap();
    let outcomes = run(&commands, &Builtin::default());
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        assert_eq!(outcome.verdict, Verdict::Passed, "line {}", outcome.line);
    }
}

#[test]
fn info_takes_no_labels_from_histograms() {
    check(
        r#"
        load 1m
          memory{instance="i", job="j"} _ 1 2
          build_info{instance="i", job="j", version="1"} {{count:1 sum:1}} 1 1
          boot_info{instance="i", job="j"} _ {{count:1 sum:1}}

        eval range from 0 to 2m step 1m info(memory, {__name__="build_info"})
          memory{instance="i", job="j", version="1"} _ 1 2

        eval range from 0 to 2m step 1m info(memory, {__name__="boot_info"})
          expect fail msg: info sample should be float
        "#,
    );
}
