//! How to speak HTTP to something: credentials, TLS, proxies, headers.
//!
//! Files are named here and read where a connection is made, so that a rotated token or certificate takes effect.
//!
//! Source: `config/http_config.go` in prometheus/common.
mod auth;
mod claims;
mod header;
mod proxy;
mod tls;
mod url;

use std::{collections::BTreeMap, path::Path};

pub use auth::{Auth, Grant, JwtBearer, OAuth2, SignatureAlgorithm, Source};
use auth::{Authorization, BasicAuth, OAuth2Fields};
pub use claims::Claims;
pub use header::Header;
use header::canonical;
pub(crate) use header::is_reserved;
pub use proxy::Proxy;
pub use tls::{Pem, TlsConfig, TlsVersion};
pub(crate) use url::{Url, check_url};

use crate::{Error, Secret, decode::Fields, path::join};

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
            (self.authorization.is_some(), "authorization"),
            (
                !self.bearer_token.is_empty() || !self.bearer_token_file.is_empty(),
                "bearer_token",
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
                oauth2.grant.set_directory(directory);
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
            (
                "oauth2: {client_id: a, token_url: b, signature_algorithm: ES256, grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer'}",
                "valid signature algorithms are RS256, RS384 and RS512",
            ),
            (
                "oauth2: {claims: [a]}",
                "line 1: cannot unmarshal !!seq into map[string]interface {}",
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
