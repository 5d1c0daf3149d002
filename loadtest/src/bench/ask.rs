//! Questions to a system under measure, in Prometheus' HTTP API.
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::compare::{Client, Query};

/// The API at `address`.
pub(super) fn api(address: SocketAddr) -> anyhow::Result<Client> {
    Ok(Client::new(format!("http://{address}").parse()?))
}

/// The number in `value`.
pub(super) fn count(value: &Value) -> Option<u64> {
    value.as_u64()
}

/// The single number that the query `text` gives at `at`, in seconds since the Unix epoch; none if there is no series.
pub(super) async fn number(client: &Client, text: &str, at: f64) -> anyhow::Result<Option<f64>> {
    let query = Query {
        text: text.to_owned(),
        end: at,
        range: None,
    };
    // VictoriaMetrics would answer the second time from what it has kept.
    let path = format!("{}&nocache=1", query.path_and_query());
    let answer = client.get(&path).await?;
    if answer["status"] != "success" {
        bail!("{text} was not answered: {answer}");
    }
    let series = answer["data"]["result"].as_array();
    let series = series.with_context(|| format!("{text} gave no vector: {answer}"))?;
    match series.as_slice() {
        [] => Ok(None),
        [one] => {
            let value = one["value"][1].as_str().and_then(|v| v.parse().ok());
            Ok(Some(value.with_context(|| {
                format!("{text} gave no number: {answer}")
            })?))
        }
        several => bail!("{text} gave {} series", several.len()),
    }
}
