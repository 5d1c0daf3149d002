//! A small HTTP client for the commands that talk to a Prometheus API.
use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// A client with a pool of connections; http and https.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl HttpClient {
    /// A client that trusts the machine's certificates.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_native_roots()
            .context("read the machine's certificates")?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// `GET url`.
    pub(crate) async fn get(&self, url: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, url, String::new()).await
    }

    /// `POST url` with an encoded form.
    pub(crate) async fn post_form(&self, url: &str, form: String) -> anyhow::Result<Answer> {
        self.send(Method::POST, url, form).await
    }

    async fn send(&self, method: Method, url: &str, form: String) -> anyhow::Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form))
            .with_context(|| format!("{url:?} is no URL"))?;
        let answer = self
            .0
            .request(request)
            .await
            .with_context(|| format!("ask {url}"))?;
        let status = answer.status();
        let body = answer.into_body().collect().await;
        let body = body.with_context(|| format!("read the answer of {url}"))?;
        Ok(Answer {
            status,
            body: body.to_bytes(),
        })
    }
}
