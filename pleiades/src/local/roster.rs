//! `cluster.json`: who belongs to a local cluster, where each is reached, and how it is.
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// How a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Its process runs but is not ready yet.
    Starting,
    /// Its process runs and was ready.
    Running,
    /// Its process is frozen.
    Paused,
    /// Its process has ended.
    Down,
}

/// One member, a line of `cluster.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    /// discoverer, ingester, querier or ruler.
    pub(super) role: String,
    /// Role and number: ingester-0.
    pub(super) id: String,
    /// Its process; the last one if it is down, 0 if it never ran.
    pub(super) pid: u32,
    /// `host:port` of its HTTP listener; kept over restarts.
    pub(super) http: String,
    /// `host:port` of its gRPC listener; kept over restarts.
    pub(super) grpc: String,
    /// How it is.
    pub(super) state: State,
}

/// All members, in the order in which they are started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Roster {
    /// The members.
    pub(super) members: Vec<Member>,
}

impl Roster {
    /// Where the roster of the cluster in `data_dir` stands.
    pub(super) fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("cluster.json")
    }

    /// Reads the roster of the cluster in `data_dir`.
    pub(super) fn read(data_dir: &Path) -> anyhow::Result<Self> {
        let path = Self::path(data_dir);
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "read {}: is this a cluster's data directory?",
                path.display()
            )
        })?;
        serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
    }

    /// Replaces the roster on disk; a reader sees the old one or the new one, never a part.
    pub(super) fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self).context("write the roster as JSON")?;
        replace(&Self::path(data_dir), &text)
    }

    /// The member named `id`.
    pub(super) fn get(&self, id: &str) -> anyhow::Result<&Member> {
        let found = self.members.iter().find(|member| member.id == id);
        found.with_context(|| {
            let known: Vec<&str> = self.members.iter().map(|m| m.id.as_str()).collect();
            format!("there is no member {id:?}; there are {}", known.join(", "))
        })
    }

    /// The members of `role`.
    pub(super) fn of_role<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'a Member> {
        self.members
            .iter()
            .filter(move |member| member.role == role)
    }

    /// The gRPC addresses of the discoverers, as `--discoverers` wants them.
    pub(super) fn discoverers(&self) -> Vec<String> {
        self.of_role("discoverer").map(|m| m.grpc.clone()).collect()
    }

    /// The members as a table for people.
    pub(super) fn table(&self) -> String {
        let mut table = format!(
            "{:<14} {:<9} {:>8}  {:<21} {:<21}",
            "ID", "STATE", "PID", "HTTP", "GRPC"
        );
        for m in &self.members {
            let state = format!("{:?}", m.state).to_lowercase();
            table.push_str(&format!(
                "\n{:<14} {state:<9} {:>8}  {:<21} {:<21}",
                m.id, m.pid, m.http, m.grpc
            ));
        }
        table
    }
}

/// Replaces a file whole.
pub(super) fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text).with_context(|| format!("write {}", new.display()))?;
    fs::rename(&new, path).with_context(|| format!("replace {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_a_list_of_members() {
        let roster = Roster {
            members: vec![Member {
                role: "ingester".to_owned(),
                id: "ingester-0".to_owned(),
                pid: 7,
                http: "127.0.0.1:1".to_owned(),
                grpc: "127.0.0.1:2".to_owned(),
                state: State::Running,
            }],
        };
        let text = serde_json::to_string(&roster).unwrap();
        expect_test::expect![[r#"[{"role":"ingester","id":"ingester-0","pid":7,"http":"127.0.0.1:1","grpc":"127.0.0.1:2","state":"running"}]"#]]
            .assert_eq(&text);
        assert_eq!(serde_json::from_str::<Roster>(&text).unwrap(), roster);
    }
}
