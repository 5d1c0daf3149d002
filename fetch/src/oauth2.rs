//! Tokens by the client credentials grant of OAuth 2, kept until shortly before they expire.
use std::{sync::Arc, time::Duration};

use base64::Engine as _;
use bytes::Bytes;
use config::{Grant, OAuth2};
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{client::legacy, rt::TokioExecutor};
use runtime::{Components, Offload};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};
use url::form_urlencoded;

use super::{connect::Connector, secret::read_source, tls::Tls};

/// A token is not used in the last seconds before it expires, as in Go.
const MARGIN: Duration = Duration::from_secs(10);
/// The largest answer that is read.
const ANSWER_BYTES: usize = 1 << 20;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The client's secret could not be read.
    #[error("oauth2: {0}")]
    Secret(std::io::Error),
    /// The grant is one that is not spoken.
    #[error("oauth2: grant_type {0:?} is not supported: use client_credentials")]
    Grant(&'static str),
    /// The token's server did not give one.
    #[error("oauth2: cannot fetch token: {0}")]
    Fetch(String),
}

/// Fetches tokens and keeps the last.
pub(crate) struct Tokens {
    settings: OAuth2,
    hyper: legacy::Client<Connector, Full<Bytes>>,
    offload: Offload,
    last: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    /// As it stands in the `Authorization` header.
    header: Arc<str>,
    expires: Option<Instant>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

impl Tokens {
    pub(crate) fn new(settings: OAuth2, components: &Components) -> Self {
        let tls = Tls::new(settings.tls.clone(), true, components.offload);
        let network = components.network.clone();
        let connector = Connector::new(network, tls, settings.proxy.clone());
        Self {
            hyper: legacy::Client::builder(TokioExecutor::new()).build(connector),
            settings,
            offload: components.offload,
            last: Mutex::new(None),
        }
    }

    /// The value of the `Authorization` header. Held back by one fetch, others wait for it.
    pub(crate) async fn header(&self) -> Result<Arc<str>, TokenError> {
        let mut last = self.last.lock().await;
        if let Some(token) = &*last
            && token.expires.is_none_or(|at| Instant::now() < at)
        {
            return Ok(Arc::clone(&token.header));
        }
        let token = self.fetch().await?;
        Ok(Arc::clone(&last.insert(token).header))
    }

    async fn fetch(&self) -> Result<Token, TokenError> {
        let asked = Instant::now();
        let Grant::ClientCredentials(secret) = &self.settings.grant else {
            return Err(TokenError::Grant(
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
            ));
        };
        let secret = read_source(secret, self.offload).await;
        let request = self.request(&secret.map_err(TokenError::Secret)?)?;
        let answer = self.hyper.request(request).await;
        let answer = answer.map_err(|e| TokenError::Fetch(runtime::Chain(&e).to_string()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES)
            .collect()
            .await;
        let body = body
            .map_err(|e| TokenError::Fetch(e.to_string()))?
            .to_bytes();
        if status != StatusCode::OK {
            let text = String::from_utf8_lossy(&body);
            return Err(TokenError::Fetch(format!("{status}\nResponse: {text}")));
        }
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|e| TokenError::Fetch(e.to_string()))?;
        let scheme = match answer.token_type.to_ascii_lowercase().as_str() {
            "" | "bearer" => "Bearer",
            _ => &answer.token_type,
        };
        let lasts = answer.expires_in.filter(|seconds| *seconds > 0.0);
        let lasts = lasts.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(Token {
            header: format!("{scheme} {}", answer.access_token).into(),
            expires: lasts.map(|lasts| asked + lasts.saturating_sub(MARGIN)),
        })
    }

    fn request(&self, secret: &str) -> Result<http::Request<Full<Bytes>>, TokenError> {
        let escaped =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", escaped(&self.settings.client_id), escaped(secret));
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !self.settings.scopes.is_empty() {
            form.append_pair("scope", &self.settings.scopes.join(" "));
        }
        form.extend_pairs(&self.settings.endpoint_params);
        let request = http::Request::post(&self.settings.token_url)
            .header(header::AUTHORIZATION, format!("Basic {pair}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form.finish()));
        request.map_err(|e| TokenError::Fetch(e.to_string()))
    }
}
