//! The functions that templates can call: Go's own, then Prometheus'.
use std::cmp::Ordering;

use model::{parse_duration, regex::Regex};
use url::form_urlencoded::byte_serialize;

use super::{Context, humanize, printf::printf, value::Value};

/// Every function's name; `and` and `or` are run where their arguments are.
const NAMES: &[&str] = &[
    "and",
    "or",
    "not",
    "len",
    "index",
    "print",
    "printf",
    "println",
    "urlquery",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "query",
    "first",
    "label",
    "value",
    "strvalue",
    "args",
    "reReplaceAll",
    "safeHtml",
    "match",
    "title",
    "toUpper",
    "toLower",
    "graphLink",
    "tableLink",
    "sortByLabel",
    "stripPort",
    "stripDomain",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "toDuration",
    "now",
    "pathPrefix",
    "externalURL",
    "parseDuration",
    "urlQueryEscape",
];

/// True if templates can call `name`.
pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The value of `name` called with `args`.
pub(super) fn call(name: &str, args: Vec<Value>, context: &Context<'_>) -> Result<Value, String> {
    let fail = |what: String| format!("error calling {name}: {what}");
    go_function(name, &args)
        .or_else(|| prometheus_function(name, &args, context))
        .unwrap_or_else(|| {
            let types: Vec<&str> = args.iter().map(Value::type_name).collect();
            Err(format!(
                "wrong number or type of arguments: ({})",
                types.join(", ")
            ))
        })
        .map_err(fail)
}

type Called = Option<Result<Value, String>>;

/// Go's functions; none if `args` do not fit.
fn go_function(name: &str, args: &[Value]) -> Called {
    use Value as V;
    let ordered = |wanted: fn(Ordering) -> bool| match args {
        [a, b] => Some(match compare(a, b) {
            Some(order) => Ok(V::Bool(wanted(order))),
            None => Err("incompatible types for comparison".to_owned()),
        }),
        _ => None,
    };
    match (name, args) {
        ("not", [value]) => ok(V::Bool(!value.is_true())),
        ("len", [V::Text(text)]) => ok(V::Int(text.len() as i64)),
        ("len", [V::List(list)]) => ok(V::Int(list.len() as i64)),
        ("len", [V::Map(map)]) => ok(V::Int(map.len() as i64)),
        ("index", [value, keys @ ..]) => Some(keys.iter().try_fold(value.clone(), index)),
        ("print", args) => ok(V::Text(print(args))),
        ("println", args) => {
            let parts: Vec<String> = args.iter().map(V::print).collect();
            ok(V::Text(parts.join(" ") + "\n"))
        }
        ("printf", [V::Text(format), args @ ..]) => ok(V::Text(printf(format, args))),
        ("urlquery", args) => ok(V::Text(escaped(&print(args)))),
        ("eq", [value, others @ ..]) if !others.is_empty() => {
            let mut orders = others.iter().map(|other| compare(value, other));
            ok(V::Bool(orders.any(|order| order == Some(Ordering::Equal))))
        }
        ("ne", [a, b]) => ok(V::Bool(compare(a, b) != Some(Ordering::Equal))),
        ("lt", _) => ordered(Ordering::is_lt),
        ("le", _) => ordered(Ordering::is_le),
        ("gt", _) => ordered(Ordering::is_gt),
        ("ge", _) => ordered(Ordering::is_ge),
        _ => None,
    }
}

/// Prometheus' functions; none if `args` do not fit.
fn prometheus_function(name: &str, args: &[Value], context: &Context<'_>) -> Called {
    use Value as V;
    let text = |text: String| ok(V::Text(text));
    match (name, args) {
        ("query", [V::Text(query)]) => Some((context.query)(query).map(|samples| {
            V::List(
                samples
                    .iter()
                    .map(|(labels, sample)| V::of_sample(labels, *sample))
                    .collect(),
            )
        })),
        ("first", [V::List(list)]) => Some(
            list.first()
                .cloned()
                .ok_or_else(|| "first() called on vector with no elements".to_owned()),
        ),
        ("label", [V::Text(label), V::Map(sample)]) => text(label_of(sample.get("Labels"), label)),
        ("strvalue", [V::Map(sample)]) => text(label_of(sample.get("Labels"), "__value__")),
        ("value", [V::Map(sample)]) => ok(sample.get("Value").cloned().unwrap_or(V::Nil)),
        ("args", args) => {
            let names: Vec<String> = (0..args.len()).map(|i| format!("arg{i}")).collect();
            ok(V::map(
                names.iter().map(String::as_str).zip(args.iter().cloned()),
            ))
        }
        ("sortByLabel", [V::Text(label), V::List(list)]) => {
            let key = |entry: &Value| match entry {
                V::Map(sample) => label_of(sample.get("Labels"), label),
                _ => String::new(),
            };
            let mut list = list.clone();
            list.sort_by_key(key);
            ok(V::List(list))
        }
        ("reReplaceAll", [V::Text(pattern), V::Text(to), V::Text(text)]) => {
            Some(replace_all(pattern, to, text).map(V::Text))
        }
        ("match", [V::Text(pattern), V::Text(text)]) => Some(found(pattern, text).map(V::Bool)),
        ("safeHtml", [V::Text(html)]) => text(html.clone()),
        ("title", [V::Text(words)]) => text(title(words)),
        ("toUpper", [V::Text(word)]) => text(word.to_uppercase()),
        ("toLower", [V::Text(word)]) => text(word.to_lowercase()),
        ("graphLink", [V::Text(expr)]) => {
            text(format!("/graph?g0.expr={}&g0.tab=0", escaped(expr)))
        }
        ("tableLink", [V::Text(expr)]) => {
            text(format!("/graph?g0.expr={}&g0.tab=1", escaped(expr)))
        }
        ("urlQueryEscape", [V::Text(part)]) => text(escaped(part)),
        ("stripPort", [V::Text(address)]) => text(strip_port(address).to_owned()),
        ("stripDomain", [V::Text(address)]) => text(strip_domain(address)),
        ("pathPrefix", []) => text(path_of(context.external_url)),
        ("externalURL", []) => text(context.external_url.to_owned()),
        ("now", []) => ok(V::Float(context.now.as_seconds())),
        ("parseDuration", [V::Text(span)]) => Some(
            parse_duration(span)
                .map(|span| V::Float(span.as_seconds()))
                .map_err(|error| error.to_string()),
        ),
        ("toTime" | "toDuration", [number]) => Some(number_of(number).map(V::Float)),
        (_, [number]) => {
            let form = match name {
                "humanize" => humanize::humanize,
                "humanize1024" => humanize::humanize1024,
                "humanizeDuration" => humanize::humanize_duration,
                "humanizePercentage" => humanize::humanize_percentage,
                "humanizeTimestamp" => humanize::humanize_timestamp,
                _ => return None,
            };
            Some(number_of(number).map(|number| V::Text(form(number))))
        }
        _ => None,
    }
}

fn ok(value: Value) -> Called {
    Some(Ok(value))
}

/// Numbers of either kind, texts and truths among themselves.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Nil, Value::Nil) => Some(Ordering::Equal),
        _ => None,
    }
}

fn index(value: Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::Map(mut map), Value::Text(key)) => {
            Ok(map.remove(key).unwrap_or(Value::Text(String::new())))
        }
        (Value::List(list), Value::Int(i)) => usize::try_from(*i)
            .ok()
            .and_then(|i| list.get(i).cloned())
            .ok_or_else(|| format!("index out of range: {i}")),
        (value, key) => Err(format!(
            "can't index item of type {} with {}",
            value.type_name(),
            key.type_name()
        )),
    }
}

/// Go's `fmt.Sprint`: a blank between two that are no texts.
fn print(args: &[Value]) -> String {
    let mut text = String::new();
    for (i, arg) in args.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if i > 0 && !is_text(arg) && !is_text(&args[i - 1]) {
            text.push(' ');
        }
        text.push_str(&arg.print());
    }
    text
}

fn number_of(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        Value::Text(text) => text
            .parse()
            .map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")),
        other => Err(format!("can't convert {} to float64", other.type_name())),
    }
}

fn label_of(labels: Option<&Value>, name: &str) -> String {
    match labels {
        Some(Value::Map(labels)) => labels.get(name).map(Value::print).unwrap_or_default(),
        _ => String::new(),
    }
}

fn unanchored(pattern: &str) -> Result<regex::Regex, String> {
    // The pattern is judged by Go's syntax, then compiled as it reads there.
    let checked = Regex::new(pattern).map_err(|error| error.to_string())?;
    regex::Regex::new(checked.as_str()).map_err(|error| error.to_string())
}

fn replace_all(pattern: &str, to: &str, text: &str) -> Result<String, String> {
    Ok(unanchored(pattern)?.replace_all(text, to).into_owned())
}

fn found(pattern: &str, text: &str) -> Result<bool, String> {
    Ok(unanchored(pattern)?.is_match(text))
}

/// Each word with a capital.
fn title(words: &str) -> String {
    let mut start = true;
    let mut text = String::new();
    for c in words.chars() {
        match start {
            true => text.extend(c.to_uppercase()),
            false => text.extend(c.to_lowercase()),
        }
        start = !c.is_alphanumeric();
    }
    text
}

fn escaped(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn strip_port(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((host, _)) => host.trim_start_matches('[').trim_end_matches(']'),
        None => address,
    }
}

fn strip_domain(address: &str) -> String {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    // An IP address has no domain.
    let short = match host.parse::<std::net::IpAddr>() {
        Ok(_) => host,
        Err(_) => host.split('.').next().unwrap_or(host),
    };
    match port {
        Some(port) => format!("{short}:{port}"),
        None => short.to_owned(),
    }
}

fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or_else(String::new, |at| {
        rest[at..].trim_end_matches('/').to_owned()
    })
}
