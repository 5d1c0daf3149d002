//! Queries go through the queriers' own path, to whichever answers.
use model::{Timestamp, Value};
use proto::{
    MAX_MESSAGE_BYTES,
    v1::{self, querier_client::QuerierClient},
};
use runtime::{Channels, Cluster};
use tonic::Code;

use crate::result::RuleResult;

/// Runs `expr` at `at` on a querier; the answer lacks nothing, or there is none.
///
/// # Errors
/// What the querier said of the query, or why none could answer.
pub(crate) async fn instant(
    expr: &str,
    at: Timestamp,
    cluster: &Cluster,
    channels: &Channels,
) -> Result<RuleResult, String> {
    let mut queriers: Vec<&v1::Member> = cluster.members_of(v1::Role::Querier).collect();
    queriers.sort_by_key(|m| m.state() != v1::MemberState::Active);
    let mut last = "no querier is known".to_owned();
    for querier in queriers {
        let request = v1::InstantRequest {
            query: expr.to_owned(),
            time_millis: at.as_millis(),
            complete: true,
        };
        let channel = channels
            .to(&querier.grpc)
            .map_err(|e| e.message().to_owned())?;
        let mut client = QuerierClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        match client.instant(request).await {
            Ok(answer) => return samples(answer.into_inner()),
            // The query itself is at fault: the next querier would say the same.
            Err(status) if matches!(status.code(), Code::InvalidArgument | Code::Aborted) => {
                return Err(status.message().to_owned());
            }
            Err(status) => last = format!("{}: {}", querier.id, status.message()),
        }
    }
    Err(last)
}

fn samples(answer: v1::InstantResponse) -> Result<RuleResult, String> {
    let sample = |sample: v1::InstantSample| {
        let labels = sample.labels.as_ref().map(Into::into).unwrap_or_default();
        let at = Timestamp::from_millis(sample.time_millis);
        let value = match &sample.histogram {
            None => Value::Float(sample.value),
            Some(sent) => {
                let histogram = proto::histogram(sent, sample.value);
                Value::Histogram(histogram.map_err(|e| e.to_string())?.into())
            }
        };
        Ok((labels, at, value))
    };
    answer.samples.into_iter().map(sample).collect()
}
