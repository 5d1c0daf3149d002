//! `/labels`, `/label/<name>/values` and `/series`: unions of what the ingesters know.
use std::{collections::BTreeSet, sync::Arc};

use axum::extract::{Path, State};
use model::{Labels, TimeRange};
use proto::v1;
use runtime::{Holder, Offload};
use tonic::{Response, Status, Streaming};

use super::{Answered, Api, ApiError, Params, Reply, query::TRUNCATED};
use crate::{
    fanout::{AskError, Ingester},
    union::Union,
};

/// `/api/v1/labels`
pub(super) async fn names(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let (request, range, limit) = request(&params)?;
    let wire = |mut ingester: Ingester| {
        let request = request.clone();
        async move { ingester.label_names(request).await }
    };
    let near = |holder: Arc<dyn Holder>| {
        let request = request.clone();
        move || holder.label_names(request)
    };
    let ask = Ask {
        wire,
        near,
        is_little: |_: &dyn Holder| false,
    };
    strings(&api, range, limit, ask).await
}

/// `/api/v1/label/<name>/values`
pub(super) async fn values(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    params: Params,
) -> Answered {
    let name = unescape(&name);
    if name.is_empty() {
        return Err(ApiError::bad_data("invalid label name: \"\""));
    }
    let (within, range, limit) = request(&params)?;
    let request = v1::LabelValuesRequest {
        name,
        within: Some(within),
    };
    let wire = |mut ingester: Ingester| {
        let request = request.clone();
        async move { ingester.label_values(request).await }
    };
    let near = |holder: Arc<dyn Holder>| {
        let request = request.clone();
        move || holder.label_values(request)
    };
    let ask = Ask {
        wire,
        near,
        is_little: |holder: &dyn Holder| holder.has_few_values(&request),
    };
    strings(&api, range, limit, ask).await
}

async fn strings<F, N>(
    api: &Api,
    range: TimeRange,
    limit: Option<usize>,
    ask: Ask<impl Fn(Ingester) -> F, impl Fn(Arc<dyn Holder>) -> N, impl Fn(&dyn Holder) -> bool>,
) -> Answered
where
    F: Future<Output = Streamed<v1::StringsResponse>> + Send + 'static,
    N: FnOnce() -> Result<Vec<String>, Status> + Send + 'static,
{
    let (all, warnings) = union(api, range, limit, ask, |batch| batch.values).await?;
    Ok(Reply::of(|json| json.strings(all)).with_warnings(warnings))
}

/// `/api/v1/series`
pub(super) async fn series(State(api): State<Arc<Api>>, params: Params) -> Answered {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let (request, range, limit) = request(&params).map_err(|error| {
        // Prometheus names the parameter here, and not where it may be left out.
        match error.message.starts_with("invalid parameter") {
            true => error,
            false => ApiError::bad_parameter("match[]", error.message),
        }
    })?;
    let wire = |mut ingester: Ingester| {
        let request = request.clone();
        async move { ingester.series(request).await }
    };
    let near = |holder: Arc<dyn Holder>| {
        let request = request.clone();
        move || holder.series(request)
    };
    let labels =
        |batch: v1::SeriesResponse| batch.series.iter().map(Labels::from).collect::<Vec<_>>();
    let ask = Ask {
        wire,
        near,
        is_little: |_: &dyn Holder| false,
    };
    let (all, warnings) = union(&api, range, limit, ask, labels).await?;
    Ok(
        Reply::of(|json| json.array(all.iter(), |json, labels| json.labels(labels)))
            .with_warnings(warnings),
    )
}

/// How an ingester is asked: by wire, or in this process, where it may be so little that it is done at once.
struct Ask<W, N, L> {
    wire: W,
    near: N,
    is_little: L,
}

/// A stream of batches, or why there is none.
type Streamed<M> = Result<Response<Streaming<M>>, Status>;

/// What the ingesters hold, up to `limit`, and what to warn of. One of this process is asked without a wire.
async fn union<M, T, F, N>(
    api: &Api,
    range: TimeRange,
    limit: Option<usize>,
    Ask {
        wire,
        near,
        is_little,
    }: Ask<impl Fn(Ingester) -> F, impl Fn(Arc<dyn Holder>) -> N, impl Fn(&dyn Holder) -> bool>,
    items: fn(M) -> Vec<T>,
) -> Result<(BTreeSet<T>, Vec<String>), ApiError>
where
    M: Send + 'static,
    T: Ord + Send + 'static,
    F: Future<Output = Streamed<M>> + Send + 'static,
    N: FnOnce() -> Result<Vec<T>, Status> + Send + 'static,
{
    let union = Arc::new(Union::new(limit));
    let offload = api.engine.components.offload;
    let from = |ingester: Ingester| {
        let union = Arc::clone(&union);
        let asked = match ingester.nearby.clone() {
            Some(holder) => {
                let offload = match is_little(&*holder) {
                    true => Offload::Inline,
                    false => offload,
                };
                Asked::Near(near(holder), offload)
            }
            None => Asked::Wire(wire(ingester)),
        };
        async move {
            match asked {
                Asked::Near(read, offload) => {
                    union.add(offload.run(read).await?);
                }
                Asked::Wire(asked) => {
                    let mut batches = asked.await?.into_inner();
                    while let Some(batch) = batches.message().await? {
                        if !union.add(items(batch)) {
                            break;
                        }
                    }
                }
            }
            Ok::<_, AskError>(())
        }
    };
    let asked = api.ask(range, from).await?;
    let (all, is_cut) = union.take();
    let truncated = is_cut.then(|| TRUNCATED.to_owned());
    Ok((all, asked.warning().into_iter().chain(truncated).collect()))
}

/// The way to what an ingester holds.
enum Asked<N, W> {
    Near(N, Offload),
    Wire(W),
}

/// What the ingesters are asked, for when, and the caller's limit; one more is asked for, so that a cut shows.
fn request(params: &Params) -> Result<(v1::LabelsRequest, TimeRange, Option<usize>), ApiError> {
    let limit = params.limit()?;
    let range = params.range()?;
    let selectors = params.selectors()?;
    let request = v1::LabelsRequest {
        selectors: selectors
            .iter()
            .map(|matchers| matchers[..].into())
            .collect(),
        range: Some(range.into()),
        limit: limit.map_or(0, |limit| limit as u64 + 1),
    };
    Ok((request, range, limit))
}

/// Reads a label's name as Grafana sends it if it is no plain one: `U__` and a code point between underscores for
/// each other character. What does not decode is a name as it stands.
///
/// Source: `UnescapeName` in prometheus/common, `model/metric.go`.
fn unescape(name: &str) -> String {
    let decoded = name.strip_prefix("U__").and_then(|escaped| {
        let mut text = String::with_capacity(escaped.len());
        let mut rest = escaped;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if c != '_' {
                text.push(c);
            } else if let Some(after) = rest.strip_prefix('_') {
                text.push('_');
                rest = after;
            } else {
                let (digits, after) = rest.split_once('_')?;
                let is_code = (1..=6).contains(&digits.len())
                    && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let code = is_code.then(|| u32::from_str_radix(digits, 16).ok())??;
                text.push(char::from_u32(code)?);
                rest = after;
            }
        }
        Some(text)
    });
    decoded.unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read() {
        assert_eq!(unescape("job"), "job");
        assert_eq!(unescape("U__http_2e_status"), "http.status");
        assert_eq!(unescape("U__a__b_1f600_"), "a_b😀");
        for broken in ["U__a_", "U__a_2x_", "U__a_d800_", "U__a_1234567_b"] {
            assert_eq!(unescape(broken), broken);
        }
    }
}
