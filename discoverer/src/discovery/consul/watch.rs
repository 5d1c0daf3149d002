//! Questions to a Consul agent.
use std::time::Duration;

use config::ConsulDiscovery;
use fetch::{Client, FetchError, Request};
use http::{HeaderMap, HeaderValue, header};
use runtime::Components;
use serde::de::DeserializeOwned;

use super::super::{USER_AGENT, http::MAX_BODY_BYTES, provider::Publish};

/// How long a watch waits for something new.
const WAIT: Duration = Duration::from_secs(120);
/// How much longer an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// An agent that is asked.
pub(super) struct Agent {
    pub(super) discovery: ConsulDiscovery,
    client: Client,
    publish: Publish,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum AgentError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("read the answer of {url}")]
    Json {
        url: String,
        source: serde_json::Error,
    },
}

impl AgentError {
    /// True if the agent did answer, though not with what was asked for.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Json { .. } | Self::Fetch(FetchError::Status(_)))
    }
}

impl Agent {
    pub(super) fn new(
        discovery: ConsulDiscovery,
        components: &Components,
        publish: Publish,
    ) -> Self {
        Self {
            client: Client::new(discovery.http.clone(), components),
            publish,
            discovery,
        }
    }

    /// What stands at `path`, and the index of that state. With `after` it waits until there is another state than that,
    /// or a while.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        with: &[(&str, &str)],
        after: Option<u64>,
    ) -> Result<(T, u64), AgentError> {
        let answer = self.answer(path, with, after).await;
        if answer.is_err() {
            self.publish.metrics().refresh_failed("consul");
        }
        answer
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        path: &str,
        with: &[(&str, &str)],
        after: Option<u64>,
    ) -> Result<(T, u64), AgentError> {
        let request = Request {
            url: self.url(path, with, after),
            headers: self.headers(),
            timeout: WAIT + PATIENCE,
            body_limit: MAX_BODY_BYTES,
        };
        let fetched = self.client.get(&request, Vec::new()).await?;
        let index = fetched.header("x-consul-index");
        let index = index.and_then(|index| index.parse().ok()).unwrap_or(0);
        let url = request.url;
        let answer = serde_json::from_slice(&fetched.body);
        let answer = answer.map_err(|source| AgentError::Json { url, source })?;
        // A state may go back, when Consul was restored: then nothing is known.
        let index = if after.is_some_and(|after| index < after) {
            0
        } else {
            index
        };
        Ok((answer, index))
    }

    fn url(&self, path: &str, with: &[(&str, &str)], after: Option<u64>) -> String {
        let discovery = &self.discovery;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let own = [
            ("dc", &discovery.datacenter),
            ("ns", &discovery.namespace),
            ("partition", &discovery.partition),
        ];
        let own = own.map(|(name, value)| (name, value.as_str()));
        for (name, value) in own.iter().chain(with) {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if let Some(after) = after {
            if after > 0 {
                query.append_pair("index", &after.to_string());
            }
            query.append_pair("wait", &format!("{}ms", WAIT.as_millis()));
            if discovery.allow_stale {
                query.append_pair("stale", "");
            }
            for (name, value) in &discovery.node_meta {
                query.append_pair("node-meta", &format!("{name}:{value}"));
            }
        }
        format!(
            "{}://{}{}/v1/{path}?{}",
            discovery.scheme,
            discovery.server,
            prefix(&discovery.path_prefix),
            query.finish()
        )
    }

    fn headers(&self) -> HeaderMap {
        let user_agent = (header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let mut headers = HeaderMap::from_iter([user_agent]);
        let token = self.discovery.token.reveal();
        if let Some(mut token) = HeaderValue::from_str(token)
            .ok()
            .filter(|_| !token.is_empty())
        {
            token.set_sensitive(true);
            headers.insert("x-consul-token", token);
        }
        headers
    }
}

/// With a slash in front and none behind, unless it is empty.
fn prefix(path: &str) -> String {
    match path.trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    }
}
