//! One request with redirects, authorization, a deadline, and a bounded body.
use std::{error::Error as _, time::Duration};

use base64::Engine as _;
use bytes::Bytes;
use config::{Auth, HttpClient, Source};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::ext::ReasonPhrase;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use runtime::{Components, Offload};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    body::{Body, BodyError},
    connect::Connector,
    oauth2::{TokenError, Tokens},
    secret::read_source,
    tls::Tls,
};

/// How long an idle connection stays open: above nearly every scrape interval.
const IDLE: Duration = Duration::from_secs(5 * 60);
/// How much of an answer is read at once. A connection keeps a buffer of that size also while it is idle, as it is for
/// most of the time between two scrapes.
const READ_AT_ONCE: usize = 32 << 10;
/// Redirects that are followed, as in Go.
const REDIRECTS: usize = 10;
const DEADLINE: &str = "context deadline exceeded";

/// What to fetch and within which bounds.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where from.
    pub url: String,
    /// Headers besides those of the job's settings.
    pub headers: HeaderMap,
    /// For all of it, redirects and the body included.
    pub timeout: Duration,
    /// The decoded body stays below.
    pub body_limit: u64,
}

/// A page that was fetched.
#[derive(Debug)]
pub struct Fetched {
    /// The decoded body.
    pub body: Vec<u8>,
    /// The answer's headers.
    pub headers: HeaderMap,
}

impl Fetched {
    /// What a header says, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why there is no page. The texts are those that Prometheus shows on its targets page.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer came.
    #[error("Get {url:?}: {reason}")]
    Get {
        /// What was asked for, maybe after redirects.
        url: String,
        /// Go's words.
        reason: String,
    },
    /// No answer came to what was posted.
    #[error("Post {url:?}: {reason}")]
    Post {
        /// Where to.
        url: String,
        /// Go's words.
        reason: String,
    },
    /// A secret or a certificate could not be read.
    #[error("Get {url:?}: {cause}")]
    Secret {
        /// What was asked for.
        url: String,
        /// Why.
        cause: std::io::Error,
    },
    /// No token could be had.
    #[error("Get {url:?}: {cause}")]
    Token {
        /// What was asked for.
        url: String,
        /// Why.
        cause: TokenError,
    },
    /// An answer that is no page.
    #[error("server returned HTTP status {0}")]
    Status(String),
    /// The body did not end in time.
    #[error("context deadline exceeded")]
    Deadline,
    /// The body broke off.
    #[error("{0}")]
    Broken(String),
    /// The body cannot be taken.
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl FetchError {
    /// True if time ran out, before or within the answer.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Deadline => true,
            Self::Get { reason, .. } => reason == DEADLINE,
            _ => false,
        }
    }
}

/// Speaks HTTP to one job, or to whatever else shares settings.
pub struct Client {
    hyper: legacy::Client<Connector, Full<Bytes>>,
    /// Set if the settings ask for them.
    tokens: Option<Tokens>,
    settings: HttpClient,
    offload: Offload,
}

impl Client {
    /// A client without connections yet; secrets are read when a request is made.
    pub fn new(settings: HttpClient, components: &Components) -> Self {
        let tls = Tls::new(
            settings.tls.clone(),
            settings.enable_http2,
            components.offload,
        );
        let network = components.network.clone();
        let connector = Connector::new(network, tls, settings.proxy.clone());
        let hyper = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_max_buf_size(READ_AT_ONCE)
            .build(connector);
        let tokens = match &settings.auth {
            Auth::OAuth2(oauth2) => Some(Tokens::new((**oauth2).clone(), components)),
            Auth::None | Auth::Basic { .. } | Auth::Authorization { .. } => None,
        };
        Self {
            hyper,
            tokens,
            settings,
            offload: components.offload,
        }
    }

    /// Fetches a page into `buffer`.
    ///
    /// # Errors
    /// [`FetchError`]
    pub async fn get(&self, request: &Request, buffer: Vec<u8>) -> Result<Fetched, FetchError> {
        let deadline = Instant::now() + request.timeout;
        let answer = timeout_at(deadline, self.follow(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(get_error(&request.url, DEADLINE)))?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(status_text(&answer)));
        }
        let (head, answer) = answer.into_parts();
        let encoding = head.headers.get(header::CONTENT_ENCODING);
        let body = Body::new(
            encoding.map(HeaderValue::as_bytes),
            buffer,
            request.body_limit,
        );
        let body = timeout_at(deadline, read(answer, body)).await;
        let body = body.unwrap_or(Err(FetchError::Deadline))?;
        Ok(Fetched {
            body,
            headers: head.headers,
        })
    }

    /// Posts `body`, a JSON document; an answer below 300 is good, whatever it holds.
    ///
    /// # Errors
    /// [`FetchError`]
    pub async fn post_json(
        &self,
        url: &str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<(), FetchError> {
        let as_post = |error| match error {
            FetchError::Get { url, reason } => FetchError::Post { url, reason },
            other => other,
        };
        let post = async {
            let to = Url::parse(url).map_err(|e| get_error(url, &e.to_string()))?;
            let json = HeaderValue::from_static("application/json");
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
            self.send(Method::POST, &to, &to, &headers, body.into())
                .await
        };
        let answer = tokio::time::timeout(timeout, post).await;
        let answer = answer
            .unwrap_or_else(|_| Err(get_error(url, DEADLINE)))
            .map_err(as_post)?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(FetchError::Status(status_text(&answer))),
        }
    }

    /// The first answer that is no redirect, or that may not be followed.
    async fn follow(
        &self,
        request: &Request,
    ) -> Result<http::Response<hyper::body::Incoming>, FetchError> {
        let first =
            Url::parse(&request.url).map_err(|e| get_error(&request.url, &e.to_string()))?;
        let mut url = first.clone();
        let mut location = String::new();
        for _ in 0..REDIRECTS {
            let answer = self
                .send(Method::GET, &url, &first, &request.headers, Bytes::new())
                .await?;
            let next = match self.settings.follow_redirects {
                true => redirected(&url, &answer)?,
                false => None,
            };
            match next {
                Some(next) => (url, location) = next,
                None => return Ok(answer),
            }
        }
        // As in Go, the place is told as the last answer named it.
        Err(get_error(&location, "stopped after 10 redirects"))
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        first: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<http::Response<hyper::body::Incoming>, FetchError> {
        let uri: Uri = url
            .as_str()
            .parse()
            .map_err(|e: http::uri::InvalidUri| get_error(url.as_str(), &e.to_string()))?;
        // Secrets are for the target, not for hosts that it names.
        let secrets = match same_site(first, url) {
            true => self.secrets(url).await?,
            false => HeaderMap::new(),
        };
        // A connection that the target closed while idle shows itself only when it is used.
        for last in [false, true] {
            let mut message = http::Request::new(Full::from(body.clone()));
            *message.method_mut() = method.clone();
            *message.uri_mut() = uri.clone();
            *message.headers_mut() = headers.clone();
            for name in secrets.keys() {
                message.headers_mut().remove(name);
            }
            message.headers_mut().extend(secrets.clone());
            match self.hyper.request(message).await {
                Ok(answer) => return Ok(answer),
                Err(error) if !last && !error.is_connect() && is_cut(&error) => {}
                Err(error) => return Err(get_error(url.as_str(), &reason(&error))),
            }
        }
        Err(get_error(url.as_str(), "EOF"))
    }

    async fn secrets(&self, url: &Url) -> Result<HeaderMap, FetchError> {
        let mut headers = HeaderMap::new();
        let mut put = |name: &str, value: &str| {
            let invalid = || {
                get_error(
                    url.as_str(),
                    &format!("net/http: invalid header field value for {name:?}"),
                )
            };
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
            value.set_sensitive(true);
            headers.append(key, value);
            Ok::<_, FetchError>(())
        };
        match &self.settings.auth {
            Auth::None | Auth::OAuth2(_) => {}
            Auth::Basic { username, password } => {
                let pair = format!(
                    "{}:{}",
                    self.read(url, username).await?,
                    self.read(url, password).await?
                );
                let pair = base64::engine::general_purpose::STANDARD.encode(pair);
                put("Authorization", &format!("Basic {pair}"))?;
            }
            Auth::Authorization {
                scheme,
                credentials,
            } => {
                let credentials = self.read(url, credentials).await?;
                put("Authorization", &format!("{scheme} {credentials}"))?;
            }
        }
        if let Some(tokens) = &self.tokens {
            let token = tokens.header().await.map_err(|cause| FetchError::Token {
                url: url.to_string(),
                cause,
            })?;
            put("Authorization", &token)?;
        }
        for (name, header) in &self.settings.headers {
            for value in &header.values {
                put(name, value)?;
            }
            for value in &header.secrets {
                put(name, value.reveal())?;
            }
            for file in &header.files {
                let file = Source::File(file.clone());
                put(name, &self.read(url, &file).await?)?;
            }
        }
        Ok(headers)
    }

    async fn read(&self, url: &Url, source: &Source) -> Result<std::sync::Arc<str>, FetchError> {
        let value = read_source(source, self.offload).await;
        value.map_err(|cause| FetchError::Secret {
            url: url.to_string(),
            cause,
        })
    }
}

/// True if `to` may be told what `first` is told: the same host or one below it, as in Go.
fn same_site(first: &Url, to: &Url) -> bool {
    match (first.host_str(), to.host_str()) {
        (Some(first), Some(to)) => {
            to == first || to.strip_suffix(first).is_some_and(|sub| sub.ends_with('.'))
        }
        _ => false,
    }
}

/// Where a redirect leads, and as what it names it; none if `answer` is no redirect or names no place.
fn redirected<B>(
    from: &Url,
    answer: &http::Response<B>,
) -> Result<Option<(Url, String)>, FetchError> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = answer.headers().get(header::LOCATION) else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    let bad = || {
        get_error(
            from.as_str(),
            &format!("failed to parse Location header {location:?}"),
        )
    };
    match from.join(&location) {
        Ok(url) => Ok(Some((url, location.into_owned()))),
        Err(_) => Err(bad()),
    }
}

async fn read(mut wire: hyper::body::Incoming, mut body: Body) -> Result<Vec<u8>, FetchError> {
    while let Some(frame) = wire.frame().await {
        let frame = frame.map_err(|error| FetchError::Broken(cut_text(&error)))?;
        if let Some(chunk) = frame.data_ref() {
            body.push(chunk)?;
        }
    }
    Ok(body.finish()?)
}

fn cut_text(error: &hyper::Error) -> String {
    match error.is_incomplete_message() || error.is_closed() || error.is_body_write_aborted() {
        true => "unexpected EOF".to_owned(),
        false => runtime::Chain(error).to_string(),
    }
}

/// `500 Internal Server Error`, with the server's own words if it has some.
fn status_text<B>(answer: &http::Response<B>) -> String {
    let status = answer.status();
    let phrase = match answer.extensions().get::<ReasonPhrase>() {
        Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
        None => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    format!("{} {phrase}", status.as_u16())
}

fn get_error(url: &str, reason: &str) -> FetchError {
    FetchError::Get {
        url: url.to_owned(),
        reason: reason.to_owned(),
    }
}

/// True if the connection ended before an answer came.
fn is_cut(error: &legacy::Error) -> bool {
    let cause = error
        .source()
        .and_then(|e| e.downcast_ref::<hyper::Error>());
    cause.is_some_and(|e| e.is_incomplete_message() || e.is_canceled() || e.is_closed())
}

/// Go's words for what went wrong.
fn reason(error: &legacy::Error) -> String {
    let Some(cause) = error.source() else {
        return error.to_string();
    };
    match cause.downcast_ref::<hyper::Error>() {
        _ if error.is_connect() => runtime::Chain(cause).to_string(),
        Some(e) if e.is_incomplete_message() => "EOF".to_owned(),
        Some(e) if e.is_parse() => {
            format!("net/http: HTTP/1.x transport connection broken: malformed HTTP response: {e}")
        }
        _ => runtime::Chain(cause).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_the_target_and_to_hosts_below_it() {
        let same = |a: &str, b: &str| same_site(&a.parse().unwrap(), &b.parse().unwrap());
        assert!(same("http://a.org/x", "https://a.org:9/y"));
        assert!(same("http://a.org", "http://b.a.org"));
        assert!(!same("http://a.org", "http://ba.org"));
        assert!(!same("http://b.a.org", "http://a.org"));
    }

    #[test]
    fn a_redirect_may_be_relative() {
        let answer = http::Response::builder()
            .status(302)
            .header("location", "../new?a=b")
            .body(())
            .unwrap();
        let next = redirected(&"http://h:1/x/y".parse().unwrap(), &answer).unwrap();
        let (url, location) = next.unwrap();
        assert_eq!(url.as_str(), "http://h:1/new?a=b");
        assert_eq!(location, "../new?a=b");
    }
}
