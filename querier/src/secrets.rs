//! Configuration as it may be shown: without its secrets.
//!
//! The text is what the user wrote, so it is masked line by line, and rather too much than too little: the value of
//! every key that names a secret, with all that is nested below it or continues it, and the user part of addresses.

/// What stands in place of a secret, as in Prometheus.
const MASK: &str = "<secret>";

/// Keys whose values are secrets; those that end in `_file` or `_ref` only say where one lies.
const SECRET: [&str; 12] = [
    "password",
    "bearer_token",
    "credentials",
    "secret",
    "client_secret",
    "secret_key",
    "token",
    "key",
    "application_credential_secret",
    "service_key",
    "auth_token",
    "private_key",
];

/// `yaml` with every secret replaced.
pub(crate) fn masked(yaml: &str) -> String {
    let mut text = String::with_capacity(yaml.len());
    // The indentation of a masked key: deeper lines belong to its value.
    let mut below: Option<usize> = None;
    for line in yaml.split_inclusive('\n') {
        let body = line.trim_end_matches(['\n', '\r']);
        let indent = key_column(body);
        let is_blank = body.trim().is_empty();
        if let Some(column) = below
            && !is_blank
        {
            if indent > column {
                continue;
            }
            below = None;
        }
        let masked = masked_line(body);
        if masked.ends_with_secret {
            below = Some(indent);
        }
        text.push_str(&masked.text);
        text.push_str(&line[body.len()..]);
    }
    text
}

/// Where a line's key begins: behind indentation and the dashes of list items.
fn key_column(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '-']).len()
}

struct Masked {
    text: String,
    /// The line ends within a secret's value, which may go on below.
    ends_with_secret: bool,
}

/// Masks the values of secret keys in one line; flow mappings have several pairs in a line.
fn masked_line(line: &str) -> Masked {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    let mut ends_with_secret = false;
    while let Some(colon) = rest
        .find(": ")
        .or_else(|| rest.ends_with(':').then(|| rest.len() - 1))
    {
        let (before, after) = rest.split_at(colon + 1);
        text.push_str(before);
        let key = before[..colon]
            .rsplit(['{', ',', ' ', '-'])
            .next()
            .unwrap_or("")
            .trim_matches(['"', '\'']);
        let is_secret = SECRET.contains(&key.to_ascii_lowercase().as_str());
        if !is_secret {
            rest = after;
            continue;
        }
        let in_flow = text.contains('{');
        let end = match in_flow {
            true => flow_end(after),
            false => after.len(),
        };
        text.push(' ');
        text.push_str(MASK);
        rest = &after[end..];
        ends_with_secret = !in_flow;
    }
    text.push_str(rest);
    Masked {
        text: without_user(&text),
        ends_with_secret,
    }
}

/// Where a value within a flow mapping ends.
fn flow_end(value: &str) -> usize {
    let trimmed = value.trim_start();
    let skipped = value.len() - trimmed.len();
    match trimmed.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut is_escaped = false;
            for (i, c) in trimmed.char_indices().skip(1) {
                if c == quote && !is_escaped {
                    return skipped + i + 1;
                }
                is_escaped = c == '\\' && !is_escaped && quote == '"';
            }
            value.len()
        }
        _ => value.find([',', '}']).unwrap_or(value.len()),
    }
}

/// Masks the password of `scheme://user:password@host`.
fn without_user(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(i) = rest.find("://") {
        let (before, after) = rest.split_at(i + 3);
        text.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || "/\"',]}".contains(c))
            .unwrap_or(after.len());
        let authority = &after[..end];
        match authority
            .rsplit_once('@')
            .and_then(|(user, host)| Some((user.split_once(':')?.0, host)))
        {
            Some((user, host)) => text.push_str(&format!("{user}:{MASK}@{host}")),
            None => text.push_str(authority),
        }
        rest = &after[end..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn secrets_never_show() {
        let yaml = r#"# top
global:
  scrape_interval: 15s
scrape_configs:
- job_name: a
  basic_auth:
    username: me
    password: hunter2 # not this
  static_configs: [{targets: ["a:1"]}]
- job_name: b
  basic_auth: {username: me, "password": "hun,ter}2", x: 1}
  authorization:
    credentials: |
      line hunter2

      more hunter2
    type: Bearer
  oauth2:
    - client_secret:
        hunter2
      password_file: /etc/secret
  proxy_url: http://me:hunter2@proxy:3128/x
  tls_config: {key: hunter2, key_file: k}
"#;
        let masked = masked(yaml);
        assert!(!masked.contains("hun"), "{masked}");
        expect![[r##"
            # top
            global:
              scrape_interval: 15s
            scrape_configs:
            - job_name: a
              basic_auth:
                username: me
                password: <secret>
              static_configs: [{targets: ["a:1"]}]
            - job_name: b
              basic_auth: {username: me, "password": <secret>, x: 1}
              authorization:
                credentials: <secret>

                type: Bearer
              oauth2:
                - client_secret: <secret>
                  password_file: /etc/secret
              proxy_url: http://me:<secret>@proxy:3128/x
              tls_config: {key: <secret>, key_file: k}
        "##]]
        .assert_eq(&masked);
    }
}
