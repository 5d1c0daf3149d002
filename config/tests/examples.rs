//! The examples of the documentation are good, use nothing that is not supported, and are named in it.
use std::{fs, path::PathBuf};

use config::{CheckOptions, Depth, Outside, check_config};

fn docs() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"))
}

#[test]
fn each_example_is_good_and_explained() {
    let page = fs::read_to_string(docs().join("monitoring.md")).unwrap();
    let mut n_examples = 0;
    // The files that they name are there where they are used.
    let options = CheckOptions {
        depth: Depth::Syntax,
        ..CheckOptions::default()
    };
    for file in fs::read_dir(docs().join("examples")).unwrap() {
        let path = file.unwrap().path();
        let report = check_config(&[&path], &options, &Outside::default());
        assert_eq!(report.exit_code, 0, "{:?}", report.lines);
        let mut lines = report.lines.iter();
        assert!(
            !lines.any(|line| line.text().contains("WARNING")),
            "{lines:?}"
        );
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(page.contains(&format!("examples/{name}")), "{name}");
        n_examples += 1;
    }
    assert_eq!(n_examples, 3);
}
