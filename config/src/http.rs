//! How to speak HTTP to something: credentials, TLS, proxies, headers.
//!
//! Files are named here and read where a connection is made, so that a rotated token or certificate takes effect.
//!
//! Source: `config/http_config.go` in prometheus/common.
use std::{collections::BTreeMap, path::Path};

use crate::{
    Error, Secret,
    decode::{Decode, Fields, Texts},
    path::join,
    yaml::Node,
};

/// How to speak HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpClient {
    /// What is sent to be let in.
    pub auth: Auth,
    /// How to speak TLS.
    pub tls: TlsConfig,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be spoken.
    pub enable_http2: bool,
    /// Through whom to go.
    pub proxy: Proxy,
    /// Further headers by name.
    pub headers: BTreeMap<String, Header>,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self {
            auth: Auth::None,
            tls: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy: Proxy::default(),
            headers: BTreeMap::new(),
        }
    }
}

/// What is sent to be let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Nothing.
    #[default]
    None,
    /// A name and a password.
    Basic {
        /// The name.
        username: Source,
        /// The password.
        password: Source,
    },
    /// The `Authorization` header.
    Authorization {
        /// The scheme, `Bearer` if none was given.
        scheme: String,
        /// The credentials.
        credentials: Source,
    },
    /// A token that is fetched from elsewhere.
    OAuth2(Box<OAuth2>),
}

/// A secret, or the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Written in the configuration; perhaps empty.
    Inline(Secret),
    /// The content of a file, without space around it.
    File(String),
    /// The name of a secret that a secret manager holds.
    Reference(String),
}

impl Source {
    /// The file to read, if it is one.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::File(path) => Some(path),
            Self::Inline(_) | Self::Reference(_) => None,
        }
    }

    fn set_directory(&mut self, directory: &Path) {
        if let Self::File(path) = self {
            join(directory, path);
        }
    }
}

/// Where a token is fetched, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// Who asks.
    pub client_id: String,
    /// With which secret.
    pub client_secret: Source,
    /// For what.
    pub scopes: Vec<String>,
    /// Where.
    pub token_url: String,
    /// Further parameters of the request.
    pub endpoint_params: BTreeMap<String, String>,
    /// How to speak TLS there.
    pub tls: TlsConfig,
    /// Through whom to go there.
    pub proxy: Proxy,
}

/// How to speak TLS. Of each pair of text and file at most one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Whom to trust.
    pub ca: Option<Pem>,
    /// Who we are.
    pub cert: Option<Pem>,
    /// The key that proves it.
    pub key: Option<Pem>,
    /// The name that the server's certificate must have, if it is not the host's.
    pub server_name: String,
    /// Trust anyone.
    pub insecure_skip_verify: bool,
    /// The oldest version to speak.
    pub min_version: Option<TlsVersion>,
    /// The newest version to speak.
    pub max_version: Option<TlsVersion>,
}

/// A certificate or key in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// Written in the configuration.
    Inline(Secret),
    /// The content of a file.
    File(String),
}

impl Pem {
    /// The file to read, if it is one.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::File(path) => Some(path),
            Self::Inline(_) => None,
        }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `TLS10`
    Tls10,
    /// `TLS11`
    Tls11,
    /// `TLS12`
    Tls12,
    /// `TLS13`
    Tls13,
}

/// Through whom to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// The proxy's address.
    pub url: Option<String>,
    /// Hosts that are reached without it, separated by commas.
    pub no_proxy: String,
    /// Whether the environment says through whom.
    pub from_environment: bool,
    /// Headers for the proxy itself.
    pub connect_header: BTreeMap<String, Vec<Secret>>,
}

/// The values of one header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Values that may be shown.
    pub values: Vec<String>,
    /// Values that may not.
    pub secrets: Vec<Secret>,
    /// Files that hold values.
    pub files: Vec<String>,
}

/// The fields of an HTTP client as they were written, among those of the section that holds it.
pub(crate) struct HttpFields {
    basic_auth: Option<BasicAuth>,
    authorization: Option<Authorization>,
    oauth2: Option<OAuth2Fields>,
    bearer_token: Secret,
    bearer_token_file: String,
    tls: TlsConfig,
    follow_redirects: bool,
    enable_http2: bool,
    proxy: Proxy,
    headers: BTreeMap<String, Header>,
}

impl HttpFields {
    /// Takes the fields of an HTTP client out of `fields`.
    pub(crate) fn take(fields: &mut Fields<'_>, enable_http2: bool) -> Result<Self, Error> {
        Ok(Self {
            basic_auth: fields.get("basic_auth")?,
            authorization: fields.get("authorization")?,
            oauth2: fields.get("oauth2")?,
            bearer_token: fields.or_default("bearer_token")?,
            bearer_token_file: fields.or_default("bearer_token_file")?,
            tls: fields.or_default("tls_config")?,
            follow_redirects: fields.or("follow_redirects", true)?,
            enable_http2: fields.or("enable_http2", enable_http2)?,
            proxy: Proxy::take(fields)?,
            headers: fields.or_default("http_headers")?,
        })
    }

    /// The ways of being let in that are configured, by their fields' names.
    pub(crate) fn auths(&self) -> Vec<&'static str> {
        let ways = [
            (self.basic_auth.is_some(), "basic_auth"),
            (
                self.authorization.is_some()
                    || !self.bearer_token.is_empty()
                    || !self.bearer_token_file.is_empty(),
                "authorization",
            ),
            (self.oauth2.is_some(), "oauth2"),
        ];
        ways.into_iter()
            .filter_map(|(set, name)| set.then_some(name))
            .collect()
    }

    /// The client, if the fields make sense together.
    pub(crate) fn validate(self) -> Result<HttpClient, String> {
        let auth = self.auth()?;
        self.proxy.validate()?;
        for name in self.headers.keys() {
            if is_reserved(name) {
                return Err(format!(
                    "setting header {:?} is not allowed",
                    canonical(name)
                ));
            }
        }
        Ok(HttpClient {
            auth,
            tls: self.tls,
            follow_redirects: self.follow_redirects,
            enable_http2: self.enable_http2,
            proxy: self.proxy,
            headers: self.headers,
        })
    }

    fn auth(&self) -> Result<Auth, &'static str> {
        let token = !self.bearer_token.is_empty();
        let token_file = !self.bearer_token_file.is_empty();
        let (basic, oauth2) = (&self.basic_auth, &self.oauth2);
        if token && token_file {
            return Err("at most one of bearer_token & bearer_token_file must be configured");
        }
        if (basic.is_some() || oauth2.is_some()) && (token || token_file) {
            return Err(
                "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
            );
        }
        if basic
            .as_ref()
            .is_some_and(|basic| basic.username.n_given() > 1)
        {
            return Err(
                "at most one of basic_auth username, username_file & username_ref must be configured",
            );
        }
        if basic
            .as_ref()
            .is_some_and(|basic| basic.password.n_given() > 1)
        {
            return Err(
                "at most one of basic_auth password, password_file & password_ref must be configured",
            );
        }
        if let Some(authorization) = &self.authorization {
            if token || token_file {
                return Err(
                    "authorization is not compatible with bearer_token & bearer_token_file",
                );
            }
            if authorization.credentials.n_given() > 1 {
                return Err(
                    "at most one of authorization credentials & credentials_file must be configured",
                );
            }
            if authorization.scheme.trim().eq_ignore_ascii_case("basic") {
                return Err(
                    r#"authorization type cannot be set to "basic", use "basic_auth" instead"#,
                );
            }
        }
        if self.authorization.is_some() && (basic.is_some() || oauth2.is_some())
            || oauth2.is_some() && basic.is_some()
        {
            return Err("at most one of basic_auth, oauth2 & authorization must be configured");
        }
        if let Some(basic) = basic {
            return Ok(Auth::Basic {
                username: basic.username.source(),
                password: basic.password.source(),
            });
        }
        if let Some(oauth2) = oauth2 {
            return Ok(Auth::OAuth2(Box::new(oauth2.validate()?)));
        }
        Ok(match &self.authorization {
            Some(authorization) => Auth::Authorization {
                scheme: match authorization.scheme.trim() {
                    "" => "Bearer".to_owned(),
                    scheme => scheme.to_owned(),
                },
                credentials: authorization.credentials.source(),
            },
            None if token || token_file => Auth::Authorization {
                scheme: "Bearer".to_owned(),
                credentials: match token {
                    true => Source::Inline(self.bearer_token.clone()),
                    false => Source::File(self.bearer_token_file.clone()),
                },
            },
            None => Auth::None,
        })
    }
}

impl HttpClient {
    /// Makes relative paths begin at `directory`.
    pub(crate) fn set_directory(&mut self, directory: &Path) {
        self.tls.set_directory(directory);
        match &mut self.auth {
            Auth::None => {}
            Auth::Basic { username, password } => {
                username.set_directory(directory);
                password.set_directory(directory);
            }
            Auth::Authorization { credentials, .. } => credentials.set_directory(directory),
            Auth::OAuth2(oauth2) => {
                oauth2.client_secret.set_directory(directory);
                oauth2.tls.set_directory(directory);
            }
        }
        for header in self.headers.values_mut() {
            header
                .files
                .iter_mut()
                .for_each(|file| join(directory, file));
        }
    }
}

/// A secret in the three ways in which it may be given.
#[derive(Default)]
struct Given {
    inline: Secret,
    file: String,
    reference: String,
}

impl Given {
    fn take(fields: &mut Fields<'_>, name: &str) -> Result<Self, Error> {
        Ok(Self {
            inline: fields.or_default(name)?,
            file: fields.or_default(&format!("{name}_file"))?,
            reference: fields.or_default(&format!("{name}_ref"))?,
        })
    }

    fn n_given(&self) -> usize {
        [
            !self.inline.is_empty(),
            !self.file.is_empty(),
            !self.reference.is_empty(),
        ]
        .into_iter()
        .map(usize::from)
        .sum()
    }

    fn source(&self) -> Source {
        if !self.file.is_empty() {
            Source::File(self.file.clone())
        } else if !self.reference.is_empty() {
            Source::Reference(self.reference.clone())
        } else {
            Source::Inline(self.inline.clone())
        }
    }
}

struct BasicAuth {
    username: Given,
    password: Given,
}

impl Decode for BasicAuth {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let auth = Self {
            username: Given::take(&mut fields, "username")?,
            password: Given::take(&mut fields, "password")?,
        };
        fields.finish()?;
        Ok(auth)
    }
}

struct Authorization {
    scheme: String,
    credentials: Given,
}

impl Decode for Authorization {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.Authorization")?;
        let authorization = Self {
            scheme: fields.or_default("type")?,
            credentials: Given::take(&mut fields, "credentials")?,
        };
        fields.finish()?;
        Ok(authorization)
    }
}

struct OAuth2Fields {
    secret: Given,
    rest: OAuth2,
}

impl Decode for OAuth2Fields {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let secret = Given::take(&mut fields, "client_secret")?;
        let oauth2 = OAuth2 {
            client_id: fields.or_default("client_id")?,
            client_secret: secret.source(),
            scopes: fields.or_default("scopes")?,
            token_url: fields.or_default("token_url")?,
            endpoint_params: fields.or_default::<Texts>("endpoint_params")?,
            tls: fields.or_default("tls_config")?,
            proxy: Proxy::take(&mut fields)?,
        };
        fields.finish()?;
        oauth2
            .proxy
            .validate()
            .map_err(|what| fields.invalid(what))?;
        Ok(Self {
            secret,
            rest: oauth2,
        })
    }
}

impl OAuth2Fields {
    fn validate(&self) -> Result<OAuth2, &'static str> {
        if self.rest.client_id.is_empty() {
            return Err("oauth2 client_id must be configured");
        }
        if self.rest.token_url.is_empty() {
            return Err("oauth2 token_url must be configured");
        }
        if self.secret.n_given() > 1 {
            return Err(
                "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured",
            );
        }
        Ok(self.rest.clone())
    }
}

impl Proxy {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Error> {
        Ok(Self {
            url: fields.get("proxy_url")?,
            no_proxy: fields.or_default("no_proxy")?,
            from_environment: fields.or_default("proxy_from_environment")?,
            connect_header: fields.or_default("proxy_connect_header")?,
        })
    }

    fn validate(&self) -> Result<(), &'static str> {
        let has_url = self.url.as_ref().is_some_and(|url| !url.is_empty());
        if !self.connect_header.is_empty() && !self.from_environment && !has_url {
            return Err(
                "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
            );
        }
        if self.from_environment && has_url {
            return Err(
                "if proxy_from_environment is configured, proxy_url must not be configured",
            );
        }
        if self.from_environment && !self.no_proxy.is_empty() {
            return Err("if proxy_from_environment is configured, no_proxy must not be configured");
        }
        if self.url.is_none() && !self.no_proxy.is_empty() {
            return Err("if no_proxy is configured, proxy_url must also be configured");
        }
        Ok(())
    }
}

impl Decode for Header {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.Header")?;
        let header = Self {
            values: fields.or_default("values")?,
            secrets: fields.or_default("secrets")?,
            files: fields.or_default("files")?,
        };
        fields.finish()?;
        Ok(header)
    }
}

impl Decode for TlsVersion {
    fn decode(node: &Node) -> Result<Self, Error> {
        match String::decode(node)?.as_str() {
            "TLS10" => Ok(Self::Tls10),
            "TLS11" => Ok(Self::Tls11),
            "TLS12" => Ok(Self::Tls12),
            "TLS13" => Ok(Self::Tls13),
            other => Err(Error::invalid(
                node.place.line,
                format!("unknown TLS version: {other}"),
            )),
        }
    }
}

impl Decode for TlsConfig {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let mut pem = |name: &str| -> Result<_, Error> {
            let inline: Secret = fields.or_default(name)?;
            let file: String = fields.or_default(&format!("{name}_file"))?;
            Ok((inline, file))
        };
        let (ca, cert, key) = (pem("ca")?, pem("cert")?, pem("key")?);
        let both = |(inline, file): &(Secret, String)| !inline.is_empty() && !file.is_empty();
        let pairs = [
            ("ca", both(&ca)),
            ("cert", both(&cert)),
            ("key", both(&key)),
        ];
        let one = |(inline, file): (Secret, String)| match (inline.is_empty(), file.is_empty()) {
            (_, false) => Some(Pem::File(file)),
            (false, true) => Some(Pem::Inline(inline)),
            (true, true) => None,
        };
        let tls = Self {
            ca: one(ca),
            cert: one(cert),
            key: one(key),
            server_name: fields.or_default("server_name")?,
            insecure_skip_verify: fields.or_default("insecure_skip_verify")?,
            min_version: fields.get("min_version")?,
            max_version: fields.get("max_version")?,
        };
        fields.finish()?;
        if let Some((name, _)) = pairs.into_iter().find(|(_, both)| *both) {
            let what = format!("at most one of {name} and {name}_file must be configured");
            return Err(fields.invalid(what));
        }
        match (&tls.cert, &tls.key) {
            (Some(_), None) => Err(fields.invalid(
                "exactly one of key or key_file must be configured when a client certificate is configured",
            )),
            (None, Some(_)) => Err(fields.invalid(
                "exactly one of cert or cert_file must be configured when a client key is configured",
            )),
            _ => Ok(tls),
        }
    }
}

impl TlsConfig {
    pub(crate) fn set_directory(&mut self, directory: &Path) {
        for pem in [&mut self.ca, &mut self.cert, &mut self.key] {
            if let Some(Pem::File(path)) = pem {
                join(directory, path);
            }
        }
    }
}

/// Headers that carry the connection or the protocol, and so are not the user's to set.
const RESERVED: [&str; 18] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// True if configuration may not set the header `name`.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

/// The header's name with each part's first letter in upper case.
fn canonical(name: &str) -> String {
    let mut begins = true;
    name.chars()
        .map(|c| {
            let c = if begins {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            };
            begins = c == '-';
            c
        })
        .collect()
}

/// Checks that `text` is a URL as Go reads them: a relative one will do.
///
/// Source: `Parse` in Go's `net/url`.
pub(crate) fn check_url(text: &str) -> Result<(), String> {
    let fail = |what: &str| Err(format!("parse {text:?}: {what}"));
    if text.chars().any(|c| c.is_ascii_control()) {
        return fail("net/url: invalid control character in URL");
    }
    let before_path = &text[..text.find(['/', '?', '#']).unwrap_or(text.len())];
    let Some((scheme, _)) = before_path.split_once(':') else {
        return Ok(());
    };
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if scheme.is_empty() {
        return fail("missing protocol scheme");
    }
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(letter) {
        return fail("first path segment in URL cannot contain colon");
    }
    Ok(())
}

/// An address, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url(pub(crate) String);

impl Decode for Url {
    fn decode(node: &Node) -> Result<Self, Error> {
        let text = String::decode(node)?;
        check_url(&text).map_err(|what| Error::invalid(node.place.line, what))?;
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    fn client(text: &str) -> Result<HttpClient, String> {
        let node = parse(text).unwrap();
        let mut fields = Fields::of(&node, "config.plain").unwrap();
        let http = HttpFields::take(&mut fields, true).map_err(|e| e.to_string())?;
        fields.finish().map_err(|e| e.to_string())?;
        http.validate()
    }

    #[test]
    fn bearer_tokens_are_authorization() {
        let token = client("bearer_token: abc").unwrap();
        assert_eq!(
            token.auth,
            Auth::Authorization {
                scheme: "Bearer".to_owned(),
                credentials: Source::Inline(Secret::new("abc")),
            }
        );
        assert!(!format!("{token:?}").contains("abc"));
        let mut file = client("bearer_token_file: token").unwrap();
        file.set_directory(Path::new("/etc/prometheus"));
        let Auth::Authorization { credentials, .. } = &file.auth else {
            panic!("{file:?}");
        };
        assert_eq!(credentials.file(), Some("/etc/prometheus/token"));
    }

    #[test]
    fn contradictions_are_refused() {
        for (text, what) in [
            (
                "authorization: {type: ' Basic '}",
                "authorization type cannot be set to",
            ),
            (
                "{authorization: {}, basic_auth: {}}",
                "at most one of basic_auth, oauth2 & authorization",
            ),
            (
                "basic_auth: {password: a, password_file: b}",
                "at most one of basic_auth password",
            ),
            (
                "oauth2: {client_id: a}",
                "oauth2 token_url must be configured",
            ),
            ("tls_config: {cert: a}", "exactly one of key or key_file"),
            (
                "tls_config: {ca: a, ca_file: b}",
                "at most one of ca and ca_file",
            ),
            (
                "tls_config: {min_version: TLS9}",
                "unknown TLS version: TLS9",
            ),
            ("no_proxy: a", "if no_proxy is configured"),
            (
                "{proxy_from_environment: true, proxy_url: 'http://a'}",
                "proxy_url must not be configured",
            ),
            (
                "http_headers: {user-agent: {values: [a]}}",
                "setting header \"User-Agent\" is not allowed",
            ),
            (
                "basic_auth: {user: a}",
                "line 1: field user not found in type config.plain",
            ),
        ] {
            let error = client(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
