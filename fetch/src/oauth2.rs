//! Tokens of OAuth 2, by client credentials or by a signed token of our own, kept until shortly before they expire.
mod assertion;

use std::{sync::Arc, time::Duration};

use base64::Engine as _;
use bytes::Bytes;
use config::{Grant, JwtBearer, OAuth2};
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{client::legacy, rt::TokioExecutor};
use runtime::{Components, Offload};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};
use url::form_urlencoded;

pub use self::assertion::KeyError;
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
    /// Nothing can be signed.
    #[error("oauth2: {0}")]
    Key(#[from] KeyError),
    /// The request would say one thing twice.
    #[error("oauth2: cannot overwrite parameter {0:?}")]
    Parameter(String),
    /// The token's server could not be asked, or gave none.
    #[error("oauth2: cannot fetch token: {0}")]
    Fetch(String),
    /// The token's server refused.
    #[error("oauth2: cannot fetch token: {status}\nResponse: {text}")]
    Refused {
        /// How.
        status: StatusCode,
        /// Why.
        text: String,
    },
}

/// Fetches tokens and keeps the last.
pub struct Tokens {
    settings: OAuth2,
    hyper: legacy::Client<Connector, Full<Bytes>>,
    components: Components,
    offload: Offload,
    held: Mutex<Held>,
}

/// What was learnt from the token's server.
#[derive(Default)]
struct Held {
    last: Option<Token>,
    /// Where it takes a client's secret, once it has taken one.
    taken: Option<Place>,
}

/// Where a client's secret stands in a request.
#[derive(Clone, Copy)]
enum Place {
    /// In the `Authorization` header, as the standard wants it.
    Header,
    /// In the form, as some servers want it.
    Form,
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
    /// No token yet.
    pub fn new(settings: OAuth2, components: &Components) -> Self {
        let tls = Tls::new(settings.tls.clone(), true, components.offload);
        let network = components.network.clone();
        let connector = Connector::new(network, tls, settings.proxy.clone());
        Self {
            hyper: legacy::Client::builder(TokioExecutor::new()).build(connector),
            settings,
            components: components.clone(),
            offload: components.offload,
            held: Mutex::default(),
        }
    }

    /// The value of the `Authorization` header. Held back by one fetch, others wait for it.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn header(&self) -> Result<Arc<str>, TokenError> {
        let mut held = self.held.lock().await;
        if let Some(token) = &held.last
            && token.expires.is_none_or(|at| Instant::now() < at)
        {
            return Ok(Arc::clone(&token.header));
        }
        let token = match &self.settings.grant {
            Grant::ClientCredentials(secret) => {
                let secret = read_source(secret, self.offload).await;
                let secret = secret.map_err(TokenError::Secret)?;
                self.by_secret(&secret, &mut held.taken).await?
            }
            Grant::JwtBearer(jwt) => self.by_assertion(jwt).await?,
        };
        Ok(Arc::clone(&held.last.insert(token).header))
    }

    /// Finds out where the server takes the secret if that is not known, as Go does.
    async fn by_secret(
        &self,
        secret: &str,
        taken: &mut Option<Place>,
    ) -> Result<Token, TokenError> {
        let places = match *taken {
            Some(place) => &[place][..],
            None => &[Place::Header, Place::Form],
        };
        let mut refused = None;
        for place in places {
            match self.ask(self.with_secret(secret, *place)?).await {
                Ok(token) => {
                    *taken = Some(*place);
                    return Ok(token);
                }
                Err(error @ TokenError::Refused { .. }) => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(refused.expect("there is at least one place"))
    }

    fn with_secret(
        &self,
        secret: &str,
        place: Place,
    ) -> Result<http::Request<Full<Bytes>>, TokenError> {
        let id = self.settings.client_id.as_str();
        let mut form = vec![("grant_type", "client_credentials")];
        let mut request = http::Request::post(&self.settings.token_url);
        match place {
            Place::Header => {
                let escaped = |text: &str| {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
                };
                let pair = format!("{}:{}", escaped(id), escaped(secret));
                let pair = base64::engine::general_purpose::STANDARD.encode(pair);
                request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
            }
            Place::Form => {
                form.push(("client_id", id));
                if !secret.is_empty() {
                    form.push(("client_secret", secret));
                }
            }
        }
        self.filled(request, form)
    }

    async fn by_assertion(&self, jwt: &JwtBearer) -> Result<Token, TokenError> {
        let pem = read_source(&jwt.key, self.offload).await;
        let pem = pem.map_err(TokenError::Secret)?;
        let now = self.components.clock.now();
        let assertion = assertion::assertion(&self.settings, jwt, &pem, now, &unique()?)?;
        let form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", &assertion),
        ];
        let request = http::Request::post(&self.settings.token_url);
        self.ask(self.filled(request, form)?).await
    }

    /// `request` with the form's `fields`, the scopes and what the configuration adds.
    fn filled(
        &self,
        request: http::request::Builder,
        fields: Vec<(&str, &str)>,
    ) -> Result<http::Request<Full<Bytes>>, TokenError> {
        let scopes = self.settings.scopes.join(" ");
        let scopes = (!scopes.is_empty()).then_some(("scope", scopes.as_str()));
        let fields: Vec<(&str, &str)> = fields.into_iter().chain(scopes).collect();
        let mut form = form_urlencoded::Serializer::new(String::new());
        let added = &self.settings.endpoint_params;
        for (name, value) in fields {
            match added.contains_key(name) {
                false => form.append_pair(name, value),
                // Some servers have a name of their own for the grant.
                true if name == "grant_type" => continue,
                true => return Err(TokenError::Parameter(name.to_owned())),
            };
        }
        form.extend_pairs(added);
        let request = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form.finish()));
        request.map_err(|e| TokenError::Fetch(e.to_string()))
    }

    async fn ask(&self, request: http::Request<Full<Bytes>>) -> Result<Token, TokenError> {
        let asked = Instant::now();
        let answer = self.hyper.request(request).await;
        let answer = answer.map_err(|e| TokenError::Fetch(runtime::Chain(&e).to_string()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES)
            .collect()
            .await;
        let body = body
            .map_err(|e| TokenError::Fetch(e.to_string()))?
            .to_bytes();
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body).into_owned();
            return Err(TokenError::Refused { status, text });
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
}

/// A name that no other token has: a random UUID.
fn unique() -> Result<String, TokenError> {
    let mut bytes = [0; 16];
    let random = rustls::crypto::ring::default_provider().secure_random;
    let filled = random.fill(&mut bytes);
    filled.map_err(|_| TokenError::Fetch("no randomness".to_owned()))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-"))
}
