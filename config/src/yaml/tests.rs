use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn shown(node: &Node) -> String {
    let place = format!("{}:{}", node.place.line, node.place.column);
    match &node.value {
        Value::Null => format!("{place} null"),
        Value::Scalar { text, plain } => {
            format!("{place} {}{text:?}", if *plain { "" } else { "quoted " })
        }
        Value::Sequence(items) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            format!("{place} [{}]", items.join(", "))
        }
        Value::Mapping(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, node)| format!("{}@{}: {}", key.text, key.line, shown(node)));
            format!("{place} {{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    let shown = match parse(text) {
        Ok(node) => shown(&node),
        Err(error) => format!("error: {error}"),
    };
    expected.assert_eq(&shown);
}

#[test]
fn nodes_have_their_places_and_scalars_their_text() {
    check("", expect!["1:1 null"]);
    check(
        "a: 1.50\nb:\n  - x: \"1\"\n    y:\n",
        expect![[r#"1:1 {a@1: 1:4 "1.50", b@2: 3:3 [3:5 {x@3: 3:8 quoted "1", y@4: 4:6 null}]}"#]],
    );
    check("a: 1\n---\nb: 2\n", expect![[r#"1:1 {a@1: 1:4 "1"}"#]]);
    check(
        "a: 1\na: 2",
        expect![[r#"1:1 {a@1: 1:4 "1", a@2: 2:4 "2"}"#]],
    );
}

#[test]
fn aliases_and_merge_keys_are_put_in() {
    check(
        "a: &x {b: 1, c: 2}\nd: *x\ne: {<<: *x, c: 3}",
        expect![[
            r#"1:1 {a@1: 1:7 {b@1: 1:11 "1", c@1: 1:17 "2"}, d@2: 1:7 {b@1: 1:11 "1", c@1: 1:17 "2"}, e@3: 3:4 {c@3: 3:16 "3", b@1: 1:11 "1"}}"#
        ]],
    );
}

#[test]
fn broken_texts_are_refused() {
    check(
        "a: [1",
        expect!["error: yaml: line 1: unclosed bracket '['"],
    );
    check(
        "a: b: c",
        expect!["error: yaml: line 1: mapping values are not allowed in this context"],
    );
    check(
        "a: *x",
        expect!["error: yaml: line 1: while parsing node, found unknown anchor"],
    );
    check(
        &"[".repeat(200),
        expect!["error: yaml: line 1: unclosed bracket '['"],
    );
    check(
        "a: &x [*x]",
        expect!["error: yaml: line 1: anchor value contains itself"],
    );
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..10 {
        let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{aliases}]\n"));
    }
    let error = parse(&text).unwrap_err().to_string();
    assert!(error.contains("excessive aliasing"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn any_text_parses_or_fails(text in r#"([a-c:\-\[\]{},&*!"'|>#%?<~ ]|\n|: |- |\t){0,40}"#) {
        let _ = parse(&text);
    }
}
