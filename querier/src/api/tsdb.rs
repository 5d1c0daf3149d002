//! `/status/tsdb`: figures of the active series over all ingesters, each series counted once.
//!
//! Replicas hold the same series, so each ingester is asked for the shards of which it is the first that lives.
//!
//! Source: `serveTSDBStatus` in Prometheus, `web/api/v1/api.go`.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use axum::extract::State;
use model::{Distinct, NodeId, Shard, TimeRange};
use proto::{ShardSet, v1};
use runtime::Cluster;

use super::{Answered, Api, ApiError, Params, Reply};
use crate::{
    fanout::{Answers, AskError},
    json::Fields,
};

/// How long the lists are if nobody says.
const DEFAULT_LIMIT: usize = 10;
/// How long they may be.
const MAX_LIMIT: usize = 10_000;
/// How many of its largest label values an ingester tells at the least. One that no list of these holds in full is
/// shown with less than it has; it is small beside those that they begin with.
const MIN_PAIRS: usize = 1000;

/// `/api/v1/status/tsdb`
pub(super) async fn tsdb(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let limit = limit(&params)?;
    let asked = ask(&api, limit.max(MIN_PAIRS)).await?;
    let mut sum = Sum::default();
    let mut times: Option<(i64, i64)> = None;
    let warning = asked.warning();
    for (_, stats) in asked.answers {
        if stats.n_series > 0 {
            let (min, max) = times.unwrap_or((i64::MAX, i64::MIN));
            times = Some((
                min.min(stats.min_time_millis),
                max.max(stats.max_time_millis),
            ));
        }
        sum.add(stats.index.unwrap_or_default());
    }
    let (min_time, max_time) = times.unwrap_or_default();
    let values = sum.values.iter().map(|(name, set)| (name, set.count()));
    let n_pairs: u64 = values.clone().map(|(_, n)| n).sum();
    let reply = Reply::of(|json| {
        json.object(|fields| {
            fields.key("headStats").object(|fields| {
                fields
                    .integer("numSeries", sum.n_series as i64)
                    .integer("numLabelPairs", n_pairs as i64)
                    .integer("chunkCount", 0)
                    .integer("minTime", min_time)
                    .integer("maxTime", max_time);
            });
            let mut list =
                |name: &str, items: Vec<(&String, u64)>| write(fields, name, items, limit);
            list("seriesCountByMetricName", copied(&sum.metrics));
            list("labelValueCountByLabelName", values.collect());
            list("memoryInBytesByLabelName", copied(&sum.bytes));
            list("seriesCountByLabelValuePair", copied(&sum.pairs));
        });
    });
    Ok(reply.with_warnings(warning))
}

fn limit(params: &Params) -> Result<usize, ApiError> {
    match params.get("limit") {
        "" => Ok(DEFAULT_LIMIT),
        text => match text.parse::<i64>() {
            Ok(limit @ 1..) if limit > MAX_LIMIT as i64 => Err(ApiError::bad_data(format!(
                "limit must not exceed {MAX_LIMIT}"
            ))),
            Ok(limit @ 1..) => Ok(limit as usize),
            _ => Err(ApiError::bad_data("limit must be a positive number")),
        },
    }
}

/// Asks each ingester for the shards that it answers for, and the others again for those of one that fails.
async fn ask(api: &Api, n_pairs: usize) -> Result<Answers<v1::StatsResponse>, ApiError> {
    let cluster = api.engine.cluster()?;
    let now = TimeRange::at(api.engine.components.clock.now());
    let mut lost = BTreeSet::new();
    loop {
        let shares = shares(&cluster, &lost);
        let ask = |node: NodeId, mut ingester: crate::fanout::Ingester| {
            let request = v1::StatsRequest {
                shards: shares.get(&node).cloned().map_or_else(Vec::new, Vec::from),
                n_pairs: n_pairs as u32,
            };
            async move { Ok::<_, AskError>(ingester.stats(request).await?.into_inner()) }
        };
        let asked = api.ask_each(&cluster, now, ask).await?;
        let answered = |node: &NodeId| asked.answers.iter().any(|(known, _)| known == node);
        let silent: Vec<NodeId> = shares.keys().copied().filter(|n| !answered(n)).collect();
        if silent.is_empty() {
            return Ok(asked);
        }
        lost.extend(silent);
    }
}

/// Which shards each ingester answers for: those of which it is the first replica that lives and is not `lost`.
fn shares(cluster: &Cluster, lost: &BTreeSet<NodeId>) -> HashMap<NodeId, ShardSet> {
    let ingesters = cluster.members_of(v1::Role::Ingester);
    let ingesters = ingesters.filter(|m| !lost.contains(&NodeId(m.node)));
    let (well, ill): (Vec<_>, Vec<_>) =
        ingesters.partition(|m| m.state() == v1::MemberState::Active);
    let (well, ill) = (nodes(&well), nodes(&ill));
    let mut shares: HashMap<NodeId, ShardSet> = HashMap::new();
    let Some(map) = cluster.map() else {
        return shares;
    };
    for shard in Shard::all() {
        let first = |of: &BTreeSet<NodeId>| map.replicas(shard).find(|node| of.contains(node));
        if let Some(node) = first(&well).or_else(|| first(&ill)) {
            shares.entry(node).or_default().insert(shard);
        }
    }
    shares
}

fn nodes(members: &[&v1::Member]) -> BTreeSet<NodeId> {
    members.iter().map(|member| NodeId(member.node)).collect()
}

/// The figures of all shards.
#[derive(Default)]
struct Sum {
    n_series: u64,
    metrics: BTreeMap<String, u64>,
    values: BTreeMap<String, Distinct>,
    bytes: BTreeMap<String, u64>,
    pairs: BTreeMap<String, u64>,
}

impl Sum {
    fn add(&mut self, index: v1::IndexStats) {
        self.n_series += index.n_series;
        for (sums, counts) in [
            (&mut self.metrics, index.metrics),
            (&mut self.pairs, index.pairs),
        ] {
            for count in counts {
                *sums.entry(count.name).or_default() += count.n_series;
            }
        }
        for label in index.labels {
            *self.bytes.entry(label.name.clone()).or_default() += label.n_bytes;
            self.values
                .entry(label.name)
                .or_default()
                .extend(label.values);
        }
    }
}

fn copied(counts: &BTreeMap<String, u64>) -> Vec<(&String, u64)> {
    counts.iter().map(|(name, n)| (name, *n)).collect()
}

/// The greatest of `items`, most first.
fn write(fields: &mut Fields<'_>, list: &str, mut items: Vec<(&String, u64)>, limit: usize) {
    items.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
    items.truncate(limit);
    fields.key(list).array(items, |json, (name, n)| {
        json.object(|fields| {
            fields.string("name", name).integer("value", n as i64);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch_map;

    fn cluster(states: &[v1::MemberState]) -> Cluster {
        let nodes: Vec<u32> = (1..=states.len() as u32).collect();
        let member = |(node, state): (&u32, &v1::MemberState)| v1::Member {
            node: *node,
            role: v1::Role::Ingester.into(),
            state: (*state).into(),
            ..Default::default()
        };
        Cluster {
            members: nodes.iter().zip(states).map(member).collect(),
            maps: vec![epoch_map(1, 0, &nodes, 2)],
            ..Cluster::default()
        }
    }

    /// How many shards nobody answers for; each of the others has one who does.
    fn n_missing(cluster: &Cluster, lost: &[u32]) -> usize {
        let lost = lost.iter().map(|node| NodeId(*node)).collect();
        let shares = shares(cluster, &lost);
        assert!(shares.keys().all(|node| !lost.contains(node)));
        let n_answers = |shard| shares.values().filter(|s| s.contains(shard)).count();
        assert!(Shard::all().all(|shard| n_answers(shard) <= 1));
        Shard::all().filter(|shard| n_answers(*shard) == 0).count()
    }

    #[test]
    fn every_shard_has_one_who_answers_for_it() {
        use v1::MemberState::{Active, Unhealthy};
        let well = cluster(&[Active; 3]);
        assert_eq!(n_missing(&well, &[]), 0);
        assert_eq!(n_missing(&well, &[2]), 0);
        assert!(n_missing(&well, &[1, 2]) > 0);
        let ill = cluster(&[Active, Unhealthy, Active]);
        assert_eq!(n_missing(&ill, &[]), 0);
        assert!(!shares(&ill, &BTreeSet::new()).contains_key(&NodeId(2)));
        // Who is ill is asked where nobody else is left.
        assert_eq!(n_missing(&ill, &[1]), 0);
        assert_eq!(n_missing(&Cluster::default(), &[]), 65_536);
    }
}
