use expect_test::{Expect, expect};

use super::*;

/// Writes `files` to a new folder and shows what `run` says about them.
#[track_caller]
fn check(files: &[(&str, &str)], run: impl Fn(&Path) -> Report, expected: Expect) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let report = run(folder.path());
    let lines = report.lines.iter().map(|line| match line {
        Line::Out(text) => format!("out: {text}\n"),
        Line::Err(text) => format!("err: {text}\n"),
    });
    let shown = format!("{}exit {}", lines.collect::<String>(), report.exit_code);
    expected.assert_eq(&shown.replace(&folder.path().display().to_string(), ""));
}

fn main_file(folder: &Path) -> Report {
    with_options(folder, CheckOptions::default())
}

fn syntax(folder: &Path) -> Report {
    let depth = Depth::Syntax;
    with_options(
        folder,
        CheckOptions {
            depth,
            ..CheckOptions::default()
        },
    )
}

fn with_options(folder: &Path, options: CheckOptions) -> Report {
    check_config(&[folder.join("p.yml")], &options, &Outside::default())
}

const RULES: &str = "groups: [{name: a, rules: [{record: b, expr: up}, {record: c, expr: up}]}]";

#[test]
fn a_good_configuration_is_told_with_its_rules() {
    let main = "rule_files: ['*.rules']\nscrape_configs:\n- job_name: a\n  file_sd_configs: [{files: [t.yml, none.yml]}]\n  nomad_sd_configs: [{}]\n";
    let files = [
        ("p.yml", main),
        ("r.rules", RULES),
        ("t.yml", "- targets: ['a:1']"),
    ];
    check(
        &files,
        main_file,
        expect![[r#"
        out: Checking /p.yml
        out:   WARNING: file "/none.yml" for file_sd in scrape job "a" does not exist
        out:   WARNING: line 5: nomad_sd_configs of scrape job "a" is not supported
        out:   SUCCESS: 1 rule files found
        out:  SUCCESS: /p.yml is valid prometheus config file syntax
        out: 
        out: Checking /r.rules
        out:   SUCCESS: 2 rules found
        out: 
        exit 0"#]],
    );
    check(
        &files,
        syntax,
        expect![[r#"
        out: Checking /p.yml
        out:   WARNING: line 5: nomad_sd_configs of scrape job "a" is not supported
        out:  SUCCESS: /p.yml is valid prometheus config file syntax
        out: 
        exit 0"#]],
    );
}

#[test]
fn a_bad_configuration_fails() {
    check(
        &[("p.yml", "global: {x: 1}")],
        main_file,
        expect![[r#"
        out: Checking /p.yml
        err:   FAILED: parsing YAML file /p.yml: yaml: unmarshal errors:
          line 1: field x not found in type config.plain
        out: 
        exit 1"#]],
    );
    check(
        &[],
        main_file,
        expect![[r#"
        out: Checking /p.yml
        err:   FAILED: open /p.yml: No such file or directory (os error 2)
        out: 
        exit 1"#]],
    );
    check(
        &[("p.yml", "rule_files: [r.yml]")],
        main_file,
        expect![[r#"
            out: Checking /p.yml
            err:   FAILED: "/r.yml" does not point to an existing file
            out: 
            exit 1"#]],
    );
    let jobs = |fields: &str| format!("scrape_configs: [{{job_name: a, {fields}}}]");
    let token = jobs("authorization: {credentials_file: t}");
    check(
        &[("p.yml", &token)],
        main_file,
        expect![[r#"
        out: Checking /p.yml
        err:   FAILED: error checking authorization credentials or bearer token file "/t": stat /t: No such file or directory (os error 2)
        out: 
        exit 1"#]],
    );
    check(
        &[("p.yml", &token)],
        syntax,
        expect![[r#"
        out: Checking /p.yml
        out:  SUCCESS: /p.yml is valid prometheus config file syntax
        out: 
        exit 0"#]],
    );
    let target = jobs("file_sd_configs: [{files: [t.json]}]");
    let bad = r#"[{"targets": ["http://a"]}]"#;
    check(
        &[("p.yml", &target), ("t.json", bad)],
        main_file,
        expect![[r#"
            out: Checking /p.yml
            err:   FAILED: instance 0 in group 0: "http://a" is not a valid hostname
            out: 
            exit 1"#]],
    );
}

#[test]
fn rules_are_told_one_file_after_the_other() {
    let twice = "groups: [{name: a, labels: {x: y}, rules: [{record: b, expr: up}, {record: b, expr: up == 1}]}]";
    let run = |folder: &Path| {
        let paths = ["a.yml", "b.yml", "c.yml", "d.yml"].map(|name| folder.join(name));
        check_rules(&paths, &CheckOptions::default(), &Outside::default())
    };
    check(
        &[
            ("a.yml", RULES),
            ("b.yml", "groups: [{rules: [{record: a, expr: 1 +}]}]"),
            ("c.yml", twice),
        ],
        run,
        expect![[r#"
            out: Checking /a.yml
            out:   SUCCESS: 2 rules found
            out: 
            out: Checking /b.yml
            err:   FAILED:
            err: /b.yml: 1:10: Groupname must not be empty
            err: /b.yml: 1:37: group "", rule 1, "a": could not parse expression: 1:4: parse error: unexpected end of input
            out: Checking /c.yml
            err:   FAILED:
            err: lint error 1 duplicate rule(s) found.
            Metric: b
            Label(s):
            	x: y
            Might cause inconsistency while recording expressions
            out: 
            out: Checking /d.yml
            err:   FAILED:
            err: /d.yml: open /d.yml: No such file or directory (os error 2)
            exit 1"#]],
    );
}

#[test]
fn web_configurations_are_told_in_one_line() {
    let run = |folder: &Path| {
        check_web_config(&["a.yml", "b.yml", "c.yml"].map(|name| folder.join(name)))
    };
    check(
        &[
            ("a.yml", "tls_server_config: {cert_file: a, key_file: a}"),
            ("a", ""),
            ("b.yml", "tls_server_config: {cert_file: b, key_file: a}"),
        ],
        run,
        expect![[r#"
            err: /a.yml SUCCESS
            err: /b.yml FAILED: failed to read cert_file (/b): No such file or directory (os error 2)
            err: /c.yml FAILED: open /c.yml: No such file or directory (os error 2)
            exit 1"#]],
    );
}

#[test]
fn bad_style_fails_only_if_asked() {
    let main =
        "scrape_configs: [{job_name: a}, {job_name: b, scrape_interval: 10m}]\nrule_files: [r]";
    let rules =
        "groups: [{name: a, x: 1, rules: [{record: b, expr: up}, {record: b, expr: up, y: 2}]}]";
    let files = [("p.yml", main), ("r", rules)];
    let run = |folder: &Path| {
        let options = CheckOptions {
            fatal: true,
            ignore_unknown_fields: true,
            lookback: Some(Millis::from_seconds(300)),
            ..CheckOptions::default()
        };
        with_options(folder, options)
    };
    check(
        &files,
        run,
        expect![[r#"
        out: Checking /p.yml
        out:   SUCCESS: 1 rule files found
        out:  SUCCESS: /p.yml is valid prometheus config file syntax
        out: 
        err:   FAILED: too long scrape interval found, data point will be marked as stale - job: b, interval: 10m
        out: Checking /r
        err:   FAILED:
        err: lint error 1 duplicate rule(s) found.
        Metric: b
        Label(s):
        Might cause inconsistency while recording expressions
        out: 
        exit 3"#]],
    );
    check(
        &files,
        main_file,
        expect![[r#"
        out: Checking /p.yml
        out:   SUCCESS: 1 rule files found
        out:  SUCCESS: /p.yml is valid prometheus config file syntax
        out: 
        out: Checking /r
        err:   FAILED:
        err: /r: yaml: unmarshal errors:
          line 1: field y not found in type rulefmt.Rule
          line 1: field x not found in type rulefmt.RuleGroup
        exit 1"#]],
    );
    let run = |_: &Path| {
        let options = CheckOptions {
            ignore_unknown_fields: true,
            ..CheckOptions::default().with_rule_lint("none").0
        };
        check_rules_text(rules, &options, &Outside::default())
    };
    check(
        &[],
        run,
        expect![[r#"
        out: Checking standard input
        out:   SUCCESS: 2 rules found
        out: 
        exit 0"#]],
    );
    let run = |_: &Path| check_rules_text(rules, &CheckOptions::default(), &Outside::default());
    check(
        &[],
        run,
        expect![[r#"
        out: Checking standard input
        err:   FAILED:
        err: yaml: unmarshal errors:
          line 1: field y not found in type rulefmt.Rule
          line 1: field x not found in type rulefmt.RuleGroup
        exit 1"#]],
    );
}

#[test]
fn an_agent_takes_no_rules() {
    let run = |folder: &Path| {
        let agent = true;
        with_options(
            folder,
            CheckOptions {
                agent,
                ..CheckOptions::default()
            },
        )
    };
    check(
        &[("p.yml", "rule_files: [r]")],
        run,
        expect![[r#"
        out: Checking /p.yml
        err:   FAILED: field rule_files is not allowed in agent mode
        out: 
        exit 1"#]],
    );
    let alerting = "alerting: {alert_relabel_configs: [{action: drop}]}";
    check(
        &[("p.yml", alerting)],
        run,
        expect![[r#"
        out: Checking /p.yml
        err:   FAILED: field alerting is not allowed in agent mode
        out: 
        exit 1"#]],
    );
}
