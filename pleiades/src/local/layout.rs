//! How a local cluster is laid out: members, ports, command lines, and the configuration by which it scrapes itself.
use std::{
    io,
    net::TcpListener,
    path::{Path, PathBuf},
};

use runtime::TelemetryArgs;
use serde_json::json;

use super::roster::{Member, Roster, State};

/// How many members of each role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) discoverers: usize,
    pub(super) ingesters: usize,
    pub(super) queriers: usize,
    pub(super) rulers: usize,
}

impl Counts {
    /// Role and number of members, in the order in which they are started.
    fn roles(self) -> [(&'static str, usize); 4] {
        [
            ("discoverer", self.discoverers),
            ("ingester", self.ingesters),
            ("querier", self.queriers),
            ("ruler", self.rulers),
        ]
    }
}

/// The roster for `counts`: members of `before` stay as they are, new ones are down and get free ports.
///
/// The first querier listens on `web`.
pub(super) fn roster(counts: Counts, web: &str, before: &Roster) -> io::Result<Roster> {
    let mut members = Vec::new();
    // Ports are held until all are given, so that none is given twice.
    let mut held = Vec::new();
    for (role, count) in counts.roles() {
        for number in 0..count {
            let id = format!("{role}-{number}");
            let known = before.members.iter().find(|member| member.id == id);
            let mut member = match known {
                Some(known) => known.clone(),
                None => Member {
                    role: role.to_owned(),
                    http: free_address(&mut held)?,
                    grpc: free_address(&mut held)?,
                    pid: 0,
                    state: State::Down,
                    id,
                },
            };
            if role == "querier" && number == 0 {
                web.clone_into(&mut member.http);
            }
            members.push(member);
        }
    }
    Ok(Roster { members })
}

fn free_address(held: &mut Vec<TcpListener>) -> io::Result<String> {
    let listener = runtime::free_listener()?;
    let address = listener.local_addr()?.to_string();
    held.push(listener);
    Ok(address)
}

/// What all members of a cluster share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) data_dir: PathBuf,
    pub(super) config_file: PathBuf,
    pub(super) replication_factor: u8,
    pub(super) telemetry: TelemetryArgs,
    /// Flags passed on to every discoverer as they are.
    pub(super) discoverer_args: Vec<String>,
    /// Flags passed on to every ingester as they are.
    pub(super) ingester_args: Vec<String>,
    /// Flags passed on to every querier as they are.
    pub(super) querier_args: Vec<String>,
}

/// The command line of `member`, without the program's name.
pub(super) fn command_line(shared: &Shared, roster: &Roster, member: &Member) -> Vec<String> {
    let mut args = vec![member.role.clone()];
    let mut flag = |name: &str, value: String| args.push(format!("--{name}={value}"));
    flag("id", member.id.clone());
    flag("web.listen-address", member.http.clone());
    flag("grpc.listen-address", member.grpc.clone());
    if matches!(member.role.as_str(), "discoverer" | "ingester") {
        let dir = shared.data_dir.join(&member.id);
        flag("data-dir", dir.display().to_string());
    }
    if member.role == "discoverer" {
        let peers: Vec<String> = roster
            .of_role("discoverer")
            .map(|peer| format!("{}={}", peer.id, peer.grpc))
            .collect();
        flag("raft.peers", peers.join(","));
        flag("config.file", shared.config_file.display().to_string());
        flag("replication-factor", shared.replication_factor.to_string());
    } else {
        flag("discoverers", roster.discoverers().join(","));
    }
    args.extend(shared.telemetry.command_line());
    match member.role.as_str() {
        "discoverer" => args.extend(shared.discoverer_args.iter().cloned()),
        "ingester" => args.extend(shared.ingester_args.iter().cloned()),
        "querier" => args.extend(shared.querier_args.iter().cloned()),
        _ => {}
    }
    args
}

/// The members' /metrics as a file for `file_sd_configs`; each role is a job.
pub(super) fn members_file_sd(roster: &Roster) -> String {
    let group = |member: &Member| {
        json!({
            "targets": [member.http],
            "labels": { "job": member.role, "member": member.id },
        })
    };
    let groups: Vec<_> = roster.members.iter().map(group).collect();
    serde_json::to_string_pretty(&groups).expect("a JSON value can be written")
}

/// Where the file of [`members_file_sd`] stands.
pub(super) fn members_path(data_dir: &Path) -> PathBuf {
    data_dir.join("members.json")
}

/// The configuration of a cluster that was given none: it scrapes itself and, if told so, a node exporter.
pub(super) fn default_config(data_dir: &Path, node_exporter: bool) -> String {
    let members = members_path(data_dir);
    let mut text = format!(
        "# Written by `pleiades local up`, which was given no --config.file.\n\
         global:\n  scrape_interval: 5s\n  scrape_timeout: 5s\n  evaluation_interval: 5s\n\
         scrape_configs:\n  - job_name: pleiades\n    file_sd_configs:\n      - files: [{:?}]\n",
        members.display().to_string()
    );
    if node_exporter {
        text.push_str(
            "  - job_name: node\n    static_configs:\n      - targets: [\"127.0.0.1:9100\"]\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use runtime::Format;

    use super::*;

    const COUNTS: Counts = Counts {
        discoverers: 1,
        ingesters: 2,
        queriers: 1,
        rulers: 1,
    };

    #[test]
    fn members_keep_their_addresses_when_the_cluster_grows() {
        let before = roster(COUNTS, "127.0.0.1:9090", &Roster::default()).unwrap();
        let more = Counts {
            ingesters: 3,
            ..COUNTS
        };
        let after = roster(more, "127.0.0.1:9090", &before).unwrap();
        for member in &before.members {
            assert_eq!(after.get(&member.id).unwrap(), member);
        }
        assert_eq!(after.members.len(), before.members.len() + 1);
        assert_eq!(after.get("querier-0").unwrap().http, "127.0.0.1:9090");
    }

    #[test]
    fn only_discoverers_know_the_configuration() {
        let roster = roster(COUNTS, "127.0.0.1:9090", &Roster::default()).unwrap();
        let shared = Shared {
            data_dir: "d".into(),
            config_file: "c.yml".into(),
            replication_factor: 2,
            telemetry: TelemetryArgs {
                log_level: "info".to_owned(),
                log_format: Format::Json,
                otlp_endpoint: Some("http://localhost:4317".to_owned()),
            },
            discoverer_args: Vec::new(),
            ingester_args: vec!["--storage.sync-interval=0s".to_owned()],
            querier_args: Vec::new(),
        };
        for member in &roster.members {
            let line = command_line(&shared, &roster, member);
            let has = |flag: &str| line.iter().any(|arg| arg.starts_with(flag));
            assert_eq!(has("--config.file"), member.role == "discoverer");
            assert_eq!(has("--discoverers"), member.role != "discoverer");
            assert_eq!(has("--storage"), member.role == "ingester");
        }
    }
}
