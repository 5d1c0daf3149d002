//! How a server is reached: TLS, credentials, proxies. Secrets are written where they are used.
use serde_json::{Map, Value, json};

use crate::{
    field::{Field, Reason, Result},
    vault::Vault,
};

/// Where client settings are read and the secrets that they name.
#[derive(Clone, Copy)]
pub(crate) struct Client<'c> {
    pub(crate) vault: &'c Vault<'c>,
    pub(crate) namespace: &'c str,
}

/// Adds `value` if it is there.
pub(crate) fn put(section: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        section.insert(name.to_owned(), value.into());
    }
}

impl Client<'_> {
    /// `basicAuth`, `authorization`, `oauth2` and the older `bearerTokenSecret` of `from`.
    pub(crate) fn credentials(
        &self,
        section: &mut Map<String, Value>,
        from: &Field<'_>,
    ) -> Result<()> {
        let secret = |field: &Field<'_>| self.vault.secret(self.namespace, field);
        if let Some(basic) = from.get("basicAuth").there() {
            basic.object()?;
            let needed = |name: &str| {
                let field = basic.get(name);
                let unnamed = || field.reason("the name of a secret is needed");
                secret(&field)?.ok_or_else(unnamed)
            };
            let (username, password) = (needed("username")?, needed("password")?);
            let auth = json!({"username": username, "password": password});
            section.insert("basic_auth".to_owned(), auth);
        }
        let authorization = from.get("authorization");
        // An empty one says nothing.
        if !authorization.fields()?.is_empty() {
            let auth = self.authorization(&authorization)?;
            section.insert("authorization".to_owned(), auth.into());
        }
        put(
            section,
            "bearer_token",
            secret(&from.get("bearerTokenSecret"))?,
        );
        for name in ["oauth2", "oAuth2"] {
            if let Some(oauth2) = from.get(name).there() {
                section.insert("oauth2".to_owned(), self.oauth2(&oauth2)?);
            }
        }
        Ok(())
    }

    pub(crate) fn authorization(&self, from: &Field<'_>) -> Result<Map<String, Value>> {
        let mut auth = Map::new();
        let kind = from.object()?.get("type").text()?.unwrap_or("Bearer");
        auth.insert("type".to_owned(), kind.trim().into());
        let credentials = self
            .vault
            .secret(self.namespace, &from.get("credentials"))?;
        put(&mut auth, "credentials", credentials);
        put(
            &mut auth,
            "credentials_file",
            from.get("credentialsFile").text()?,
        );
        Ok(auth)
    }

    fn oauth2(&self, from: &Field<'_>) -> Result<Value> {
        let mut oauth2 = Map::new();
        let id = self
            .vault
            .either(self.namespace, &from.object()?.get("clientId"))?;
        let secret = self
            .vault
            .secret(self.namespace, &from.get("clientSecret"))?;
        put(&mut oauth2, "client_id", id);
        put(&mut oauth2, "client_secret", secret);
        put(&mut oauth2, "token_url", from.get("tokenUrl").text()?);
        let scopes = from.get("scopes").strings()?;
        put(
            &mut oauth2,
            "scopes",
            (!scopes.is_empty()).then(|| json!(scopes)),
        );
        let params = from.get("endpointParams").labels()?;
        put(
            &mut oauth2,
            "endpoint_params",
            (!params.is_empty()).then(|| json!(params)),
        );
        self.proxy(&mut oauth2, from)?;
        self.tls(&mut oauth2, &from.get("tlsConfig"), None)?;
        Ok(Value::Object(oauth2))
    }

    /// `proxyUrl`, `noProxy`, `proxyFromEnvironment` and `proxyConnectHeader` of `from`.
    pub(crate) fn proxy(&self, section: &mut Map<String, Value>, from: &Field<'_>) -> Result<()> {
        put(section, "proxy_url", from.get("proxyUrl").text()?);
        put(section, "no_proxy", from.get("noProxy").text()?);
        let environment = from.get("proxyFromEnvironment").bool()?;
        put(section, "proxy_from_environment", environment);
        let mut headers = Map::new();
        for (name, secrets) in from.get("proxyConnectHeader").fields()? {
            let secrets = secrets.items()?.into_iter();
            let secret = |field| self.vault.secret(self.namespace, &field);
            let values: Result<Vec<Option<String>>> = secrets.map(secret).collect();
            let values: Vec<String> = values?.into_iter().flatten().collect();
            headers.insert(name.to_owned(), json!(values));
        }
        put(
            section,
            "proxy_connect_header",
            (!headers.is_empty()).then_some(headers),
        );
        Ok(())
    }

    /// TLS as `from` has it; for files that it says nothing of, as the scrape class has it.
    pub(crate) fn tls(
        &self,
        section: &mut Map<String, Value>,
        from: &Field<'_>,
        class: Option<&Field<'_>>,
    ) -> Result<()> {
        let class = class
            .map(|class| class.get("tlsConfig"))
            .and_then(Field::there);
        let is_set = !from.object()?.fields()?.is_empty();
        let (own, class) = match (is_set, class) {
            (true, class) => (from.clone(), class),
            (false, Some(class)) => (class, None),
            (false, None) => return Ok(()),
        };
        let mut tls = Map::new();
        let skip = own.get("insecureSkipVerify").bool()?;
        put(&mut tls, "insecure_skip_verify", skip);
        for (part, secret, file, inline) in [
            ("ca", false, "caFile", "ca"),
            ("cert", false, "certFile", "cert"),
            ("keySecret", true, "keyFile", "key"),
        ] {
            let field = own.get(part);
            let text = match secret {
                true => self.vault.secret(self.namespace, &field)?,
                false => self.vault.either(self.namespace, &field)?,
            };
            let mut path = own.get(file).text()?;
            if path.is_some() && text.is_some() {
                return Err(own.get(file).reason(format!("cannot be set beside {part}")));
            }
            if let (None, None, Some(class)) = (path, &text, &class) {
                path = class.get(file).text()?;
            }
            put(&mut tls, inline, text);
            put(&mut tls, &format!("{inline}_file"), path);
        }
        put(&mut tls, "server_name", own.get("serverName").text()?);
        put(&mut tls, "min_version", own.get("minVersion").text()?);
        put(&mut tls, "max_version", own.get("maxVersion").text()?);
        section.insert("tls_config".to_owned(), Value::Object(tls));
        Ok(())
    }
}

/// Refuses what would read files of the scraping process, where that is denied.
pub(crate) fn refuse_files(endpoint: &Field<'_>) -> Result<()> {
    let prohibited = |what: &str| {
        let text =
            format!("it accesses file system via {what} which Prometheus specification prohibits");
        Err(Reason(endpoint.reason(text).0))
    };
    if endpoint.get("bearerTokenFile").text()?.is_some() {
        return prohibited("bearer token file");
    }
    let tls = endpoint.get("tlsConfig");
    for file in ["caFile", "certFile", "keyFile"] {
        if tls.get(file).text()?.is_some() {
            return prohibited("tls config");
        }
    }
    Ok(())
}
