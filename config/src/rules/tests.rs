use expect_test::{Expect, expect};

use super::*;

#[track_caller]
fn check(text: &str, expected: Expect) {
    let template = |_: &str, text: &str| match text.contains("$label ") {
        true => Err("undefined variable \"$label\"".to_owned()),
        false => Ok(()),
    };
    let outside = Outside {
        template: &template,
        ..Outside::default()
    };
    let shown = match parse_rules("r.yml", text, NameValidation::Utf8, &outside) {
        Ok(groups) => format!("{groups:#?}"),
        Err(errors) => errors.iter().map(|error| format!("{error}\n")).collect(),
    };
    expected.assert_eq(&shown);
}

#[test]
fn groups_are_read() {
    check(
        "groups:\n- name: a\n  interval: 30s\n  limit: 5\n  rules:\n  - record: b:c\n    expr: sum(up)\n    labels: {x: y}\n  - alert: Down\n    expr: up == 0\n    for: 5m\n    keep_firing_for: 1m\n    annotations: {summary: 'x {{ $value }}'}\n",
        expect![[r#"
            [
                RuleGroup {
                    file: "r.yml",
                    name: "a",
                    interval: Some(
                        Millis(
                            30000,
                        ),
                    ),
                    query_offset: None,
                    limit: 5,
                    labels: {},
                    rules: [
                        Rule {
                            kind: Record(
                                "b:c",
                            ),
                            expr: "sum(up)",
                            labels: {
                                "x": "y",
                            },
                        },
                        Rule {
                            kind: Alert {
                                name: "Down",
                                hold: Millis(
                                    300000,
                                ),
                                keep_firing: Millis(
                                    60000,
                                ),
                                annotations: {
                                    "summary": "x {{ $value }}",
                                },
                            },
                            expr: "up == 0",
                            labels: {},
                        },
                    ],
                },
            ]"#]],
    );
    check("", expect!["[]"]);
}

#[test]
fn wrong_rules_are_named_with_their_places() {
    check(
        "groups:\n- name: a\n  rules:\n  - record: b\n    alert: c\n    expr: 1 +\n  - expr: up\n  - record: 'a{b=\"c\"}'\n    for: 1m\n    labels: {__name__: x}\n  - alert: T\n    expr: up\n    annotations: {s: '{{ $label }}'}\n- name: a\n  labels: {'': x}\n- rules: []\n  name:\n",
        expect![[r#"
            4:13: 5:12: group "a", rule 1, "c": only one of 'record' and 'alert' must be set
            6:11: group "a", rule 1, "c": could not parse expression: 1:4: parse error: unexpected end of input
            0:0: 0:0: group "a", rule 2, "": one of 'record' or 'alert' must be set
            0:0: group "a", rule 3, "a{b=\"c\"}": field 'expr' must be set in rule
            8:13: group "a", rule 3, "a{b=\"c\"}": invalid field 'for' in recording rule
            8:13: group "a", rule 3, "a{b=\"c\"}": braces present in the recording rule name; should it be in expr?: a{b="c"}
            group "a", rule 3, "a{b=\"c\"}": invalid label name: __name__
            group "a", rule 4, "T": annotation "s": undefined variable "$label"
            14:3: groupname: "a" is repeated in the same file
            invalid label name: 
            16:3: Groupname must not be empty
        "#]],
    );
}

#[test]
fn unknown_fields_are_named() {
    check(
        "groups:\n- name: a\n  rule: []\n  rules:\n  - record: b\n    expr: c\n    annotation: {}\n",
        expect![[r#"
            yaml: unmarshal errors:
              line 3: field rule not found in type rulefmt.RuleGroup
              line 7: field annotation not found in type rulefmt.Rule
        "#]],
    );
}
