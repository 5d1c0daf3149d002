//! Questions to the HTTP API.
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use url::form_urlencoded::Serializer;

/// How long an answer may take before the test is given up.
const LIMIT: Duration = Duration::from_secs(30);

/// A server's API.
#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// One series of an answer: its labels, and its samples as time in seconds and value as text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Value,
    pub(crate) samples: Vec<(f64, String)>,
}

impl Api {
    /// The API of the server at `address`.
    pub(crate) fn new(address: &str) -> Self {
        Self {
            base: format!("http://{address}"),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The status and the body of the answer, or why there is none.
    pub(crate) async fn send(&self, method: Method, path: &str) -> Result<(u16, String), String> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .body(Full::default())
            .expect("the path is a path");
        let asked = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|e| e.to_string())?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await;
            let body = body.map_err(|e| e.to_string())?.to_bytes();
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        };
        let asked = tokio::time::timeout(LIMIT, asked).await;
        asked.unwrap_or_else(|_| Err(format!("{path}: no answer within {LIMIT:?}")))
    }

    /// The status and the JSON at `path`.
    pub(crate) async fn get(&self, path: &str) -> Result<(u16, Value), String> {
        let (status, body) = self.send(Method::GET, path).await?;
        let json = serde_json::from_str(&body);
        Ok((
            status,
            json.map_err(|_| format!("{status} {path}: {body:?}"))?,
        ))
    }

    /// The `data` of a call that succeeds without a warning.
    pub(crate) async fn data(&self, path: &str) -> Result<Value, String> {
        let (status, mut answer) = self.get(path).await?;
        let is_whole = answer["status"] == "success" && answer["warnings"].is_null();
        match is_whole && status == 200 {
            true => Ok(answer["data"].take()),
            false => Err(format!("{status} {path}: {answer}")),
        }
    }

    /// The series that `expr` gives at `time`, or now.
    pub(crate) async fn query(&self, expr: &str, time: Option<f64>) -> Result<Vec<Series>, String> {
        let mut form = Serializer::new(String::new());
        form.append_pair("query", expr);
        if let Some(time) = time {
            form.append_pair("time", &time.to_string());
        }
        let data = self
            .data(&format!("/api/v1/query?{}", form.finish()))
            .await?;
        let result = data["result"].as_array();
        result
            .ok_or_else(|| format!("{expr}: no list in {data}"))?
            .iter()
            .map(|series| Series::of(series).ok_or_else(|| format!("{expr}: {series}")))
            .collect()
    }

    /// The only value that `expr` gives now.
    pub(crate) async fn value(&self, expr: &str) -> Result<f64, String> {
        let series = self.query(expr, None).await?;
        match series.as_slice() {
            [one] => one.samples[0]
                .1
                .parse()
                .map_err(|_| format!("{expr}: {one:?}")),
            other => Err(format!("{expr}: {} series", other.len())),
        }
    }
}

impl Series {
    fn of(series: &Value) -> Option<Self> {
        // A histogram is compared as the text of its JSON.
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Object(_) => Some(value.to_string()),
            _ => None,
        };
        let sample = |pair: &Value| Some((pair[0].as_f64()?, text(&pair[1])?));
        let lists = ["values", "histograms"].map(|key| series[key].as_array());
        let samples = match lists {
            [None, None] => {
                let one = series.get("value").or_else(|| series.get("histogram"));
                vec![sample(one?)?]
            }
            lists => {
                let all = lists.into_iter().flatten().flatten();
                all.map(sample).collect::<Option<_>>()?
            }
        };
        Some(Self {
            labels: series["metric"].clone(),
            samples,
        })
    }

    /// How many slots of a grid of `interval` seconds between the first and the last sample have none.
    ///
    /// A sample may be late by less than half an interval.
    pub(crate) fn n_holes(&self, interval: f64) -> usize {
        let (Some(first), Some(last)) = (self.samples.first(), self.samples.last()) else {
            return 0;
        };
        let n_slots = ((last.0 - first.0) / interval).round() as usize + 1;
        n_slots.saturating_sub(self.samples.len())
    }
}
