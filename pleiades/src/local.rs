//! `pleiades local`: a whole cluster of real processes on loopback, for trying and for testing.
//!
//! `up` starts the members and stays in the foreground; the other commands reach it through a socket in its data
//! directory. What it knows of its members stands in `cluster.json` at all times.

mod control;
mod layout;
mod processes;
mod ready;
mod roster;
mod settle;
mod supervisor;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use control::Request;
use runtime::TelemetryArgs;

/// The commands on a local cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a cluster and stay in the foreground; SIGTERM or Ctrl-C ends it in order.
    Up(supervisor::Up),
    /// Show the members.
    Status(DataDir),
    /// End a member at once (SIGKILL).
    Kill(Member),
    /// End a member in order (SIGTERM).
    Stop(Member),
    /// Freeze a member (SIGSTOP).
    Pause(Member),
    /// Let a paused member go on (SIGCONT).
    Resume(Member),
    /// Start a member that is down, on its old data.
    Start(Member),
    /// Change the number of ingesters; returns when the cluster has settled.
    Scale(Scale),
}

/// Which cluster.
#[derive(Debug, Args)]
pub(crate) struct DataDir {
    /// The directory that `local up` was given.
    #[arg(long, default_value = "data")]
    data_dir: PathBuf,
}

/// Which member of which cluster.
#[derive(Debug, Args)]
pub(crate) struct Member {
    /// The member, as `status` names it: ingester-0.
    id: String,
    #[command(flatten)]
    cluster: DataDir,
}

/// How many ingesters there shall be.
#[derive(Debug, Args)]
pub(crate) struct Scale {
    /// The number of ingesters.
    #[arg(long)]
    ingesters: usize,
    #[command(flatten)]
    cluster: DataDir,
}

/// Runs one command; members of a cluster log and trace as `telemetry` says.
pub(crate) async fn run(command: Command, telemetry: &TelemetryArgs) -> anyhow::Result<()> {
    let (cluster, request) = match command {
        Command::Up(up) => return supervisor::run(up, telemetry).await,
        Command::Status(cluster) => return status(&cluster),
        Command::Kill(member) => (member.cluster, Request::Kill { id: member.id }),
        Command::Stop(member) => (member.cluster, Request::Stop { id: member.id }),
        Command::Pause(member) => (member.cluster, Request::Pause { id: member.id }),
        Command::Resume(member) => (member.cluster, Request::Resume { id: member.id }),
        Command::Start(member) => (member.cluster, Request::Start { id: member.id }),
        Command::Scale(scale) => (
            scale.cluster,
            Request::Scale {
                ingesters: scale.ingesters,
            },
        ),
    };
    let done = control::ask(&cluster.data_dir, &request).await?;
    crate::print(&done);
    Ok(())
}

/// The gRPC addresses of the discoverers of the cluster in `data_dir`.
pub(crate) fn discoverers(data_dir: &Path) -> anyhow::Result<Vec<String>> {
    Ok(roster::Roster::read(data_dir)?.discoverers())
}

fn status(cluster: &DataDir) -> anyhow::Result<()> {
    let roster = roster::Roster::read(&cluster.data_dir)?;
    crate::print(&roster.table());
    Ok(())
}
