//! `/metadata` and `/targets/metadata`: what exporters tell of their metrics.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::extract::State;
use model::{Labels, Matcher, Metadata, TimeRange};
use proto::{metric_type, v1};

use super::{Answered, Api, ApiError, Params, Reply};
use crate::{
    fanout::{AskError, Ingester},
    json::Fields,
};

/// Each metric's metadata and where it was seen; replicas tell the same, so each is once.
type Known = BTreeSet<(String, Labels, Metadata)>;

/// `/api/v1/metadata`
pub(super) async fn of_metrics(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let limit = params.loose_limit("limit")?.unwrap_or(usize::MAX);
    let per_metric = params.loose_limit("limit_per_metric")?;
    let per_metric = per_metric.filter(|n| *n > 0).unwrap_or(usize::MAX);
    let wanted = params.get("metric");
    let (known, warnings) = known(&api).await?;
    let mut metrics: BTreeMap<&str, BTreeSet<&Metadata>> = BTreeMap::new();
    for (metric, _, metadata) in &known {
        if wanted.is_empty() || wanted == metric {
            metrics.entry(metric).or_default().insert(metadata);
        }
    }
    let reply = Reply::of(|json| {
        json.object(|fields| {
            for (metric, all) in metrics.into_iter().take(limit) {
                let all = all.into_iter().take(per_metric);
                fields.key(metric).array(all, |json, metadata| {
                    json.object(|fields| write(fields, metadata));
                });
            }
        });
    });
    Ok(reply.with_warnings(warnings))
}

/// `/api/v1/targets/metadata`
pub(super) async fn of_targets(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let limit = params.loose_limit("limit")?.unwrap_or(usize::MAX);
    let matchers = match params.get("match_target") {
        "" => Vec::new(),
        text => promql::parse_selector(text)
            .map_err(|error| ApiError::bad_parameter("match_target", error))?,
    };
    let wanted = params.get("metric");
    let (known, warnings) = known(&api).await?;
    let asked = known.iter().filter(|(metric, target, _)| {
        (wanted.is_empty() || wanted == metric) && Matcher::all_match(&matchers, target)
    });
    let reply = Reply::of(|json| {
        json.array(asked.take(limit), |json, (metric, target, metadata)| {
            json.object(|fields| {
                fields.labels("target", target);
                if wanted.is_empty() {
                    fields.string("metric", metric);
                }
                write(fields, metadata);
            });
        });
    });
    Ok(reply.with_warnings(warnings))
}

fn write(fields: &mut Fields<'_>, metadata: &Metadata) {
    fields
        .string("type", metadata.metric_type.as_str())
        .string("help", &metadata.help)
        .string("unit", &metadata.unit);
}

/// What the ingesters know, and what to warn of.
async fn known(api: &Api) -> Result<(Known, Option<String>), ApiError> {
    let ask = |mut ingester: Ingester| async move {
        let answer = ingester.metadata(v1::MetadataRequest {}).await?;
        Ok::<_, AskError>(answer.into_inner().metrics)
    };
    let now = api.engine.components.clock.now();
    let asked = api.ask(TimeRange::at(now), ask).await?;
    let warning = asked.warning();
    let entry = |told: v1::MetricMetadata| {
        let target = told.target.as_ref().map(Labels::from).unwrap_or_default();
        let metadata = Metadata {
            metric_type: metric_type(&told.r#type),
            help: told.help,
            unit: told.unit,
        };
        (told.metric, target, metadata)
    };
    let all = asked.answers.into_iter().flat_map(|(_, metrics)| metrics);
    Ok((all.map(entry).collect(), warning))
}
