//! One Prometheus API over HTTP.
use anyhow::Context as _;
use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt as _, Empty};
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
    http: legacy::Client<HttpConnector, Empty<Bytes>>,
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
        let base = self.base.to_string();
        let uri: Uri = format!("{}{path}", base.trim_end_matches('/')).parse()?;
        let response = self.http.get(uri).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        serde_json::from_slice(&body).with_context(|| format!("{status} without JSON"))
    }
}
