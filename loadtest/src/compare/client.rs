//! One Prometheus API over HTTP.
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use super::Query;

/// A connection to one API.
#[derive(Clone, Debug)]
pub struct Client {
    base: Uri,
    http: legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client of the API at `base`, which ends before `/api/v1`.
    pub fn new(base: Uri) -> Self {
        Self {
            base,
            http: legacy::Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The answer to `query`, an error of the query included.
    ///
    /// # Errors
    /// If no answer comes, or none that is JSON.
    pub async fn ask(&self, query: &Query) -> anyhow::Result<Value> {
        self.get(&query.path_and_query())
            .await
            .with_context(|| format!("ask {} {query}", self.base))
    }

    /// The JSON at `path`.
    ///
    /// # Errors
    /// If no answer comes, or none that is JSON.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, body) = self
            .exchange(Request::get(self.uri(path)?), Bytes::new())
            .await?;
        serde_json::from_slice(&body).with_context(|| format!("{status} without JSON"))
    }

    /// The bytes at `path`.
    ///
    /// # Errors
    /// If no answer comes, or one that tells of no success.
    pub async fn body(&self, path: &str) -> anyhow::Result<Bytes> {
        let (status, body) = self
            .exchange(Request::get(self.uri(path)?), Bytes::new())
            .await?;
        ensure!(status.is_success(), "{status} from {}", self.base);
        Ok(body)
    }

    /// Brings `body`, a request of remote write, to `path`.
    ///
    /// # Errors
    /// If no answer comes, or one that tells of no success.
    pub async fn write(&self, path: &str, body: Bytes) -> anyhow::Result<()> {
        let request = Request::post(self.uri(path)?)
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "snappy")
            .header("x-prometheus-remote-write-version", "0.1.0");
        self.sent(request, body).await.map(drop)
    }

    /// What a POST without a body to `path` gives.
    ///
    /// # Errors
    /// If no answer comes, or one that tells of no success.
    pub async fn post(&self, path: &str) -> anyhow::Result<Bytes> {
        self.sent(Request::post(self.uri(path)?), Bytes::new())
            .await
    }

    async fn sent(&self, request: http::request::Builder, body: Bytes) -> anyhow::Result<Bytes> {
        let (status, body) = self.exchange(request, body).await?;
        let text = String::from_utf8_lossy(&body);
        ensure!(status.is_success(), "{status} from {}: {text}", self.base);
        Ok(body)
    }

    fn uri(&self, path: &str) -> anyhow::Result<Uri> {
        let base = self.base.to_string();
        Ok(format!("{}{path}", base.trim_end_matches('/')).parse()?)
    }

    async fn exchange(
        &self,
        request: http::request::Builder,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let response = self.http.request(request.body(Full::new(body))?).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}
