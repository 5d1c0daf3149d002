use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn matches(pattern: &str, yes: &[&str], no: &[&str]) {
    let regex = Regex::new(pattern).unwrap();
    for text in yes {
        assert!(regex.is_match(text), "{pattern:?} should match {text:?}");
        assert!(regex.captures(text).is_some(), "{pattern:?} on {text:?}");
    }
    for text in no {
        assert!(
            !regex.is_match(text),
            "{pattern:?} should not match {text:?}"
        );
        assert!(regex.captures(text).is_none(), "{pattern:?} on {text:?}");
    }
}

#[test]
fn the_whole_text_must_match() {
    matches("a|bc", &["a", "bc"], &["", "ab", "abc", "xa", "bcx"]);
    matches("", &[""], &["a", "\n"]);
    matches("^foo$", &["foo"], &["foo\n", "xfoo"]);
    matches("a.b", &["a\nb", "aäb"], &["ab", "a\n"]);
    matches("(?-s)a.b", &["axb"], &["a\nb"]);
    matches("(?m)a$(?s:.*)", &["a", "a\nb"], &["ab"]);
    matches("a$b", &[], &["a$b", "ab", ""]);
}

#[test]
fn classes_are_ascii_as_in_re2() {
    matches(r"\d+", &["19"], &["٣", "x"]);
    matches(r"\w", &["a", "_", "7"], &["é", "-"]);
    matches(r"\s", &[" ", "\t", "\n", "\x0c", "\r"], &["\u{a0}", "\x0b"]);
    matches(r"\D\W\S", &["٣éx"], &["1éx"]);
    matches(r".\b.", &["a ", "aé"], &["ab", " é"]);
    matches(r"é\Bü", &["éü"], &[]);
    matches(r"[\d-z]", &["5", "-", "z"], &["a"]);
    matches(r"[[:alpha:]\d]", &["a", "5"], &["é", ":"]);
    matches(r"[[:^word:]]", &["-", "é"], &["a"]);
    matches(r"[^a]", &["\n", "b"], &["a", ""]);
    matches(
        r"\pN\p{Greek}\P{Lu}\p{^Nd}",
        &["1αaa", "½Ωßx"],
        &["1αAa", "1αa1"],
    );
    matches(r"\p{Uppercase_Letter}\p{L}", &["Aé"], &["aA"]);
}

#[test]
fn metacharacters_are_those_of_re2() {
    matches("[a&&b]", &["a", "&", "b"], &["c", ""]);
    matches("[a~~b]", &["a", "~", "b"], &["c"]);
    matches("[[a]", &["[", "a"], &["]"]);
    matches("[[a]]", &["[]", "a]"], &["a"]);
    matches("[]a]", &["]", "a"], &["b"]);
    matches("[^]a]", &["b"], &["]", "a"]);
    matches("[a-]", &["a", "-"], &["b"]);
    matches(r"\<a\>", &["<a>"], &["a"]);
    matches(r"\Qa.b[\E*", &["a.b", "a.b["], &["axb", "a.b[a.b["]);
    matches(r"\Qa.b", &["a.b"], &["axb"]);
    matches("a{", &["a{"], &["a"]);
    matches("{foo}", &["{foo}"], &["foo"]);
    matches("x{,5}", &["x{,5}"], &["xx"]);
    matches("x{01}", &["x{01}"], &["x"]);
    matches("x{2}", &["xx"], &["x", "xxx"]);
    matches("x{2,}", &["xx", "xxx"], &["x"]);
    matches("x{1,2}", &["x", "xx"], &["", "xxx"]);
    matches(r"\141\x62\x{63}\0", &["abc\0"], &["abc"]);
    matches(r"\_\-\.\/", &["_-./"], &["_-x/"]);
    matches("a(?i)*", &["", "aa"], &["A"]);
    matches(r"[\x{d800}-\x{dfff}]", &[], &["a", "\u{fffd}"]);
    matches("}]", &["}]"], &[]);
}

#[test]
fn flags_hold_to_the_end_of_their_group() {
    matches("(?i)abc", &["ABC", "aBc"], &["ab"]);
    matches("(?i:a)b", &["Ab"], &["AB"]);
    matches("((?i)a)b", &["Ab"], &["AB"]);
    matches("(?i)a(?-i)b", &["Ab"], &["AB"]);
    matches("(?i)k", &["K", "\u{212a}"], &[]);
    matches("(?i)[^k]", &["a"], &["K", "\u{212a}"]);
    matches("(?is-m:a.)", &["A\n"], &["B\n"]);
    let ungreedy = Regex::new("(?U)(a+)(a*)").unwrap();
    assert_eq!(ungreedy.captures("aaa").unwrap().get(1), Some("a"));
    let greedy = Regex::new("(?U)(a+?)(a*)").unwrap();
    assert_eq!(greedy.captures("aaa").unwrap().get(1), Some("aaa"));
}

#[test]
fn what_go_refuses_is_refused_with_its_text() {
    #[track_caller]
    fn check(pattern: &str, error: Expect) {
        error.assert_eq(&Regex::new(pattern).unwrap_err().to_string());
    }
    check("*", expect!["missing argument to repetition operator: `*`"]);
    check(
        "a|*",
        expect!["missing argument to repetition operator: `*`"],
    );
    check(
        "(+",
        expect!["missing argument to repetition operator: `+`"],
    );
    check(
        "{2}",
        expect!["missing argument to repetition operator: `{2}`"],
    );
    check("a**", expect!["invalid nested repetition operator: `**`"]);
    check("a++", expect!["invalid nested repetition operator: `++`"]);
    check(
        "a*{2}?",
        expect!["invalid nested repetition operator: `*{2}?`"],
    );
    check("a{1001}", expect!["invalid repeat count: `{1001}`"]);
    check("a{3,2}", expect!["invalid repeat count: `{3,2}`"]);
    check(
        "a{99999999999}",
        expect!["invalid repeat count: `{99999999999}`"],
    );
    check("(a{100}){11}", expect!["invalid repeat count: `{11}`"]);
    check("(a", expect!["missing closing ): `(a`"]);
    check("a)b", expect!["unexpected ): `a)b`"]);
    check("x[a", expect!["missing closing ]: `[a`"]);
    check("[]", expect!["missing closing ]: `[]`"]);
    check("[a--b]", expect!["invalid character class range: `a--`"]);
    check("[b-a]", expect!["invalid character class range: `b-a`"]);
    check(
        "[[:foo:]]",
        expect!["invalid character class range: `[:foo:]`"],
    );
    check(
        r"\p{Foo}",
        expect![[r"invalid character class range: `\p{Foo}`"]],
    );
    check(r"\p", expect![[r"invalid character class range: `\p`"]]);
    check(r"\pX", expect![[r"invalid character class range: `\pX`"]]);
    check(r"\u0041", expect![[r"invalid escape sequence: `\u`"]]);
    check(r"\Z", expect![[r"invalid escape sequence: `\Z`"]]);
    check(r"\C", expect![[r"invalid escape sequence: `\C`"]]);
    check(r"(a)\1", expect![[r"invalid escape sequence: `\1`"]]);
    check(r"\8", expect![[r"invalid escape sequence: `\8`"]]);
    check(r"\é", expect![[r"invalid escape sequence: `\é`"]]);
    check(r"\x4", expect![[r"invalid escape sequence: `\x4`"]]);
    check(
        r"\x{110000}",
        expect![[r"invalid escape sequence: `\x{110000`"]],
    );
    check(r"[\b]", expect![[r"invalid escape sequence: `\b`"]]);
    check(
        "a\\",
        expect!["trailing backslash at end of expression: ``"],
    );
    check(
        "(?x)a",
        expect!["invalid or unsupported Perl syntax: `(?x`"],
    );
    check(
        "(?u)a",
        expect!["invalid or unsupported Perl syntax: `(?u`"],
    );
    check(
        "(?i-)a",
        expect!["invalid or unsupported Perl syntax: `(?i-)`"],
    );
    check(
        "(?=a)",
        expect!["invalid or unsupported Perl syntax: `(?=`"],
    );
    check(
        "(?!a)",
        expect!["invalid or unsupported Perl syntax: `(?!`"],
    );
    check("(?<=a)", expect!["invalid named capture: `(?<=a)`"]);
    check("(?P<n", expect!["invalid named capture: `(?P<n`"]);
    check("(?P<a-b>x)", expect!["invalid named capture: `(?P<a-b>`"]);
    check(
        r"(\pL{100}){10}",
        expect![[r"expression too large: `(\pL{100}){10}`"]],
    );
}

#[test]
fn errors_show_what_go_compiles() {
    let error = |pattern| Regex::new(pattern).unwrap_err().of_anchored().to_string();
    assert_eq!(error("abc(def"), "missing closing ): `^(?s:abc(def)$`");
    assert_eq!(error("*"), "missing argument to repetition operator: `*`");
}

#[test]
fn groups_nest_as_deep_as_the_stack_bears() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")*".repeat(depth));
    assert!(Regex::new(&nested(100)).unwrap().is_match("aa"));
    let error = Regex::new(&nested(101)).unwrap_err().to_string();
    assert!(error.starts_with("expression nests too deeply"), "{error}");
}

#[test]
fn templates_expand_as_in_go() {
    #[track_caller]
    fn check(pattern: &str, text: &str, template: &str, expanded: &str) {
        let regex = Regex::new(pattern).unwrap();
        assert_eq!(regex.captures(text).unwrap().expand(template), expanded);
    }
    check("(.*)", "a", "x-$1", "x-a");
    check("(.*):(.*)", "a:b", "$2${1}c$1c", "bac");
    check("(?P<host>[^:]+):(?<port>.*)", "a:b", "$port/${host}", "b/a");
    check(
        "a",
        "a",
        "$$1 $ ${ ${1 $- $0 ${0} $7 $x",
        "$1 $ ${ ${1 $- a a  ",
    );
    check("(a)|(b)", "b", "[$1][$2]", "[][b]");
    check("(a)", "a", "$01", "");
    check("(?P<n>a)|(?P<n>b)", "b", "$n", "b");
    check("(?P<1x>a)", "a", "$1x", "a");
}

#[test]
fn shapes_are_seen() {
    #[track_caller]
    fn set(pattern: &str, expected: Option<&[&str]>) {
        let regex = Regex::new(pattern).unwrap();
        let found = regex
            .set_matches()
            .map(|set| set.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expected, "{pattern}");
    }
    set("foo", Some(&["foo"]));
    set("foo|bar|baz", Some(&["bar", "baz", "foo"]));
    set("^foo$|^(bar)$", Some(&["bar", "foo"]));
    set(
        "a(b|[cd])e?",
        Some(&["ab", "abe", "ac", "ace", "ad", "ade"]),
    );
    set("(?i)ab", Some(&["AB", "Ab", "aB", "ab"]));
    set("", Some(&[""]));
    set("a|", Some(&["", "a"]));
    set("a.b", None);
    set("[a-z][a-z]", None);
    set("foo|b.*", None);
    set(r"foo\b", None);
    let prefix = |pattern| Regex::new(pattern).unwrap().prefix().map(str::to_owned);
    assert_eq!(prefix("foo.*").as_deref(), Some("foo"));
    assert_eq!(prefix("^(foo[0-9]+)").as_deref(), Some("foo"));
    assert_eq!(prefix("foo?"), Some("fo".to_owned()));
    assert_eq!(prefix("foo|bar"), None);
    assert_eq!(prefix(".*"), None);
    assert!(Regex::new("(.*)").unwrap().matches_everything());
    assert!(!Regex::new("(?-s:.*)").unwrap().matches_everything());
    matches("foo.*", &["foo", "foo\nx"], &["xfoo", "fo"]);
    matches(".*foo", &["foo", "xfoo"], &["foox"]);
    matches("a.*bc.*d", &["abcd", "axbcbcxd"], &["abc", "bcd", "acbd"]);
    matches("a.*a", &["aa", "aba"], &["a"]);
    matches(".+", &["a", "\n"], &[""]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_pattern_compiles_or_fails(pattern in r#"([a-c.*+?|(){}\[\]^$\\\-:,0-9iQEdwbpPLx<>=&#é ]|\(\?|\[:alpha:\]|\\p\{L\}){0,24}"#, text in "[a-c0-9é]{0,6}") {
        if let Ok(regex) = Regex::new(&pattern) {
            prop_assert_eq!(regex.is_match(&text), regex.captures(&text).is_some());
        }
    }

    /// What is known of a pattern's shape agrees with the automaton, which is built here in any case.
    #[test]
    fn shapes_answer_as_the_automaton_does(pattern in r"(a|b|\.|\.\*|\.\+|\||\(|\)|\^|\$|\[ab\]|\?|\(\?i\)|\(\?-s\)){1,8}", texts in prop::collection::vec("[abAB\n]{0,5}", 12)) {
        if let Ok(regex) = Regex::new(&pattern) {
            let automaton = compile(&pattern, parse::parse(&pattern).unwrap().hir).unwrap();
            for text in &texts {
                let expected = automaton.is_match(anchored(text));
                prop_assert_eq!(regex.is_match(text), expected, "{:?} on {:?}", pattern, text);
                prop_assert!(!expected || text.starts_with(regex.prefix().unwrap_or("")));
                let in_set = regex.set_matches().map(|set| set.contains(text));
                prop_assert!(in_set.is_none_or(|found| found == expected));
            }
        }
    }
}
