//! `pleiades check healthy` and `check ready`: whether a server is well.
//!
//! Source: `CheckServerStatus` in Prometheus, `cmd/promtool/main.go`.
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::StatusCode;

use crate::client::HttpClient;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which server.
#[derive(Debug, clap::Args)]
pub(crate) struct Server {
    /// The URL for the Prometheus server.
    #[arg(long, default_value = "http://localhost:9090")]
    url: String,
}

impl Server {
    /// What the server says at `path`, if that is that all is well.
    pub(super) async fn ask(&self, path: &str) -> anyhow::Result<String> {
        let server = match self.url.contains("://") {
            true => self.url.clone(),
            false => format!("http://{}", self.url),
        };
        let url = format!("{}{path}", server.trim_end_matches('/'));
        let client = HttpClient::new()?;
        let answer = tokio::time::timeout(PATIENCE, client.get(&url)).await;
        let answer = answer.with_context(|| format!("Get {url:?}"))??;
        if answer.status != StatusCode::OK {
            let status = answer.status.as_u16();
            bail!("check failed: URL={server}, status={status}");
        }
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};

    use super::*;

    #[tokio::test]
    async fn a_server_that_is_not_ready_fails_the_check() {
        let router = Router::new()
            .route("/-/healthy", get(async || "Healthy.\n"))
            .route("/-/ready", get(async || StatusCode::SERVICE_UNAVAILABLE));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async { axum::serve(listener, router).await });
        let server = Server {
            url: format!("{address}/"),
        };
        assert_eq!(server.ask("/-/healthy").await.unwrap(), "Healthy.\n");
        let refused = server.ask("/-/ready").await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("check failed: URL=http://{address}/, status=503")
        );
        serving.abort();
    }
}
