//! `/query`, `/query_range` and what else takes an expression.
use std::{num::NonZeroU64, sync::Arc};

use axum::extract::State;
use model::{Series, Steps, TimeRange, Value};
use promql::{QueryValue, VectorSample};

use super::{Answered, Api, ApiError, Params, Reply};
use crate::{
    json::{Fields, Json},
    query::{Answer, Completeness, Costs, Query},
};

/// The most points of a series that one range query gives.
const MAX_POINTS: i64 = 11_000;
/// So few points are written at once.
const FEW_POINTS: usize = 256;
/// The warning of an answer that was cut to the caller's limit.
pub(super) const TRUNCATED: &str = "results truncated due to limit";

/// `/api/v1/query`
pub(super) async fn instant(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let limit = params.limit()?;
    let now = api.engine.components.clock.now();
    let at = params.time_or("time", now)?;
    answer(&api, &params, Steps::Instant(at), limit).await
}

/// `/api/v1/query_range`
pub(super) async fn range(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let limit = params.limit()?;
    let (start, end) = (params.time("start")?, params.time("end")?);
    let range = TimeRange::new(start, end).map_err(|_| {
        ApiError::bad_parameter("end", "end timestamp must not be before start time")
    })?;
    let step = params.required_duration("step")?.as_millis();
    let step = u64::try_from(step).ok().and_then(NonZeroU64::new);
    let step = step.ok_or_else(|| {
        ApiError::bad_parameter(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        )
    })?;
    if (end - start).as_millis() as u64 / step > MAX_POINTS as u64 {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. \
             Try decreasing the query resolution (?step=XX)",
        ));
    }
    answer(&api, &params, Steps::Range { range, step }, limit).await
}

async fn answer(api: &Api, params: &Params, steps: Steps, limit: Option<usize>) -> Answered {
    let timeout = params.duration("timeout")?;
    let lookback_delta = params.duration("lookback_delta").map_err(|error| {
        let why = error.message.rsplit_once("\": ").map_or("", |(_, why)| why);
        ApiError::bad_data(format!("error parsing lookback delta duration: {why}"))
    })?;
    let query = Query {
        text: params.get("query").to_owned(),
        steps,
        timeout: timeout.map(model::Millis::to_std),
        lookback_delta,
        per_step_stats: params.get("stats") == "all",
        completeness: Completeness::Warned,
    };
    let answer = api.engine.answer(query).await?;
    let stats = params.get("stats").to_owned();
    let n_points = n_points(&answer.value);
    let write = move || reply(answer, limit, &stats);
    // Millions of samples take their time to be written; a few take less than the way to another thread.
    Ok(match n_points <= FEW_POINTS {
        true => write(),
        false => api.engine.components.offload.run(write).await,
    })
}

/// How many points a value has, and at least one for each series.
fn n_points(value: &QueryValue) -> usize {
    match value {
        QueryValue::Vector(samples) => samples.len(),
        QueryValue::Matrix(series) => (series.iter())
            .map(|series| 1 + series.samples.len() + series.histograms.len())
            .sum(),
        QueryValue::Scalar(_) | QueryValue::String { .. } => 1,
    }
}

/// The envelope of an answer that is cut to `limit`; `stats` is the parameter that asks for costs.
fn reply(answer: Answer, limit: Option<usize>, stats: &str) -> Reply {
    let Answer {
        mut value,
        mut warnings,
        infos,
        costs,
    } = answer;
    let limit = limit.unwrap_or(usize::MAX);
    let n_series = match &mut value {
        QueryValue::Vector(samples) => shorten(samples, limit),
        QueryValue::Matrix(series) => shorten(series, limit),
        QueryValue::Scalar(_) | QueryValue::String { .. } => 1,
    };
    if n_series > limit {
        warnings.push(TRUNCATED.to_owned());
    }
    if !["", "true", "all"].contains(&stats) {
        warnings.push(format!(
            "value {} for parameter \"stats\" is deprecated and will be rejected in the next major release, \
             use \"true\" or \"all\"",
            promql::quote::quote(stats)
        ));
    }
    let costs = (!stats.is_empty()).then_some(costs);
    Reply::of(|json| write_value(json, &value, costs.as_ref()))
        .with_warnings(warnings)
        .with_infos(infos)
}

/// Cuts `items` to `limit`; gives how many there were.
fn shorten<T>(items: &mut Vec<T>, limit: usize) -> usize {
    let n_items = items.len();
    items.truncate(limit);
    n_items
}

fn write_value(json: &mut Json, value: &QueryValue, costs: Option<&Costs>) {
    json.object(|fields| {
        fields.string("resultType", value.value_type().as_str());
        let result = fields.key("result");
        match value {
            QueryValue::Scalar(sample) => result.sample(sample.at, sample.value),
            QueryValue::String { at, text } => {
                result.raw("[");
                result.time(*at);
                result.raw(",");
                result.string(text);
                result.raw("]");
            }
            QueryValue::Vector(samples) => result.array(samples, write_sample),
            QueryValue::Matrix(series) => result.array(series, write_series),
        }
        if let Some(costs) = costs {
            fields
                .key("stats")
                .object(|fields| write_costs(fields, costs));
        }
    });
}

/// Costs under the names of Prometheus' phases.
fn write_costs(fields: &mut Fields<'_>, costs: &Costs) {
    let [queued, fetching, evaluating] =
        [costs.queued, costs.fetching, costs.evaluating].map(|span| span.as_secs_f64());
    fields.key("timings").object(|fields| {
        fields
            .number("evalTotalTime", fetching + evaluating)
            .number("resultSortTime", 0.0)
            .number("queryPreparationTime", fetching)
            .number("innerEvalTime", evaluating)
            .number("execQueueTime", queued)
            .number("execTotalTime", queued + fetching + evaluating);
    });
    fields.key("samples").object(|fields| {
        let samples = &costs.samples;
        if !samples.by_step.is_empty() {
            let steps = fields.key("totalQueryableSamplesPerStep");
            steps.array(costs.steps.iter().zip(&samples.by_step), |json, (at, n)| {
                json.raw("[");
                json.number(at.as_seconds());
                json.raw(",");
                json.integer(count(*n));
                json.raw("]");
            });
        }
        fields
            .integer("totalQueryableSamples", count(samples.total))
            .integer("peakSamples", count(samples.peak as u64));
    });
}

/// A count as JSON has it.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn write_sample(json: &mut Json, sample: &VectorSample) {
    json.object(|fields| {
        fields.labels("metric", &sample.labels);
        match &sample.value {
            Value::Float(value) => fields.key("value").sample(sample.at, *value),
            Value::Histogram(histogram) => fields.key("histogram").histogram(sample.at, histogram),
        }
    });
}

fn write_series(json: &mut Json, series: &Series) {
    json.object(|fields| {
        fields.labels("metric", &series.labels);
        if !series.samples.is_empty() {
            fields.key("values").array(&series.samples, |json, sample| {
                json.sample(sample.at, sample.value);
            });
        }
        if !series.histograms.is_empty() {
            let histograms = fields.key("histograms");
            histograms.array(&series.histograms, |json, sample| {
                json.histogram(sample.at, &sample.histogram);
            });
        }
    });
}

/// `/api/v1/format_query`
pub(super) async fn format(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let expr = promql::parse_with(params.get("query"), api.settings.query.language);
    let expr = expr.map_err(|error| ApiError::bad_parameter("query", error))?;
    Ok(Reply::of(|json| json.string(&expr.pretty())))
}
