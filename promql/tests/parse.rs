//! The parser against every query of Prometheus' own scripts and of the compliance suite.
use std::{fs, path::PathBuf};

use promql::{
    Options, parse, parse_with,
    script::{self, Command},
};
use proptest::prelude::*;

const ALL: Options = Options::ALL;

/// The folder of the test data, which lies beside the repository or beside one of its parents.
fn testdata() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = manifest
        .ancestors()
        .map(|dir| dir.join("shared/testdata"))
        .find(|dir| dir.is_dir());
    found.expect("shared/testdata lies beside a parent of this crate")
}

/// The queries of all scripts: file, line, query.
fn script_queries() -> Vec<(String, usize, String)> {
    let mut queries = Vec::new();
    let folder = testdata().join("promqltest/public");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        let commands = script::read(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        for command in commands {
            if let Command::Eval(eval) = command {
                queries.push((name.clone(), eval.line, eval.query));
            }
        }
    }
    queries
}

#[test]
fn all_script_queries_parse_and_print() {
    let queries = script_queries();
    assert_eq!(queries.len(), 1640);
    for (file, line, query) in queries {
        let parsed = |text: &str| match parse_with(text, ALL) {
            Ok(expr) => expr,
            Err(error) => panic!("{file}:{line} {text}: {error}"),
        };
        let printed = parsed(&query).to_string();
        let again = parsed(&printed).to_string();
        assert_eq!(again, printed, "{file}:{line} {query}");
    }
}

#[test]
fn all_compliance_queries_parse_or_fail_as_they_should() {
    let text = fs::read_to_string(testdata().join("compliance/public.jsonl")).unwrap();
    let mut n_parsed = 0;
    for line in text.lines() {
        let query: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = query["query"].as_str().unwrap();
        match parse(text) {
            Ok(_) => n_parsed += 1,
            Err(error) => assert!(query["should_fail"].as_bool().unwrap(), "{text}: {error}"),
        }
    }
    assert!(n_parsed > 350, "{n_parsed}");
}

/// Texts that are queries more often than not.
fn queries() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[0-9]{1,3}(\\.[0-9])?",
        Just("0x1F".to_owned()),
        // Prometheus prints `Inf ^ 1` as `+Inf ^ 1`, which has another tree; in parentheses it has not.
        Just("(Inf)".to_owned()),
        Just("5m30s".to_owned()),
        "[a-c:]{1,3}",
        Just("sum".to_owned()),
        Just("{\"a.b\",c!~'d.*'}".to_owned()),
        "[a-c]\\{[a-c]=\"[a-c\\u{e9}]*\"\\}",
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        let op = prop::sample::select(vec![
            "+",
            "-",
            "*",
            "/",
            "%",
            "^",
            "atan2",
            "==",
            "!=",
            ">",
            "<=",
            "and",
            "or",
            "unless",
            "> bool",
            "+ on(a)",
            "* ignoring(b) group_left(c)",
            "or on(a, \"b.c\")",
            "+ fill(0)",
            "> bool on(a) fill_left(-1) fill_right(Inf)",
        ]);
        let modifier = prop::sample::select(vec![
            " offset 5m",
            " offset -1h",
            " @ 12.5",
            " @ start()",
            " anchored",
            " smoothed",
            "[5m] smoothed",
            "[5m]",
            "[5m:30s]",
            "[1h:] @ end()",
            "[2m] offset 1m",
            "[5m*2+(step()-1)]",
            "[-1m^2+range():min_of(5, 1m)]",
            " offset -(2*3)",
            " offset +max_of(-step(), 1)",
        ]);
        let call = prop::sample::select(vec![
            "rate",
            "abs",
            "sum",
            "sum by (a)",
            "max without (b, c)",
            "topk",
            "absent",
            "scalar",
            "count_values",
        ]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(l, op, r)| format!("{l} {op} {r}")),
            (inner.clone(), modifier).prop_map(|(e, m)| format!("{e}{m}")),
            (call.clone(), inner.clone()).prop_map(|(f, e)| format!("{f}({e})")),
            (call, inner.clone(), inner.clone()).prop_map(|(f, a, b)| format!("{f}({a}, {b})")),
            inner.clone().prop_map(|e| format!("({e})")),
            inner.prop_map(|e| format!("-{e}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn printing_and_parsing_give_back_what_was_printed(query in queries()) {
        if let Ok(expr) = parse_with(&query, ALL) {
            let printed = expr.to_string();
            let again = parse_with(&printed, ALL);
            prop_assert!(again.is_ok(), "{} -> {}: {:?}", query, printed, again);
            prop_assert_eq!(again.unwrap().to_string(), printed);
        }
    }

    #[test]
    fn any_text_parses_or_fails_without_panic(text in any::<String>()) {
        let _ = parse_with(&text, ALL);
        let _ = script::read(&text);
    }

    #[test]
    fn any_words_parse_or_fail_without_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "a", "sum", "by", "on", "(", ")", "{", "}", "[", "]", "5m", "1", "'x'", "=", "=~", "==", "-", "^",
            "@", "offset", ",", ":", "start", "step", "bool", "group_left", "fill", "#", "\n", "\\", "\u{e9}",
            "rate", "0x", "1e", "*", "%", "min_of", "_", ".", "</", "or", "\"",
        ]), 0..24),
    ) {
        for separator in ["", " "] {
            let text = words.join(separator);
            if let Err(error) = parse_with(&text, ALL) {
                prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len(), "{:?}: {:?}", text, error);
            }
            let _ = script::read(&format!("eval instant at 1m x\n{text}\nload 5m\n{text}"));
        }
    }
}
