use super::*;

/// Queries that are refused, and how.
///
/// Source: Prometheus, `promql/parser/parse_test.go`.
const REFUSED: &[(&str, &str)] = &[
    (
        "",
        "unknown position: parse error: no expression found in input",
    ),
    (
        "# just a comment\n\n",
        "1:1: parse error: no expression found in input",
    ),
    ("1+", "1:3: parse error: unexpected end of input"),
    (".", "1:1: parse error: unexpected character: '.'"),
    (
        "2.5.",
        r#"1:1: parse error: bad number or duration syntax: "2.5.""#,
    ),
    (
        "100..4",
        r#"1:1: parse error: bad number or duration syntax: "100..""#,
    ),
    (
        "0deadbeef",
        r#"1:1: parse error: bad number or duration syntax: "0de""#,
    ),
    ("1 /", "1:4: parse error: unexpected end of input"),
    ("*1", "1:1: parse error: unexpected <op:*>"),
    ("(1))", "1:5: parse error: unexpected right parenthesis ')'"),
    ("((1)", "1:5: parse error: unclosed left parenthesis"),
    ("(", "1:2: parse error: unclosed left parenthesis"),
    (
        "1 and 1",
        r#"1:1: parse error: set operator "and" not allowed in binary scalar expression"#,
    ),
    (
        "1 == 1",
        "1:3: parse error: comparisons between scalars must use BOOL modifier",
    ),
    (
        "1 or 1",
        r#"1:1: parse error: set operator "or" not allowed in binary scalar expression"#,
    ),
    (
        "1 unless 1",
        r#"1:1: parse error: set operator "unless" not allowed in binary scalar expression"#,
    ),
    (
        "1 !~ 1",
        "1:3: parse error: unexpected character after '!': '~'",
    ),
    (
        "1 =~ 1",
        "1:3: parse error: unexpected character after '=': '~'",
    ),
    (
        r#"-"string""#,
        r#"1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "string""#,
    ),
    (
        "-test[5m]",
        r#"1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "range vector""#,
    ),
    ("*test", "1:1: parse error: unexpected <op:*>"),
    ("@@", "1:1: parse error: unexpected <op:@>"),
    (
        "1 offset 1d",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "foo offset 1s offset 2s",
        "1:1: parse error: offset may not be set multiple times",
    ),
    (
        "a - on(b) ignoring(c) d",
        "1:11: parse error: unexpected <ignoring>",
    ),
    (
        "foo and 1",
        r#"1:1: parse error: set operator "and" not allowed in binary scalar expression"#,
    ),
    (
        "1 and foo",
        r#"1:1: parse error: set operator "and" not allowed in binary scalar expression"#,
    ),
    (
        "foo or 1",
        r#"1:1: parse error: set operator "or" not allowed in binary scalar expression"#,
    ),
    (
        "1 or foo",
        r#"1:1: parse error: set operator "or" not allowed in binary scalar expression"#,
    ),
    (
        "foo unless 1",
        r#"1:1: parse error: set operator "unless" not allowed in binary scalar expression"#,
    ),
    (
        "1 unless foo",
        r#"1:1: parse error: set operator "unless" not allowed in binary scalar expression"#,
    ),
    (
        "1 or on(bar) foo",
        "1:1: parse error: vector matching only allowed between instant vectors",
    ),
    (
        "foo == on(bar) 10",
        "1:1: parse error: vector matching only allowed between instant vectors",
    ),
    (
        "foo + group_left(baz) bar",
        "1:7: parse error: unexpected <group_left>",
    ),
    (
        "foo and on(bar) group_left(baz) bar",
        r#"1:1: parse error: no grouping allowed for "and" operation"#,
    ),
    (
        "foo and on(bar) group_right(baz) bar",
        r#"1:1: parse error: no grouping allowed for "and" operation"#,
    ),
    (
        "foo or on(bar) group_left(baz) bar",
        r#"1:1: parse error: no grouping allowed for "or" operation"#,
    ),
    (
        "foo or on(bar) group_right(baz) bar",
        r#"1:1: parse error: no grouping allowed for "or" operation"#,
    ),
    (
        "foo unless on(bar) group_left(baz) bar",
        r#"1:1: parse error: no grouping allowed for "unless" operation"#,
    ),
    (
        "foo unless on(bar) group_right(baz) bar",
        r#"1:1: parse error: no grouping allowed for "unless" operation"#,
    ),
    (
        r#"http_requests{group="production"} + on(instance) group_left(job,instance) cpu_count{type="smp"}"#,
        r#"1:35: parse error: label "instance" must not occur in ON and GROUP clause at once"#,
    ),
    (
        "foo + bool bar",
        "1:5: parse error: bool modifier can only be used on comparison operators",
    ),
    (
        "foo + bool 10",
        "1:5: parse error: bool modifier can only be used on comparison operators",
    ),
    (
        "foo and bool 10",
        "1:5: parse error: bool modifier can only be used on comparison operators",
    ),
    (
        "foo @ +Inf",
        "1:1: parse error: timestamp out of bounds for @ modifier: +Inf",
    ),
    (
        "foo @ -Inf",
        "1:1: parse error: timestamp out of bounds for @ modifier: -Inf",
    ),
    (
        "foo @ NaN",
        "1:1: parse error: timestamp out of bounds for @ modifier: NaN",
    ),
    (
        "{",
        "1:2: parse error: unexpected end of input inside braces",
    ),
    ("}", "1:1: parse error: unexpected character: '}'"),
    (
        "some{",
        "1:6: parse error: unexpected end of input inside braces",
    ),
    ("some}", "1:5: parse error: unexpected character: '}'"),
    (
        "some_metric{a=b}",
        r#"1:15: parse error: unexpected identifier "b" in label matching, expected string"#,
    ),
    (
        r#"some_metric{a:b="b"}"#,
        "1:14: parse error: unexpected character inside braces: ':'",
    ),
    (
        r#"foo{a*"b"}"#,
        "1:6: parse error: unexpected character inside braces: '*'",
    ),
    (
        r#"foo{a>="b"}"#,
        "1:6: parse error: unexpected character inside braces: '>'",
    ),
    (
        "foo{gibberish}",
        r#"1:14: parse error: unexpected "}" in label matching, expected label matching operator"#,
    ),
    (
        "foo{1}",
        "1:5: parse error: unexpected character inside braces: '1'",
    ),
    (
        "{}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{x=""}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{x=~".*"}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{x!~".+"}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"{x!="a"}"#,
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        r#"foo{__name__="bar"}"#,
        r#"1:1: parse error: metric name must not be set twice: "foo" or "bar""#,
    ),
    (
        "foo{__name__= =}",
        r#"1:15: parse error: unexpected "=" in label matching, expected string"#,
    ),
    (
        "foo{,}",
        r#"1:5: parse error: unexpected "," in label matching, expected identifier or "}""#,
    ),
    (
        r#"foo{__name__ == "bar"}"#,
        r#"1:15: parse error: unexpected "=" in label matching, expected string"#,
    ),
    (
        r#"foo{__name__="bar" lol}"#,
        r#"1:20: parse error: unexpected identifier "lol" in label matching, expected "," or "}""#,
    ),
    (
        r#"foo{"a"=}"#,
        r#"1:9: parse error: unexpected "}" in label matching, expected string"#,
    ),
    (
        "foo[5mm]",
        r#"1:5: parse error: bad number or duration syntax: "5mm""#,
    ),
    (
        "foo[5m1]",
        r#"1:5: parse error: bad number or duration syntax: "5m1""#,
    ),
    (
        "foo[5m:1m1]",
        r#"1:8: parse error: bad number or duration syntax: "1m1""#,
    ),
    (
        "foo[5y1hs]",
        r#"1:5: parse error: unknown unit "hs" in duration "5y1hs""#,
    ),
    (
        "foo[5m1h]",
        r#"1:5: parse error: not a valid duration string: "5m1h""#,
    ),
    (
        "foo[5m1m]",
        r#"1:5: parse error: not a valid duration string: "5m1m""#,
    ),
    (
        "foo[0m]",
        "1:5: parse error: duration must be greater than 0",
    ),
    (
        r#"foo["5m"]"#,
        r#"1:5: parse error: unexpected character in duration expression: '"'"#,
    ),
    (
        "foo[]",
        r#"1:5: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "foo[-1]",
        "1:5: parse error: duration must be greater than 0",
    ),
    (
        "some_metric[5m] OFFSET 1mm",
        r#"1:24: parse error: bad number or duration syntax: "1mm""#,
    ),
    (
        "some_metric[5m] OFFSET",
        "1:23: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
    ),
    (
        "some_metric OFFSET 1m[5m]",
        "1:22: parse error: no offset modifiers allowed before range",
    ),
    (
        "some_metric[5m] @",
        "1:18: parse error: unexpected end of input in @, expected timestamp",
    ),
    (
        "some_metric @ 1234 [5m]",
        "1:20: parse error: no @ modifiers allowed before range",
    ),
    (
        "some_metric @ start() [5m]",
        "1:23: parse error: no @ modifiers allowed before range",
    ),
    (
        "some_metric @ end()[5m]",
        "1:20: parse error: no @ modifiers allowed before range",
    ),
    (
        "(foo + bar)[5m]",
        "1:12: parse error: ranges only allowed for vector selectors",
    ),
    (
        r#"sum by ("foo)(some_metric{})"#,
        "1:9: parse error: unterminated quoted string",
    ),
    (
        "sum without(==)(some_metric)",
        "1:13: parse error: unexpected <op:==> in grouping opts, expected label",
    ),
    (
        "sum without(,)(some_metric)",
        r#"1:13: parse error: unexpected "," in grouping opts, expected label"#,
    ),
    (
        "sum without(foo,,)(some_metric)",
        r#"1:17: parse error: unexpected "," in grouping opts, expected label"#,
    ),
    (
        "sum some_metric by (test)",
        r#"1:5: parse error: unexpected identifier "some_metric""#,
    ),
    (
        "sum (some_metric) by test",
        r#"1:22: parse error: unexpected identifier "test" in grouping opts, expected "(""#,
    ),
    (
        "sum () by (test)",
        "1:1: parse error: no arguments for aggregate expression provided",
    ),
    (
        "MIN keep_common (some_metric)",
        r#"1:5: parse error: unexpected identifier "keep_common""#,
    ),
    (
        "MIN (some_metric) keep_common",
        r#"1:19: parse error: unexpected identifier "keep_common""#,
    ),
    (
        "sum (some_metric) without (test) by (test)",
        "1:34: parse error: unexpected <by>",
    ),
    (
        "sum without (test) (some_metric) by (test)",
        "1:34: parse error: unexpected <by>",
    ),
    (
        "topk(some_metric)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    ),
    (
        "topk(some_metric,)",
        "1:17: parse error: trailing commas not allowed in function call args",
    ),
    (
        "topk(some_metric, other_metric)",
        "1:6: parse error: expected type scalar in aggregation parameter, got instant vector",
    ),
    (
        "count_values(5, other_metric)",
        "1:14: parse error: expected type string in aggregation parameter, got scalar",
    ),
    (
        "rate(some_metric[5m]) @ 1234",
        "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "floor()",
        r#"1:1: parse error: expected 1 argument(s) in call to "floor", got 0"#,
    ),
    (
        "floor(some_metric, other_metric)",
        r#"1:1: parse error: expected 1 argument(s) in call to "floor", got 2"#,
    ),
    (
        "floor(some_metric, 1)",
        r#"1:1: parse error: expected 1 argument(s) in call to "floor", got 2"#,
    ),
    (
        "floor(1)",
        r#"1:7: parse error: expected type instant vector in call to function "floor", got scalar"#,
    ),
    (
        "hour(some_metric, some_metric, some_metric)",
        r#"1:1: parse error: expected at most 1 argument(s) in call to "hour", got 3"#,
    ),
    (
        "time(some_metric)",
        r#"1:1: parse error: expected 0 argument(s) in call to "time", got 1"#,
    ),
    (
        "non_existent_function_far_bar()",
        r#"1:1: parse error: unknown function with name "non_existent_function_far_bar""#,
    ),
    (
        "rate(some_metric)",
        r#"1:6: parse error: expected type range vector in call to function "rate", got instant vector"#,
    ),
    ("-=", r#"1:2: parse error: unexpected "=""#),
    ("++-++-+-+-<", "1:11: parse error: unexpected <op:<>"),
    ("e-+=/(0)", r#"1:4: parse error: unexpected "=""#),
    (
        "a>b()",
        r#"1:3: parse error: unknown function with name "b""#,
    ),
    (
        "rate(avg)",
        r#"1:6: parse error: expected type range vector in call to function "rate", got instant vector"#,
    ),
    (r#"`\``"#, "1:4: parse error: unterminated raw string"),
    (r#""\"#, "1:1: parse error: escape sequence not terminated"),
    (
        r#""\c""#,
        "1:1: parse error: unknown escape sequence U+0063 'c'",
    ),
    (
        r#""\x.""#,
        "1:1: parse error: illegal character U+002E '.' in escape sequence",
    ),
    (
        r#"foo{bar="baz"}["#,
        "1:16: parse error: unexpected end of input in duration expression",
    ),
    (
        "test[5d] OFFSET 10s [10m:5s]",
        "1:1: parse error: subquery is only allowed on instant vector, got matrix instead",
    ),
    (
        r#"(foo + bar{nm="val"})[5m:][10m:5s]"#,
        "1:1: parse error: subquery is only allowed on instant vector, got matrix instead",
    ),
    (
        "rate(food[1m])[1h] offset 1h",
        "1:15: parse error: ranges only allowed for vector selectors",
    ),
    (
        "rate(food[1m])[1h] @ 100",
        "1:15: parse error: ranges only allowed for vector selectors",
    ),
    (
        r#"info(rate(http_request_counter_total{}[5m]), target_info{foo="bar"})"#,
        "1:46: parse error: expected label selectors only, got vector selector instead",
    ),
    (
        r#"info(http_request_counter_total{namespace="zzz"}, {foo="bar"} == 1)"#,
        "1:51: parse error: expected label selectors only",
    ),
    (
        "foo[step]",
        r#"1:9: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#,
    ),
    (
        "foo offset 9.5e10",
        "1:12: parse error: duration out of range",
    ),
    ("foo[9.5e10]", "1:5: parse error: duration out of range"),
    ("sum(", "1:5: parse error: unclosed left parenthesis"),
    ("sum(rate(", "1:10: parse error: unclosed left parenthesis"),
    (
        "foo[5s x 5s]",
        "1:8: parse error: unexpected character: 'x', expected ':'",
    ),
    (
        "foo[5s s 5s]",
        "1:8: parse error: unexpected character: 's', expected ':'",
    ),
    (
        "1[5m] smoothed",
        "1:2: parse error: ranges only allowed for vector selectors",
    ),
    (
        "1[5m] anchored",
        "1:2: parse error: ranges only allowed for vector selectors",
    ),
    (
        "some_metric offset step()[5m]",
        "1:26: parse error: no offset modifiers allowed before range",
    ),
    ("foo[step()/0d]", "1:11: parse error: division by zero"),
    ("foo[5s/0d]", "1:7: parse error: division by zero"),
    ("foo offset (4d/0)", "1:15: parse error: division by zero"),
    ("foo[5s%0d]", "1:7: parse error: modulo by zero"),
    (
        "foo[step]",
        "1:9: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()",
    ),
    (
        "foo offset (5m",
        "1:15: parse error: unclosed left parenthesis",
    ),
    // What Prometheus can do and this parser cannot.
    (
        "foo anchored smoothed",
        "1:1: parse error: anchored and smoothed modifiers cannot be used together",
    ),
    (
        "foo[5m:] anchored",
        "1:1: parse error: anchored modifier is not supported for subqueries",
    ),
    (
        "sum(foo) Smoothed",
        "1:1: parse error: smoothed modifier not implemented",
    ),
    (
        "1[5m] smoothed",
        "1:2: parse error: ranges only allowed for vector selectors",
    ),
    (
        "foo and fill(1) bar",
        "1:1: parse error: filling in missing series not allowed for set operators",
    ),
    (
        "foo + fill(1) 2",
        "1:1: parse error: filling in missing series only allowed between instant vectors",
    ),
    (
        "foo + fill(bar) baz",
        "1:12: parse error: unexpected identifier \"bar\"",
    ),
    (
        "foo + fill_left(1) fill_left(2) bar",
        "1:29: parse error: unexpected \"(\"",
    ),
    ("foo </", "1:7: parse error: unexpected end of input"),
];

/// Parses with everything on.
fn parse_all(query: &str) -> Result<Expr, ParseError> {
    let options = Options::ALL;
    parse_with(query, options)
}

#[test]
fn errors_read_as_in_prometheus() {
    for (query, error) in REFUSED {
        let got = parse_all(query).map_err(|e| e.to_string());
        assert_eq!(got.err().as_deref(), Some(*error), "{query:?}");
    }
}

#[test]
fn experimental_functions_are_refused_unless_asked_for() {
    let error = |query| parse(query).unwrap_err().to_string();
    assert_eq!(
        error("1 + scalar(info(up))"),
        "1:12: parse error: function \"info\" is not enabled"
    );
    assert_eq!(
        error("limitk(1, up)"),
        "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions"
    );
    assert_eq!(
        error("a + (b - fill(0) c)"),
        "1:6: parse error: binop fill modifiers are experimental and not enabled"
    );
    assert_eq!(
        error("1 + rate(x[5m] anchored)"),
        "1:10: parse error: anchored modifier is experimental and not enabled"
    );
    assert!(parse_all("1 + scalar(info(up))").is_ok());
}

/// Queries, and how Prometheus prints them.
///
/// Source: Prometheus, `promql/parser/printer_test.go`, and its grammar.
const PRINTED: &[(&str, &str)] = &[
    ("SUM by() (x)", "sum(x)"),
    ("sum(x) by (a, by, \"b.c\",)", "sum by (a, by, \"b.c\") (x)"),
    (
        "count_values without(b)('v', x)",
        "count_values without (b) (\"v\", x)",
    ),
    ("sum without() (x)", "sum without () (x)"),
    ("a - on() b", "a - on () b"),
    (
        "a*ignoring(c)group_left b",
        "a * ignoring (c) group_left () b",
    ),
    ("a*on(c)group_right(d,)b", "a * on (c) group_right (d) b"),
    ("a > bool on(x)b", "a > bool on (x) b"),
    ("a - ignoring() b", "a - b"),
    ("up{b=\"1\",a!~'x|\"'}", "up{a!~\"x|\\\"\",b=\"1\"}"),
    (
        "{\"a.b\", 'c d'=`\\e`}",
        "{\"c d\"=\"\\\\e\",__name__=\"a.b\"}",
    ),
    ("x{}", "x"),
    ("x offset -5m @ 3.5", "x @ 3.500 offset -5m"),
    ("x[90s] @ start() offset 1w", "x[1m30s] @ start() offset 1w"),
    (
        "rate(x[1h])[1d:5m] @ end() offset 1s",
        "rate(x[1h])[1d:5m] @ end() offset 1s",
    ),
    ("x[5m:]@-1.5", "x[5m:] @ -1.500"),
    ("x[300]", "x[5m]"),
    ("x[step()]", "x[step()]"),
    ("x[-step()]", "x[-step()]"),
    ("x[(step())]", "x[(step())]"),
    ("x[ - step ( ) ]", "x[-step()]"),
    ("x offset -(step())", "x offset -(step())"),
    ("x offset (5)", "x offset (5)"),
    ("x offset (5m)", "x offset (5m)"),
    ("x offset +min_of(10s, 20s)", "x offset min_of(10s, 20s)"),
    (
        "x offset -min_of(10s, +max_of(step() ^ 2, 2))",
        "x offset -min_of(10s, max_of(step() ^ 2, 2))",
    ),
    (
        "x[200-min_of(-step()^+step(),1)]",
        "x[200 - min_of(-step() ^ step(), 1)]",
    ),
    ("x[11s+10s-5*2^2]", "x[11s + 10s - 5 * 2 ^ 2]"),
    ("x[-(10s-5s)+20s]", "x[-(10s - 5s) + 20s]"),
    ("x[-10s+15s]", "x[-10s + 15s]"),
    (
        "x[4s+4s:1s*2] offset (5s-8)",
        "x[4s + 4s:1s * 2] offset (5s - 8)",
    ),
    ("x offset 5s-8", "x offset 5s - 8"),
    ("x offset -1^1", "x offset -1s ^ 1"),
    ("x offset -(1^2)", "x offset -(1 ^ 2)"),
    ("x offset (-1^2)", "x offset (-1 ^ 2)"),
    ("x[0+-2^2]", "x[0 + -2 ^ 2]"),
    ("x offset step()*2", "x offset step() * 2"),
    ("x offset -+9-(4s)+8", "x offset (-9 - (4s) + 8)"),
    ("x offset -+(5)*2", "x offset (-(5) * 2)"),
    ("x offset -+2^3", "x offset (-2 ^ 3)"),
    ("x offset (5s)*2", "x offset (5s) * 2"),
    ("x offset (5s) @ 3 + 7", "(x @ 3.000 offset (5s)) + 7"),
    ("x offset -+(5) @ 3 * y", "x @ 3.000 offset -(5) * y"),
    (
        "1 - x offset ++1++2 @ 3 ^ 2",
        "1 - (x @ 3.000 offset (1 + 2)) ^ 2",
    ),
    ("x offset (5s) @ 3 > 7", "x @ 3.000 offset (5s) > 7"),
    ("x[2m/range()]", "x[2m / range()]"),
    ("x anchored", "x anchored"),
    ("x smoothed offset 5m @ 3", "x @ 3.000 smoothed offset 5m"),
    (
        "rate(x[5m] @ 3 anchored offset 1m)",
        "rate(x[5m] anchored @ 3.000 offset 1m)",
    ),
    ("anchored smoothed", "anchored smoothed"),
    ("0x1F", "31"),
    ("1e3 # comment", "1000"),
    (".5", "0.5"),
    ("5m30s + -1h", "5m30s + -1h"),
    ("+inf + -nAn", "+Inf + NaN"),
    ("-1", "-1"),
    ("-x^2", "-x ^ 2"),
    ("(-x)^2", "(-x) ^ 2"),
    ("sum + by * offset", "sum + by * offset"),
    (
        "start{end='x'} unless step or range",
        "start{end=\"x\"} unless step or range",
    ),
    ("and and or or unless", "and and or or unless"),
    ("fill + fill_left", "fill + fill_left"),
    ("a + fill(-1) b", "a + fill (-1) b"),
    (
        "a > bool on(x) fill_right (1e6) fill_left(+Inf) b",
        "a > bool on (x) fill_left (+Inf) fill_right (1e+06) b",
    ),
    (
        "a / ignoring(x) group_left fill_left(5m) b",
        "a / ignoring (x) group_left () fill_left (300) b",
    ),
    (
        "time() - timestamp(x) % 3 atan2 2",
        "time() - timestamp(x) % 3 atan2 2",
    ),
    ("label_join(x, 'a', '')", "label_join(x, \"a\", \"\")"),
    ("info(x, {data=~'.*'})", "info(x, {data=~\".*\"})"),
    ("info(x, {})", "info(x, {})"),
    ("a:b:c", "a:b:c"),
    ("\n# nothing\n'x'", "\"x\""),
];

#[test]
fn expressions_print_as_in_prometheus() {
    for (query, printed) in PRINTED {
        let expr = parse_all(query).unwrap_or_else(|e| panic!("{query}: {e}"));
        assert_eq!(expr.to_string(), *printed, "{query}");
        assert_eq!(parse_all(printed).unwrap().to_string(), *printed);
    }
}

/// The expression with all binary operations in parentheses.
fn grouped(expr: &Expr) -> String {
    use crate::ast::Node;
    match &expr.node {
        Node::Binary(b) => {
            format!(
                "({} {} {})",
                grouped(&b.lhs),
                b.op.as_str(),
                grouped(&b.rhs)
            )
        }
        Node::Unary(u) => format!("-{}", grouped(&u.expr)),
        _ => expr.to_string(),
    }
}

#[test]
fn operators_bind_as_in_prometheus() {
    let cases = [
        (
            "a or b and c == d + e * f ^ g",
            "(a or (b and (c == (d + (e * (f ^ g))))))",
        ),
        (
            "a ^ b * c + d > e unless f or g",
            "((((((a ^ b) * c) + d) > e) unless f) or g)",
        ),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a and b unless c", "((a and b) unless c)"),
        ("a == b != c", "((a == b) != c)"),
        ("a / b % c atan2 d", "(((a / b) % c) atan2 d)"),
        ("-a ^ b * c", "(-(a ^ b) * c)"),
        ("a ^ -b * c", "((a ^ -b) * c)"),
        ("a ^ -b ^ c", "(a ^ -(b ^ c))"),
        ("a + b offset 5m * c", "(a + (b offset 5m * c))"),
        ("a offset -2 ^ 2", "(a offset -2s ^ 2)"),
        ("-a[5m:] @ 1", "-a[5m:] @ 1.000"),
    ];
    for (query, wanted) in cases {
        let mut parser = Parser::new(query, Options::default());
        let expr = parser.whole_expr().map_err(|f| parser.error_of(f)).unwrap();
        assert_eq!(grouped(&expr), wanted, "{query}");
    }
}

#[test]
fn nodes_know_where_they_stood() {
    let query = " sum(rate(x{a=\"b\"}[5m] offset 1m)) > -2";
    let expr = parse(query).unwrap();
    let mut found = Vec::new();
    collect(&expr, query, &mut found);
    assert_eq!(
        found,
        [
            "sum(rate(x{a=\"b\"}[5m] offset 1m)) > -2",
            "sum(rate(x{a=\"b\"}[5m] offset 1m))",
            "rate(x{a=\"b\"}[5m] offset 1m)",
            "x{a=\"b\"}[5m] offset 1m",
            "-2",
        ]
    );
}

fn collect<'a>(expr: &Expr, query: &'a str, found: &mut Vec<&'a str>) {
    use crate::ast::Node;
    found.push(&query[expr.span.clone()]);
    match &expr.node {
        Node::Binary(b) => {
            collect(&b.lhs, query, found);
            collect(&b.rhs, query, found);
        }
        Node::Aggregate(a) => collect(&a.expr, query, found),
        Node::Call(c) => c.args.iter().for_each(|arg| collect(arg, query, found)),
        _ => {}
    }
}

#[test]
fn hostile_nesting_is_refused_before_the_stack_ends() {
    let many = 100_000;
    let check = |query: String, levels| {
        let error = parse(&query).unwrap_err().message;
        let wanted = format!("expression is nested more than {levels} levels deep");
        assert_eq!(error, wanted, "{}", &query[..20]);
    };
    for part in [
        "(",
        "-",
        "abs(",
        "sum by(x)(",
        "x ^ ",
        "x * (",
        "x{a='b'} or on(x) -(x / ",
    ] {
        check(part.repeat(many), MAX_NESTING);
    }
    for (start, part) in [
        ("x[", "("),
        ("x[", "-"),
        ("x[1", "^1"),
        ("x[", "min_of(1,"),
        ("x offset ", "("),
        ("x offset -", "-"),
    ] {
        check(format!("{start}{}", part.repeat(many)), MAX_NESTING);
    }
    check(format!("x[1{}", "+1".repeat(many)), MAX_HEIGHT);
    for part in [" + x", "[5m:]", " ^ x + x"] {
        check(format!("x{}", part.repeat(many)), MAX_HEIGHT);
    }
    check(
        format!("({}x){}", "-".repeat(100), " + x".repeat(300)),
        MAX_HEIGHT,
    );
    let deep = MAX_NESTING - 1;
    let deep = format!("{}x{}", "(".repeat(deep), ")".repeat(deep));
    assert_eq!(parse(&deep).unwrap().to_string(), deep);
    let long = format!("x{}", " or x".repeat(MAX_HEIGHT - 1));
    assert_eq!(parse(&long).unwrap().to_string(), long);
}

#[test]
fn selectors_stand_alone() {
    let matchers = parse_selector("up{job=\"a\"}").unwrap();
    assert_eq!(format!("{matchers:?}"), "[__name__=\"up\", job=\"a\"]");
    assert_eq!(parse_selector("{}").unwrap(), []);
    for (text, error) in [
        ("up[5m]", "1:3: parse error: unexpected \"[\""),
        ("", "unknown position: parse error: unexpected end of input"),
        (
            "up{",
            "1:4: parse error: unexpected end of input inside braces",
        ),
        ("1", "1:1: parse error: unexpected number \"1\""),
    ] {
        assert_eq!(parse_selector(text).unwrap_err().to_string(), error);
    }
}
