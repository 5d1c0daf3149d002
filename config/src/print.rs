//! Configuration as people may see it: the tree as YAML, secrets left out.
mod defaults;

use std::collections::BTreeMap;

use crate::{
    Config,
    generated::{GENERATED_JOBS, job_name, job_nodes},
    yaml::{Node, Value, as_bool},
};

/// Stands in place of a secret, as in Prometheus.
const SECRET: &str = "<secret>";

/// Fields whose values are secrets wherever they stand.
const SECRETS: [&str; 19] = [
    "password",
    "credentials",
    "bearer_token",
    "client_secret",
    "client_certificate_key",
    "secrets",
    "secret_headers",
    "key",
    "token",
    "auth_token",
    "secret_key",
    "proxy_connect_header",
    "application_secret",
    "consumer_key",
    "service_account_key",
    "private_key",
    "key_passphrase",
    "application_credential_secret",
    "passphrase",
];

/// `root` as YAML with `<secret>` in place of secrets.
pub(crate) fn shown(root: &Node) -> String {
    let mut text = String::new();
    block(&mut text, root, 0, false);
    text
}

/// `root`, a main file, as YAML with `<secret>` in place of secrets, and with what it means where it says nothing.
///
/// The jobs of `generated` that `config` has stand behind those of the file.
pub(crate) fn shown_with_defaults(
    root: Node,
    config: &Config,
    generated: &BTreeMap<String, String>,
) -> String {
    let text = generated.get(GENERATED_JOBS);
    let nodes = text.and_then(|text| job_nodes(text).ok());
    let mut left = config.generated.jobs.clone();
    let mut nodes = nodes.unwrap_or_default();
    nodes.retain(|node| job_name(node).is_some_and(|name| left.remove(name)));
    shown(&defaults::filled(defaults::with_jobs(root, nodes), config))
}

/// Writes `node` on lines of its own, or on this one if it takes no more.
fn block(text: &mut String, node: &Node, indent: usize, secret: bool) {
    match &node.value {
        Value::Null => text.push('\n'),
        Value::Scalar {
            text: scalar,
            plain,
        } => {
            let scalar = if secret { SECRET } else { scalar };
            text.push_str(&written(&without_password(scalar), *plain && !secret));
            text.push('\n');
        }
        Value::Sequence(items) if items.is_empty() => text.push_str("[]\n"),
        Value::Mapping(pairs) if pairs.is_empty() => text.push_str("{}\n"),
        Value::Sequence(items) => {
            for (i, item) in items.iter().enumerate() {
                pad(text, indent, i == 0);
                text.push_str("- ");
                block(text, item, indent + 2, secret);
            }
        }
        Value::Mapping(pairs) => {
            for (i, (key, value)) in pairs.iter().enumerate() {
                pad(text, indent, i == 0);
                text.push_str(&written(&key.text, false));
                text.push(':');
                let inner = match &value.value {
                    Value::Sequence(items) if !items.is_empty() => Some(indent),
                    Value::Mapping(pairs) if !pairs.is_empty() => Some(indent + 2),
                    _ => None,
                };
                let secret = secret || SECRETS.contains(&key.text.as_str());
                match inner {
                    Some(inner) => {
                        text.push('\n');
                        text.push_str(&" ".repeat(inner));
                        block(text, value, inner, secret);
                    }
                    None => {
                        if !matches!(value.value, Value::Null) {
                            text.push(' ');
                        }
                        block(text, value, indent, secret);
                    }
                }
            }
        }
    }
}

/// Indents all lines of a collection but the first, whose place is taken already.
fn pad(text: &mut String, indent: usize, is_first: bool) {
    if !is_first {
        text.push_str(&" ".repeat(indent));
    }
}

/// A scalar as YAML reads it back: without quotes if that is safe.
fn written(scalar: &str, plain: bool) -> String {
    let begins_safely = scalar.starts_with(|c: char| c.is_alphanumeric() || "_/$.<(^".contains(c));
    let safe = begins_safely
        && !scalar.ends_with([' ', ':'])
        && !scalar.contains(": ")
        && !scalar.contains(" #")
        && !scalar.chars().any(char::is_control);
    let is_text = as_bool(scalar).is_none()
        && scalar.parse::<f64>().is_err()
        && !matches!(scalar, "" | "~" | "null" | "Null" | "NULL");
    match safe && (plain || is_text) {
        true => scalar.to_owned(),
        // What a double-quoted scalar escapes is what Rust escapes, but for the form of code points.
        false => {
            let mut quoted = String::from("\"");
            for c in scalar.chars() {
                match c {
                    '"' | '\\' => quoted.extend(['\\', c]),
                    '\n' => quoted.push_str("\\n"),
                    '\t' => quoted.push_str("\\t"),
                    '\r' => quoted.push_str("\\r"),
                    c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
                    c => quoted.push(c),
                }
            }
            quoted + "\""
        }
    }
}

/// `text` with `xxxxx` in place of the password of a URL.
fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let host_at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (user, host) = rest[..host_at].rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!(
            "{scheme}://{name}:xxxxx@{host}{}",
            &rest[host_at..]
        ))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;
    use crate::yaml::parse;

    #[test]
    fn secrets_are_not_shown() {
        let text = "global: {external_labels: {a: 'yes', b: \"x: y\"}}\nscrape_configs:\n- job_name: a # why\n  basic_auth: {username: u, password: hunter2}\n  proxy_url: http://me:hunter2@proxy:80/x\n  http_headers: {X: {secrets: [hunter2], values: [v]}}\n  params:\n  static_configs:\n  - targets: ['a:1', b]\n  - {}\nrule_files: []\n";
        let shown = shown(&parse(text).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
        expect![[r#"
            global:
              external_labels:
                a: "yes"
                b: "x: y"
            scrape_configs:
            - job_name: a
              basic_auth:
                username: u
                password: <secret>
              proxy_url: http://me:xxxxx@proxy:80/x
              http_headers:
                X:
                  secrets:
                  - <secret>
                  values:
                  - v
              params:
              static_configs:
              - targets:
                - a:1
                - b
              - {}
            rule_files: []
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn what_is_left_unsaid_is_said() {
        let bundle = crate::Bundle {
            main: "global:\n  external_labels: {zone: $ZONE}\nscrape_configs:\n- job_name: a\n  scrape_timeout: 5s\n"
                .to_owned(),
            ..crate::Bundle::default()
        };
        let outside = crate::Outside {
            variable: &|name| (name == "ZONE").then(|| "east".to_owned()),
            ..crate::Outside::default()
        };
        let config = Config::from_bundle(&bundle, &outside).unwrap();
        expect![[r#"
            global:
              external_labels:
                zone: east
              scrape_interval: 1m
              scrape_timeout: 10s
              evaluation_interval: 1m
            scrape_configs:
            - job_name: a
              scrape_timeout: 5s
              honor_timestamps: true
              track_timestamps_staleness: false
              scrape_interval: 1m
              scrape_protocols:
              - OpenMetricsText1.0.0
              - OpenMetricsText0.0.1
              - PrometheusText1.0.0
              - PrometheusText0.0.4
              metrics_path: /metrics
              scheme: http
              enable_compression: true
              follow_redirects: true
              enable_http2: true
        "#]]
        .assert_eq(&config.shown(&bundle).unwrap());
        let empty = crate::Bundle::default();
        expect![[r#"
            global:
              scrape_interval: 1m
              scrape_timeout: 10s
              evaluation_interval: 1m
        "#]]
        .assert_eq(&Config::default().shown(&empty).unwrap());
    }

    /// The values of a tree, without places and quotes.
    fn bare(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Scalar { text, .. } => format!("{text:?}"),
            Value::Sequence(items) => format!("{:?}", items.iter().map(bare).collect::<Vec<_>>()),
            Value::Mapping(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| (&key.text, bare(value)));
                format!("{:?}", pairs.collect::<Vec<_>>())
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
        #[test]
        fn what_is_shown_reads_as_what_was_read(scalars in prop::collection::vec(r#"[a-z0-9:#'"\\ \[{\n\t~!%é.-]{0,8}|yes|1.5|null|~"#, 4)) {
            let quoted: Vec<String> = scalars.iter().map(|scalar| written(scalar, false)).collect();
            let [a, b, c, d] = quoted.as_slice() else { panic!("four scalars") };
            let text = format!("x:\n- {a}\n- y: {b}\n  z:\n  - - {c}\n    - {{}}\n{d}: ~\n");
            let root = parse(&text).unwrap();
            let again = parse(&shown(&root)).unwrap();
            prop_assert_eq!(bare(&again), bare(&root), "{}", shown(&root));
        }
    }
}
