//! `pleiades ring`: members, their states, and their shares of shards, targets and series.
use clap::Args;
use hashring::ShardMap;
use model::Shard;
use proto::v1;
use runtime::{Components, Discoverers};
use serde_json::{Value, json};

/// Which cluster, and how to print it.
#[derive(Debug, Args)]
pub(crate) struct Ring {
    /// The discoverers' gRPC addresses.
    #[arg(
        long,
        env = "PLEIADES_DISCOVERERS",
        value_delimiter = ',',
        required = true
    )]
    discoverers: Vec<String>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Also print the nodes that hold each shard, by rank: one list for each shard, in order.
    #[arg(long, requires = "json")]
    shards: bool,
}

/// Prints the ring.
pub(crate) async fn run(args: Ring) -> anyhow::Result<()> {
    let discoverers = Discoverers::new(args.discoverers, Components::system().channels);
    let state = state(&discoverers)
        .await
        .map_err(|status| anyhow::anyhow!("{}", status.message()))?;
    let map = match state.maps.last() {
        Some(map) => ShardMap::decode(&map.map)?,
        None => ShardMap::empty(),
    };
    let rows = rows(&state, &map);
    match args.json {
        true => {
            let mut ring = as_json(&state, &rows);
            if args.shards {
                ring["shards"] = shards(&map);
            }
            crate::print(&ring.to_string());
        }
        false => crate::print(&as_table(&state, &rows)),
    }
    Ok(())
}

/// The leader's state of the cluster now.
pub(crate) async fn state(discoverers: &Discoverers) -> Result<v1::ClusterState, tonic::Status> {
    let first = |mut client: runtime::DiscovererClient| async move {
        let request = v1::WatchRequest { leader_only: true };
        let mut states = client.watch(request).await?.into_inner();
        let state = states.message().await?;
        state.ok_or_else(|| tonic::Status::unavailable("the stream ended"))
    };
    discoverers.on_leader(first).await
}

struct Row<'a> {
    member: &'a v1::Member,
    n_shards: usize,
    load: v1::MemberLoad,
}

fn rows<'a>(state: &'a v1::ClusterState, map: &ShardMap) -> Vec<Row<'a>> {
    let shards = map.n_shards();
    let row = |member| {
        let member: &v1::Member = member;
        let of_member = shards.iter().find(|(node, _)| node.0 == member.node);
        Row {
            member,
            n_shards: of_member.map_or(0, |(_, n)| *n),
            load: state
                .loads
                .iter()
                .find(|load| load.node == member.node)
                .cloned()
                .unwrap_or_default(),
        }
    };
    state.members.iter().map(row).collect()
}

/// For each shard the nodes that take its rows, homes first.
fn shards(map: &ShardMap) -> Value {
    let nodes = |shard| map.replicas(shard).map(|node| node.0).collect::<Vec<u32>>();
    match map.members() {
        [] => json!([]),
        _ => Shard::all().map(nodes).collect(),
    }
}

fn name(text: &str) -> String {
    text.rsplit('_').next().unwrap_or_default().to_lowercase()
}

fn as_json(state: &v1::ClusterState, rows: &[Row<'_>]) -> Value {
    let member = |row: &Row<'_>| {
        json!({
            "node": row.member.node,
            "id": row.member.id,
            "role": name(row.member.role().as_str_name()),
            "state": name(row.member.state().as_str_name()),
            "http": row.member.http,
            "grpc": row.member.grpc,
            "zone": row.member.zone,
            "leader": row.member.id == state.leader,
            "shards": row.n_shards,
            "targets": row.load.n_targets,
            "series": row.load.n_series,
        })
    };
    let members: Vec<_> = rows.iter().map(member).collect();
    json!({
        "epoch": state.epoch,
        "replicationFactor": state.replication_factor,
        "leader": state.leader,
        "members": members,
    })
}

fn as_table(state: &v1::ClusterState, rows: &[Row<'_>]) -> String {
    let total: usize = rows.iter().map(|row| row.n_shards).sum();
    let mut table = format!(
        "epoch {}, replication factor {}, leader {}\n\n{:<5} {:<14} {:<11} {:<10} {:<10} {:>7} {:>9} {:>9}  {}",
        state.epoch,
        state.replication_factor,
        if state.leader.is_empty() {
            "none"
        } else {
            &state.leader
        },
        "NODE",
        "ID",
        "ROLE",
        "STATE",
        "ZONE",
        "SHARE",
        "TARGETS",
        "SERIES",
        "ADDRESS"
    );
    for row in rows {
        let share = match row.n_shards {
            0 => "-".to_owned(),
            n => format!("{:.1} %", 100.0 * n as f64 / total as f64),
        };
        table.push_str(&format!(
            "\n{:<5} {:<14} {:<11} {:<10} {:<10} {share:>7} {:>9} {:>9}  {}",
            row.member.node,
            row.member.id,
            name(row.member.role().as_str_name()),
            name(row.member.state().as_str_name()),
            if row.member.zone.is_empty() {
                "-"
            } else {
                &row.member.zone
            },
            row.load.n_targets,
            row.load.n_series,
            row.member.http
        ));
    }
    table
}
