use super::*;

fn rule(action: RelabelAction) -> RelabelRule {
    RelabelRule {
        action,
        ..RelabelRule::default()
    }
}

fn from(sources: &[&str], regex: &str, action: RelabelAction) -> RelabelRule {
    RelabelRule {
        source_labels: sources.iter().map(|s| (*s).to_owned()).collect(),
        regex: Regex::new(regex).unwrap(),
        action,
        ..RelabelRule::default()
    }
}

fn replace(sources: &[&str], regex: &str, target: &str, replacement: &str) -> RelabelRule {
    RelabelRule {
        target_label: target.to_owned(),
        replacement: replacement.to_owned(),
        ..from(sources, regex, RelabelAction::Replace)
    }
}

fn to(sources: &[&str], action: RelabelAction, target: &str) -> RelabelRule {
    RelabelRule {
        target_label: target.to_owned(),
        ..from(sources, "(.*)", action)
    }
}

fn names(regex: &str, action: RelabelAction) -> RelabelRule {
    from(&[], regex, action)
}

/// Runs `rules`, which must be valid, over `input`; `None` is a set that is dropped.
#[track_caller]
fn check(input: &[(&str, &str)], rules: &[RelabelRule], output: Option<&[(&str, &str)]>) {
    for rule in rules {
        rule.validate().unwrap();
    }
    let labels = Labels::from_pairs(input.iter().copied());
    let expected = output.map(|pairs| Labels::from_pairs(pairs.iter().copied()));
    assert_eq!(relabelled(&labels, rules), expected);
}

#[test]
fn replacing_writes_what_the_groups_held() {
    let abc = [("a", "foo"), ("b", "bar"), ("c", "baz")];
    check(
        &abc,
        &[replace(&["a"], "f(.*)", "d", "ch${1}-ch${1}")],
        Some(&[("a", "foo"), ("b", "bar"), ("c", "baz"), ("d", "choo-choo")]),
    );
    // The second rule sees what the first has written.
    check(
        &abc,
        &[
            replace(&["a", "b"], "f(.*);(.*)r", "a", "b${1}${2}m"),
            replace(&["c", "a"], "(b).*b(.*)ba(.*)", "d", "$1$2$2$3"),
        ],
        Some(&[("a", "boobam"), ("b", "bar"), ("c", "baz"), ("d", "boooom")]),
    );
    check(
        &[("a", "line1\nline2")],
        &[replace(
            &["a"],
            "line1.*line2",
            "utf-8.label${1}",
            "match${1}",
        )],
        Some(&[("a", "line1\nline2"), ("utf-8.label", "match")]),
    );
    check(
        &[("a", "x-y")],
        &[replace(&["a"], "(x)-(?<second>y)", "l_$1", "v_$second")],
        Some(&[("a", "x-y"), ("l_x", "v_y")]),
    );
}

#[test]
fn replacing_without_a_match_changes_nothing() {
    check(
        &[("a", "boo")],
        &[replace(&["a"], "f", "b", "bar")],
        Some(&[("a", "boo")]),
    );
}

#[test]
fn an_empty_replacement_takes_the_label_away() {
    check(
        &[("a", "foo"), ("f", "baz")],
        &[replace(&["a"], "(f).*", "$1", "$2")],
        Some(&[("a", "foo")]),
    );
}

#[test]
fn a_target_that_becomes_no_name_is_left_out() {
    check(
        &[("a", "some-name-0")],
        &[replace(&["a"], "some-([^-]+)-([^,]+)", "${3}", "${1}")],
        Some(&[("a", "some-name-0")]),
    );
    let legacy = RelabelRule {
        names: NameValidation::Legacy,
        ..replace(&["a"], "some-([^-]+)(-[^,]+)", "${2}", "${1}")
    };
    check(
        &[("a", "some-name-0")],
        &[legacy],
        Some(&[("a", "some-name-0")]),
    );
}

#[test]
fn sets_are_kept_and_dropped_by_value() {
    use RelabelAction::{Drop, DropEqual, Keep, KeepEqual};
    let foo = [("a", "foo"), ("b", "foo"), ("c", "bar")];
    let same = Some(foo.as_slice());
    check(&foo, &[from(&["a"], ".*o.*", Drop)], None);
    check(&foo, &[from(&["a"], "no-match", Drop)], same);
    check(&foo, &[from(&["a"], "f|o", Drop)], same);
    check(&foo, &[from(&["a"], "no-match", Keep)], None);
    check(&foo, &[from(&["a"], "f.*", Keep)], same);
    check(&foo, &[from(&["missing"], "", Keep)], same);
    check(&foo, &[to(&["a"], KeepEqual, "b")], same);
    check(&foo, &[to(&["a"], KeepEqual, "c")], None);
    check(&foo, &[to(&["a"], DropEqual, "b")], None);
    check(&foo, &[to(&["a"], DropEqual, "c")], same);
    check(&foo, &[to(&["missing"], DropEqual, "gone")], None);
}

#[test]
fn hashes_are_those_of_prometheus() {
    let hashed = |value, modulus| {
        let rule = RelabelRule {
            modulus,
            ..to(&["a"], RelabelAction::HashMod, "h")
        };
        rule.validate().unwrap();
        let labels = relabelled(&Labels::from_pairs([("a", value)]), &[rule]).unwrap();
        labels.value("h").to_owned()
    };
    assert_eq!(hashed("baz", 1000), "976");
    assert_eq!(hashed("foo\nbar", 1000), "734");
}

#[test]
fn names_are_mapped_dropped_and_kept() {
    use RelabelAction::{LabelDrop, LabelKeep, LabelMap};
    let meta = [
        ("a", "foo"),
        ("__meta_my_bar", "aaa"),
        ("__meta_my_baz", "bbb"),
    ];
    let map = names("__meta_(my.*)", LabelMap);
    check(
        &meta,
        &[map],
        Some(&[
            ("a", "foo"),
            ("__meta_my_bar", "aaa"),
            ("__meta_my_baz", "bbb"),
            ("my_bar", "aaa"),
            ("my_baz", "bbb"),
        ]),
    );
    check(
        &meta,
        &[names("__meta.*", LabelDrop)],
        Some(&[("a", "foo")]),
    );
    check(&meta, &[names("a", LabelKeep)], Some(&[("a", "foo")]));
    // What one rule takes away another may bring back.
    check(
        &[("name", "foo"), ("port", "9091")],
        &[
            names("^name$", LabelDrop),
            replace(&["port"], "(.+)", "name", "metrics"),
            from(&["name"], "^metrics$", RelabelAction::Keep),
        ],
        Some(&[("name", "metrics"), ("port", "9091")]),
    );
}

#[test]
fn cases_are_changed() {
    check(
        &[("a", "bAr123Foo")],
        &[
            to(&["a"], RelabelAction::Uppercase, "u"),
            to(&["a"], RelabelAction::Lowercase, "l"),
        ],
        Some(&[("a", "bAr123Foo"), ("u", "BAR123FOO"), ("l", "bar123foo")]),
    );
}

#[test]
fn cases_change_letter_by_letter() {
    check(
        &[("a", "Straßeİς ΟΔΟΣ")],
        &[
            to(&["a"], RelabelAction::Uppercase, "u"),
            to(&["a"], RelabelAction::Lowercase, "l"),
        ],
        Some(&[
            ("a", "Straßeİς ΟΔΟΣ"),
            ("u", "STRAßEİΣ ΟΔΟΣ"),
            ("l", "straßeiς οδοσ"),
        ]),
    );
}

#[test]
fn senseless_rules_are_refused_with_prometheus_texts() {
    #[track_caller]
    fn refused(rule: &RelabelRule, text: &str) {
        assert_eq!(rule.validate().unwrap_err().to_string(), text);
    }
    refused(
        &to(&["a"], RelabelAction::HashMod, "b"),
        "relabel configuration for hashmod requires non-zero modulus",
    );
    for action in [
        RelabelAction::Replace,
        RelabelAction::Lowercase,
        RelabelAction::KeepEqual,
    ] {
        let text =
            format!("relabel configuration for {action} action requires 'target_label' value");
        refused(&rule(action), &text);
    }
    let legacy = |target: &str| RelabelRule {
        names: NameValidation::Legacy,
        ..replace(&["a"], "(.*)", target, "$1")
    };
    for good in ["label", "${1}", "${1}_x", "$1$2", "l_${1}9", "_"] {
        legacy(good).validate().unwrap();
    }
    for bad in ["9a", "a-b", "${", "$", "${1", "a$-", "$1.b", "é"] {
        refused(
            &legacy(bad),
            &format!("{bad:?} is invalid 'target_label' for replace action"),
        );
    }
    for (field, text) in [
        (
            RelabelAction::LabelDrop,
            "labeldrop action requires only 'regex', and no other fields",
        ),
        (
            RelabelAction::LabelKeep,
            "labelkeep action requires only 'regex', and no other fields",
        ),
    ] {
        refused(
            &RelabelRule {
                separator: ",".to_owned(),
                ..rule(field)
            },
            text,
        );
        refused(
            &RelabelRule {
                modulus: 8,
                ..rule(field)
            },
            text,
        );
        refused(&to(&[], field, "a"), text);
        refused(&from(&["a"], "b", field), text);
    }
    refused(
        &RelabelRule {
            replacement: "x".to_owned(),
            ..to(&["a"], RelabelAction::Uppercase, "b")
        },
        "'replacement' can not be set for uppercase action",
    );
    refused(
        &RelabelRule {
            separator: ",".to_owned(),
            ..to(&["a"], RelabelAction::DropEqual, "b")
        },
        "dropequal action requires only 'source_labels' and `target_label`, and no other fields",
    );
    refused(
        &RelabelRule {
            replacement: String::new(),
            ..names("a", RelabelAction::LabelMap)
        },
        r#""" is invalid 'replacement' for labelmap action"#,
    );
}

#[test]
fn every_action_is_found_by_its_name() {
    for (name, action) in RelabelAction::ALL {
        assert_eq!(RelabelAction::from_name(&name.to_uppercase()), Some(action));
        assert_eq!(action.as_str(), name);
    }
    assert_eq!(RelabelAction::from_name("explode"), None);
}

#[test]
fn what_a_rule_may_change_is_known() {
    assert!(replace(&["a"], "(.*)", "job", "$1").may_change("job"));
    assert!(!replace(&["a"], "(.*)", "job", "$1").may_change("instance"));
    assert!(replace(&["a"], "(.*)", "$1", "x").may_change("job"));
    assert!(names("in.*", RelabelAction::LabelDrop).may_change("instance"));
    assert!(!names("in.*", RelabelAction::LabelKeep).may_change("instance"));
    assert!(names("x(.*)", RelabelAction::LabelMap).may_change("job"));
    assert!(!from(&["job"], "a", RelabelAction::Drop).may_change("job"));
}
