//! When a cluster has settled after a change of its ingesters.
use std::{collections::BTreeSet, time::Duration};

use anyhow::bail;
use hashring::ShardMap;
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
    let placed: BTreeSet<u32> = map
        .iter()
        .flat_map(|map| map.members())
        .map(|node| node.0)
        .collect();
    if placed != active {
        return Ok(Some(format!(
            "{} of {ingesters} ingesters are placed",
            placed.len()
        )));
    }
    let discovered = discoverers
        .on_leader(|mut client| async move {
            client
                .discovered_targets(v1::DiscoveredTargetsRequest {})
                .await
        })
        .await?;
    let copies = (state.replication_factor as usize).min(ingesters) as u64;
    let wanted = discovered.into_inner().active.len() as u64 * copies;
    let scraped: u64 = state
        .loads
        .iter()
        .filter(|load| active.contains(&load.node))
        .map(|load| load.n_targets)
        .sum();
    Ok((scraped != wanted).then(|| format!("{scraped} of {wanted} copies of targets are scraped")))
}
