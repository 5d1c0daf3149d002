//! `pleiades ring`: members, their states, and their shares of shards, targets and series.
use clap::Args;
use hashring::ShardMap;
use proto::v1;
use runtime::{Components, Discoverers};
use serde_json::json;

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
}

/// Prints the ring.
pub(crate) async fn run(args: Ring) -> anyhow::Result<()> {
    let discoverers = Discoverers::new(args.discoverers, Components::system().channels);
    let state = state(&discoverers)
        .await
        .map_err(|status| anyhow::anyhow!("{}", status.message()))?;
    let rows = rows(&state)?;
    match args.json {
        true => crate::print(&as_json(&state, &rows)),
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

fn rows(state: &v1::ClusterState) -> anyhow::Result<Vec<Row<'_>>> {
    let shards = match state.maps.last() {
        Some(map) => ShardMap::decode(&map.map)?.n_shards(),
        None => Vec::new(),
    };
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
    Ok(state.members.iter().map(row).collect())
}

fn name(text: &str) -> String {
    text.rsplit('_').next().unwrap_or_default().to_lowercase()
}

fn as_json(state: &v1::ClusterState, rows: &[Row<'_>]) -> String {
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
    .to_string()
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
