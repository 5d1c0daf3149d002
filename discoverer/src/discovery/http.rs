//! Targets that a server tells over HTTP.
//!
//! Source: `discovery/http/http.go` in Prometheus.
use config::{HttpDiscovery, TargetGroup, parse_target_groups};
use fetch::{Client, Request};
use http::{HeaderMap, HeaderValue, header};
use runtime::Components;

use super::{
    USER_AGENT,
    provider::Publish,
    refresh::{self, Find, FindError},
};

/// The label with the address that was asked.
const URL: &str = "__meta_url";
/// An answer may be as long as this.
pub(super) const MAX_BODY_BYTES: u64 = 1 << 30;

/// Asks again and again, and tells the groups.
pub(crate) async fn run(discovery: HttpDiscovery, components: Components, publish: Publish) {
    let every = discovery.refresh_interval;
    let server = Server::new(discovery, &components);
    refresh::run("http", server, every.to_std(), publish).await;
}

struct Server {
    client: Client,
    request: Request,
}

impl Server {
    fn new(discovery: HttpDiscovery, components: &Components) -> Self {
        let every = discovery.refresh_interval.to_std();
        let seconds = HeaderValue::from_str(&every.as_secs_f64().to_string());
        let headers = [
            (header::USER_AGENT, HeaderValue::from_static(USER_AGENT)),
            (header::ACCEPT, HeaderValue::from_static("application/json")),
            (
                header::HeaderName::from_static("x-prometheus-refresh-interval-seconds"),
                seconds.expect("a number is a header's value"),
            ),
        ];
        Self {
            client: Client::new(discovery.http, components),
            request: Request {
                url: discovery.url,
                headers: HeaderMap::from_iter(headers),
                timeout: every,
                body_limit: MAX_BODY_BYTES,
            },
        }
    }
}

impl Find for Server {
    async fn find(&mut self) -> Result<Vec<TargetGroup>, FindError> {
        let url = &self.request.url;
        let fetched = self.client.get(&self.request, Vec::new()).await?;
        let content_type = fetched.header("content-type").unwrap_or_default();
        if !is_json(content_type) {
            return Err(FindError::ContentType(content_type.to_owned()));
        }
        let text = String::from_utf8(fetched.body).map_err(|_| FindError::Text(url.clone()))?;
        let groups = parse_target_groups(&text).map_err(|source| FindError::Groups {
            url: url.clone(),
            source,
        })?;
        let named = groups.into_iter().enumerate();
        Ok(named
            .map(|(i, group)| TargetGroup {
                source: format!("{url}:{i}"),
                labels: group.labels.with(URL, url),
                ..group
            })
            .collect())
    }
}

/// True for JSON, in UTF-8 if it says in what.
fn is_json(content_type: &str) -> bool {
    let content_type = content_type.trim().to_ascii_lowercase();
    match content_type.split_once(';') {
        None => content_type == "application/json",
        Some((kind, charset)) => {
            let charset = charset.trim_start();
            kind == "application/json" && matches!(charset, "charset=utf-8" | "charset=\"utf-8\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use config::HttpClient;
    use model::Millis;

    use super::*;
    use crate::discovery::testing::{lines, serve};

    fn server(url: String) -> Server {
        let discovery = HttpDiscovery {
            url,
            refresh_interval: Millis::from_seconds(60),
            http: HttpClient::default(),
        };
        Server::new(discovery, &Components::system())
    }

    #[tokio::test]
    async fn groups_are_told_with_the_address_that_was_asked() {
        let answer = async |headers: HeaderMap| {
            assert_eq!(headers["x-prometheus-refresh-interval-seconds"], "60");
            assert_eq!(headers["accept"], "application/json");
            let json = r#"[{"targets": ["a:1", "b:1"], "labels": {"x": "y"}}, {"targets": []}]"#;
            ([("content-type", "application/json; charset=utf-8")], json)
        };
        let address = serve(Router::new().route("/sd", get(answer))).await;
        let url = format!("http://{address}/sd");
        let groups = server(url.clone()).find().await.unwrap();
        assert_eq!(
            lines(&groups).replace(&url, "URL"),
            "URL:0 __meta_url=URL x=y\n  __address__=a:1\n  __address__=b:1\nURL:1 __meta_url=URL\n"
        );
    }

    #[tokio::test]
    async fn answers_that_are_no_groups_are_refused_in_prometheus_words() {
        let router = Router::new().route("/text", get(async || "[]")).route(
            "/null",
            get(async || ([("content-type", "application/json")], "[null]")),
        );
        let address = serve(router).await;
        let fails = async |path: &str| {
            let url = format!("http://{address}/{path}");
            let failed = server(url).find().await.unwrap_err();
            runtime::Chain(&failed).to_string()
        };
        assert_eq!(
            fails("text").await,
            r#"unsupported content type "text/plain; charset=utf-8""#
        );
        assert_eq!(
            fails("gone").await,
            "server returned HTTP status 404 Not Found"
        );
        let null = fails("null").await;
        assert!(
            null.ends_with("nil target group item found (index 0)"),
            "{null}"
        );
    }
}
