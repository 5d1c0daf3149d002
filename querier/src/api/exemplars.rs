//! `/query_exemplars`: examples of what the series of an expression counted.
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use axum::extract::State;
use model::{Exemplar, Labels, Matcher, TimeRange, Timestamp};
use promql::ast::{Expr, Node};
use proto::v1;

use super::{Answered, Api, ApiError, Params, Reply};
use crate::fanout::{AskError, Ingester};

/// `/api/v1/query_exemplars`
pub(super) async fn query(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let start = params.time_or("start", Timestamp::MIN)?;
    let end = params.time_or("end", Timestamp::MAX)?;
    let range = TimeRange::new(start, end)
        .map_err(|_| ApiError::bad_data("end timestamp must not be before start timestamp"))?;
    let expr = promql::parse_with(params.get("query"), api.settings.query.language)
        .map_err(|error| ApiError::bad_data(error.to_string()))?;
    let mut selectors = Vec::new();
    walk(&expr, &mut |matchers| selectors.push(matchers.into()));
    if selectors.is_empty() {
        return Ok(Reply::of(|json| json.raw("[]")));
    }
    let request = v1::ExemplarsRequest {
        selectors,
        range: Some(range.into()),
    };
    let ask = |mut ingester: Ingester| {
        let request = request.clone();
        async move {
            let answer = ingester.exemplars(request).await?;
            Ok::<_, AskError>(answer.into_inner().series)
        }
    };
    let asked = api.ask(range, ask).await?;
    let warning = asked.warning();
    let found = merged(asked.answers.into_iter().flat_map(|(_, series)| series));
    let reply = Reply::of(|json| {
        json.array(&found, |json, (labels, exemplars)| {
            json.object(|fields| {
                fields.labels("seriesLabels", labels);
                fields.key("exemplars").array(exemplars, |json, exemplar| {
                    json.object(|fields| {
                        fields.labels("labels", &exemplar.labels);
                        fields.key("value").value(exemplar.value);
                        fields.key("timestamp").time(exemplar.at);
                    });
                });
            });
        });
    });
    Ok(reply.with_warnings(warning))
}

/// The exemplars of replicas, each once: by series, oldest first.
fn merged(
    answers: impl IntoIterator<Item = v1::SeriesExemplars>,
) -> BTreeMap<Labels, Vec<Exemplar>> {
    let mut all: BTreeMap<Labels, Vec<Exemplar>> = BTreeMap::new();
    for series in answers {
        let labels = series.labels.as_ref().map(Labels::from).unwrap_or_default();
        let exemplars = series.exemplars.iter().map(Exemplar::from);
        all.entry(labels).or_default().extend(exemplars);
    }
    for exemplars in all.values_mut() {
        let mut seen = HashSet::new();
        exemplars.retain(|e| seen.insert((e.at, e.value.to_bits(), e.labels.clone())));
        // Of one time the smaller value was first, as in Prometheus.
        exemplars.sort_by(|a, b| {
            let by_value = a.value.total_cmp(&b.value);
            a.at.cmp(&b.at)
                .then(by_value)
                .then_with(|| a.labels.cmp(&b.labels))
        });
    }
    all
}

/// Shows the matchers of every selector in `expr` to `each`.
fn walk(expr: &Expr, each: &mut impl FnMut(&[Matcher])) {
    match &expr.node {
        Node::Number(_) | Node::Duration(_) | Node::String(_) => {}
        Node::VectorSelector(selector) => each(&selector.matchers),
        Node::MatrixSelector(matrix) => each(&matrix.selector.matchers),
        Node::Subquery(subquery) => walk(&subquery.expr, each),
        Node::Call(call) => call.args.iter().for_each(|arg| walk(arg, each)),
        Node::Aggregate(aggregate) => {
            if let Some(param) = &aggregate.param {
                walk(param, each);
            }
            walk(&aggregate.expr, each);
        }
        Node::Binary(binary) => {
            walk(&binary.lhs, each);
            walk(&binary.rhs, each);
        }
        Node::Unary(unary) => walk(&unary.expr, each),
        Node::Paren(inner) => walk(inner, each),
    }
}
