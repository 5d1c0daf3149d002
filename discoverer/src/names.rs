//! How what is found is called in labels.

/// A name with an underscore for each character that a classic label name cannot have.
///
/// Source: `SanitizeLabelName` in Prometheus, `util/strutil`.
pub(crate) fn sanitized(name: &str) -> String {
    let valid = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(valid).collect()
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn host_port(host: &str, port: impl std::fmt::Display) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}
