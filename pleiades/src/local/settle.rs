//! When a cluster has settled after a change of its ingesters.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::bail;
use hashring::ShardMap;
use model::Target;
use proto::v1;
use runtime::{Components, Discoverers};

/// How often the leader is asked.
const POLL: Duration = Duration::from_millis(250);
/// How long a cluster may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Returns once `ingesters` of them are active and placed, and each target is scraped by all of its replicas and
/// by nobody else.
pub(super) async fn settled(addresses: Vec<String>, ingesters: usize) -> anyhow::Result<()> {
    let discoverers = Discoverers::new(addresses, Components::system().channels);
    let mut missing = String::new();
    let settling = async {
        loop {
            match missing_now(&discoverers, ingesters).await {
                Ok(None) => return,
                Ok(Some(what)) => missing = what,
                Err(status) => status.message().clone_into(&mut missing),
            }
            tokio::time::sleep(POLL).await;
        }
    };
    match tokio::time::timeout(LIMIT, settling).await {
        Ok(()) => Ok(()),
        Err(_) => bail!("not settled after {} s: {missing}", LIMIT.as_secs()),
    }
}

/// What is still missing, if anything.
async fn missing_now(
    discoverers: &Discoverers,
    ingesters: usize,
) -> Result<Option<String>, tonic::Status> {
    let state = crate::ring::state(discoverers).await?;
    let active: BTreeSet<u32> = state
        .members
        .iter()
        .filter(|m| m.role() == v1::Role::Ingester && m.state() == v1::MemberState::Active)
        .map(|m| m.node)
        .collect();
    if active.len() < ingesters {
        return Ok(Some(format!(
            "{} of {ingesters} ingesters are active",
            active.len()
        )));
    }
    let map = state
        .maps
        .last()
        .and_then(|m| ShardMap::decode(&m.map).ok());
    let Some(map) = map else {
        return Ok(Some("nothing is placed".to_owned()));
    };
    let placed: BTreeSet<u32> = map.members().iter().map(|node| node.0).collect();
    if placed != active {
        let n_placed = placed.len();
        return Ok(Some(format!(
            "{n_placed} of {ingesters} ingesters are placed"
        )));
    }
    let discovered = discoverers
        .on_leader(|mut client| async move {
            let request = v1::DiscoveredTargetsRequest {};
            client.discovered_targets(request).await
        })
        .await?;
    let wanted = wanted(&map, &discovered.into_inner().active);
    let wanted = |node: &u32| wanted.get(node).copied().unwrap_or(0);
    let scraped = |node: &u32| {
        let load = state.loads.iter().find(|load| load.node == *node);
        load.map_or(0, |load| load.n_targets)
    };
    let unsettled = active.iter().find(|node| scraped(node) != wanted(node));
    Ok(unsettled.map(|node| {
        let (scraped, wanted) = (scraped(node), wanted(node));
        format!("member {node} scrapes {scraped} targets and should scrape {wanted}")
    }))
}

/// How many of `targets` each member has a replica of.
fn wanted(map: &ShardMap, targets: &[v1::Target]) -> BTreeMap<u32, u64> {
    let mut wanted = BTreeMap::new();
    for target in targets
        .iter()
        .filter_map(|target| Target::try_from(target).ok())
    {
        for node in map.replicas(target.key().shard()) {
            *wanted.entry(node.0).or_insert(0) += 1;
        }
    }
    wanted
}
