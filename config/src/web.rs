//! The web configuration file: how a server is reached, over TLS and by whom.
//!
//! Source: `Config` in prometheus/exporter-toolkit, `web/tls_config.go`.
use std::{collections::BTreeMap, path::Path};

use crate::{
    Error, Pem, Secret, TlsVersion,
    decode::{Decode, Fields, Texts},
    path::join,
    yaml::{self, Node, Value},
};

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfig {
    /// How TLS is spoken, if at all.
    pub tls: Option<ServerTls>,
    /// Whether HTTP/2 is spoken over TLS.
    pub http2: bool,
    /// Headers of each answer.
    pub headers: BTreeMap<String, String>,
    /// Who may come in, by name, with the bcrypt hash of the password; anyone if none is named.
    pub users: BTreeMap<String, Secret>,
    /// How many requests are answered, if there is a limit.
    pub rate_limit: Option<RateLimit>,
}

/// How a server speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// Who we are.
    pub cert: Pem,
    /// The key that proves it.
    pub key: Pem,
    /// What is asked of clients.
    pub client_auth: ClientAuth,
    /// Who vouches for clients.
    pub client_ca: Option<Pem>,
    /// Names of which a client's certificate must have one; any will do if there are none.
    pub client_allowed_sans: Vec<String>,
    /// The suites that may be used; all that are safe if there are none.
    pub cipher_suites: Vec<String>,
    /// The curves that may be used; all that are safe if there are none.
    pub curves: Vec<String>,
    /// The oldest version to speak.
    pub min_version: TlsVersion,
    /// The newest version to speak.
    pub max_version: TlsVersion,
}

/// What is asked of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nothing.
    None,
    /// A certificate, if they have one.
    Request,
    /// A certificate, whoever made it.
    RequireAny,
    /// A certificate, if they have one, from someone that we trust.
    VerifyIfGiven,
    /// A certificate from someone that we trust.
    RequireAndVerify,
}

/// How many requests are answered: one in each interval, a few more at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The time that one request takes of the allowance, in nanoseconds.
    pub interval_nanos: u64,
    /// How many may come at once.
    pub burst: i64,
}

/// Headers that a user may set.
const HEADERS: [&str; 6] = [
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
    "Cross-Origin-Opener-Policy",
];

/// Suites of TLS 1.2 and 1.3 that are safe.
const CIPHERS: [&str; 15] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

const CURVES: [&str; 4] = ["CurveP256", "CurveP384", "CurveP521", "X25519"];

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            tls: None,
            http2: true,
            headers: BTreeMap::new(),
            users: BTreeMap::new(),
            rate_limit: None,
        }
    }
}

impl WebConfig {
    /// Reads `text`, the content of a web configuration file; relative paths begin at `directory`.
    ///
    /// # Errors
    /// [`Error`] if the text is refused.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, Error> {
        let root = yaml::parse(text)?;
        if matches!(root.value, Value::Null) {
            return Ok(Self::default());
        }
        let mut fields = Fields::of(&root, "web.Config")?;
        let tls: Option<TlsFields> = fields.get("tls_server_config")?;
        let Http { http2, headers } = fields.or("http_server_config", Http::default())?;
        let rate_limit: Option<RateLimit> = fields.get("rate_limit")?;
        let users = fields.or_default("basic_auth_users")?;
        fields.finish()?;
        if let Some(name) = headers.keys().find(|name| !is_allowed(name)) {
            return Err(fields.invalid(format!("HTTP header {name:?} can not be configured")));
        }
        let tls = tls
            .filter(TlsFields::is_enabled)
            .map(|tls| tls.validate(directory));
        Ok(Self {
            tls: tls.transpose()?,
            http2,
            headers,
            users,
            rate_limit: rate_limit.filter(|limit| limit.interval_nanos > 0),
        })
    }
}

fn is_allowed(header: &str) -> bool {
    HEADERS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(header))
}

struct Http {
    http2: bool,
    headers: Texts,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            http2: true,
            headers: Texts::new(),
        }
    }
}

impl Decode for Http {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "web.HTTPConfig")?;
        let http = Self {
            http2: fields.or("http2", true)?,
            headers: fields.or_default("headers")?,
        };
        fields.finish()?;
        Ok(http)
    }
}

impl Decode for RateLimit {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "web.RateLimiterConfig")?;
        let interval: String = fields.or_default("interval")?;
        let burst = fields.or_default("burst")?;
        fields.finish()?;
        let interval_nanos = match interval.as_str() {
            "" => Some(0),
            text => go_duration(text),
        };
        match interval_nanos {
            Some(interval_nanos) => Ok(Self {
                interval_nanos,
                burst,
            }),
            None => Err(fields.invalid(format!("time: invalid duration {interval:?}"))),
        }
    }
}

/// A duration as Go's `time.ParseDuration` reads it, `1.5s` or `100us`, in nanoseconds.
fn go_duration(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let units = [
        ("ns", 1e0),
        ("us", 1e3),
        ("µs", 1e3),
        ("μs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 6e10),
        ("h", 3.6e12),
    ];
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..end].parse().ok()?;
        let after = &rest[end..];
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (_, factor) = units.into_iter().find(|(unit, _)| *unit == &after[..end])?;
        total += number * factor;
        rest = &after[end..];
    }
    // 292 years, as in Go.
    (0.0..9.2e18).contains(&total).then_some(total as u64)
}

/// TLS as it was written.
struct TlsFields {
    line: usize,
    cert: (Secret, String),
    key: (Secret, String),
    client_ca: (Secret, String),
    client_auth: String,
    client_allowed_sans: Option<Vec<String>>,
    cipher_suites: Vec<String>,
    curves: Vec<String>,
    min_version: TlsVersion,
    max_version: TlsVersion,
}

impl Decode for TlsFields {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "web.TLSConfig")?;
        let mut pem = |name: &str| -> Result<_, Error> {
            let inline: Secret = fields.or_default(name)?;
            let file: String = fields.or_default(&format!("{name}_file"))?;
            Ok((inline, file))
        };
        let (cert, key, client_ca) = (pem("cert")?, pem("key")?, pem("client_ca")?);
        fields.get::<bool>("prefer_server_cipher_suites")?;
        let tls = Self {
            line: fields.line(),
            cert,
            key,
            client_ca,
            client_auth: fields.or_default("client_auth_type")?,
            client_allowed_sans: fields.get("client_allowed_sans")?,
            cipher_suites: fields.or_default("cipher_suites")?,
            curves: fields.or_default("curve_preferences")?,
            min_version: fields.or("min_version", TlsVersion::Tls12)?,
            max_version: fields.or("max_version", TlsVersion::Tls13)?,
        };
        fields.finish()?;
        for (names, known, called) in [
            (&tls.cipher_suites, CIPHERS.as_slice(), "cipher"),
            (&tls.curves, CURVES.as_slice(), "curve"),
        ] {
            if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
                return Err(fields.invalid(format!("unknown {called}: {name}")));
            }
        }
        Ok(tls)
    }
}

impl TlsFields {
    /// True if one of the fields is set that make a server speak TLS.
    fn is_enabled(&self) -> bool {
        let is_set = |(inline, file): &(Secret, String)| !inline.is_empty() || !file.is_empty();
        [&self.cert, &self.key, &self.client_ca]
            .into_iter()
            .any(is_set)
            || !self.client_auth.is_empty()
    }

    fn validate(self, directory: &Path) -> Result<ServerTls, Error> {
        let invalid = |what: &str| Error::invalid(self.line, what);
        let pem = |(inline, mut file): (Secret, String)| {
            join(directory, &mut file);
            match (inline.is_empty(), file.is_empty()) {
                (_, false) => Some(Pem::File(file)),
                (false, true) => Some(Pem::Inline(inline)),
                (true, true) => None,
            }
        };
        let cert = pem(self.cert).ok_or_else(|| invalid("missing one of cert or cert_file"))?;
        let key = pem(self.key).ok_or_else(|| invalid("missing one of key or key_file"))?;
        let client_ca = pem(self.client_ca);
        let client_auth = match self.client_auth.as_str() {
            "" | "NoClientCert" => ClientAuth::None,
            "RequestClientCert" => ClientAuth::Request,
            "RequireAnyClientCert" | "RequireClientCert" => ClientAuth::RequireAny,
            "VerifyClientCertIfGiven" => ClientAuth::VerifyIfGiven,
            "RequireAndVerifyClientCert" => ClientAuth::RequireAndVerify,
            other => return Err(invalid(&format!("invalid ClientAuth: {other}"))),
        };
        if client_ca.is_some() && client_auth == ClientAuth::None {
            return Err(invalid(
                "client CA's have been configured without a Client Auth Policy",
            ));
        }
        let required = matches!(
            client_auth,
            ClientAuth::RequireAny | ClientAuth::RequireAndVerify
        );
        if self.client_allowed_sans.is_some() && !required {
            return Err(invalid(
                "client_allowed_sans requires client_auth_type to be one of RequireAnyClientCert or RequireAndVerifyClientCert",
            ));
        }
        Ok(ServerTls {
            cert,
            key,
            client_auth,
            client_ca,
            client_allowed_sans: self.client_allowed_sans.unwrap_or_default(),
            cipher_suites: self.cipher_suites,
            curves: self.curves,
            min_version: self.min_version,
            max_version: self.max_version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<WebConfig, String> {
        WebConfig::parse(text, Path::new("/etc")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_speaks_tls_if_it_has_a_certificate() {
        let web = parsed("tls_server_config: {cert_file: a.crt, key_file: /b.key}\nbasic_auth_users: {alice: $2y$x}").unwrap();
        let tls = web.tls.unwrap();
        assert_eq!(
            (tls.cert.file(), tls.key.file()),
            (Some("/etc/a.crt"), Some("/b.key"))
        );
        assert_eq!(
            (tls.min_version, tls.client_auth),
            (TlsVersion::Tls12, ClientAuth::None)
        );
        assert_eq!(web.users["alice"].reveal(), "$2y$x");
        assert_eq!(parsed("").unwrap(), WebConfig::default());
        assert_eq!(
            parsed("tls_server_config: {min_version: TLS13}")
                .unwrap()
                .tls,
            None
        );
    }

    #[test]
    fn requests_may_be_limited() {
        let limit = parsed("rate_limit: {interval: 1.5ms, burst: 3}")
            .unwrap()
            .rate_limit;
        assert_eq!(
            limit,
            Some(RateLimit {
                interval_nanos: 1_500_000,
                burst: 3
            })
        );
        assert_eq!(parsed("rate_limit: {burst: 3}").unwrap().rate_limit, None);
        assert_eq!(go_duration("1h2m3s"), Some(3_723_000_000_000));
        for bad in ["1", "s", "1d", "1.5.5s", "-1s"] {
            assert_eq!(go_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, what) in [
            (
                "tls_server_config: {cert_file: a}",
                "missing one of key or key_file",
            ),
            (
                "tls_server_config: {client_auth_type: x, cert: a, key: b}",
                "invalid ClientAuth: x",
            ),
            (
                "tls_server_config: {cert: a, key: b, client_ca: c}",
                "without a Client Auth Policy",
            ),
            (
                "tls_server_config: {cert: a, key: b, client_allowed_sans: [c]}",
                "client_allowed_sans requires",
            ),
            (
                "tls_server_config: {cipher_suites: [RC4]}",
                "unknown cipher: RC4",
            ),
            (
                "tls_server_config: {curve_preferences: [X]}",
                "unknown curve: X",
            ),
            (
                "http_server_config: {headers: {Server: x}}",
                r#"HTTP header "Server" can not be configured"#,
            ),
            ("rate_limit: {interval: soon}", "time: invalid duration"),
            ("tls: {}", "field tls not found in type web.Config"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
