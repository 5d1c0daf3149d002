//! Through which proxy a host is reached.
use config::Proxy;
use url::Url;

/// The `host:port` of the proxy for `host`, if it is not reached directly.
pub(crate) fn proxy_for(proxy: &Proxy, secure: bool, host: &str, port: u16) -> Option<String> {
    proxy_in(&variable, proxy, secure, host, port)
}

/// The same in an environment whose variables are `variable`.
fn proxy_in(
    variable: &dyn Fn(&str) -> Option<String>,
    proxy: &Proxy,
    secure: bool,
    host: &str,
    port: u16,
) -> Option<String> {
    let (url, exempt) = match proxy.from_environment {
        false => (proxy.url.clone()?, proxy.no_proxy.clone()),
        true => {
            let name = if secure { "HTTPS_PROXY" } else { "HTTP_PROXY" };
            (variable(name)?, variable("NO_PROXY").unwrap_or_default())
        }
    };
    if is_exempt(&exempt, host, port) {
        return None;
    }
    let url = match url.contains("://") {
        true => Url::parse(&url).ok()?,
        false => Url::parse(&format!("http://{url}")).ok()?,
    };
    let port = url.port_or_known_default().unwrap_or(80);
    Some(format!("{}:{port}", url.host_str()?))
}

/// An environment variable, in upper or lower case, unless it is empty.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).or_else(|_| std::env::var(name.to_lowercase()));
    value.ok().filter(|value| !value.is_empty())
}

/// True if `list` names the host: itself, a domain above it, or all hosts.
///
/// Source: `golang.org/x/net/http/httpproxy`.
fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    list.split(',').map(str::trim).any(|entry| {
        let entry = match entry.rsplit_once(':') {
            Some((name, number)) if number.parse::<u16>().is_ok() && !name.contains(':') => {
                match number.parse() == Ok(port) {
                    true => name,
                    false => return false,
                }
            }
            _ => entry,
        };
        let domain = entry.trim_start_matches("*.").trim_start_matches('.');
        let below = host
            .strip_suffix(domain)
            .is_some_and(|sub| sub.ends_with('.') && !domain.is_empty());
        entry == "*" || (!entry.is_empty() && host.eq_ignore_ascii_case(entry)) || below
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_may_say_through_whom() {
        let variable = |name: &str| match name {
            "HTTPS_PROXY" => Some("https://secure.proxy".to_owned()),
            "NO_PROXY" => Some("b".to_owned()),
            _ => None,
        };
        let proxy = Proxy {
            from_environment: true,
            ..Default::default()
        };
        let through = |secure, host| proxy_in(&variable, &proxy, secure, host, 443);
        assert_eq!(through(true, "a").as_deref(), Some("secure.proxy:443"));
        assert_eq!(through(true, "b"), None);
        assert_eq!(through(false, "a"), None);
        let unasked = proxy_in(&variable, &Proxy::default(), true, "a", 443);
        assert_eq!(unasked, None);
    }

    #[test]
    fn hosts_may_be_exempt() {
        let proxy = Proxy {
            url: Some("http://proxy:3128".to_owned()),
            no_proxy: "localhost,.svc, 10.0.0.1:80".to_owned(),
            ..Default::default()
        };
        let through = |host, port| proxy_for(&proxy, false, host, port);
        assert_eq!(through("a.org", 80).as_deref(), Some("proxy:3128"));
        assert_eq!(through("localhost", 80), None);
        assert_eq!(through("x.svc", 80), None);
        assert_eq!(through("10.0.0.1", 80), None);
        assert!(through("10.0.0.1", 81).is_some());
        assert_eq!(proxy_for(&Proxy::default(), false, "a", 1), None);
    }
}
