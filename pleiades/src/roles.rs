//! The roles, each as a process of its own.
use runtime::Components;
use tokio_util::sync::CancellationToken;

use crate::{
    data_dir::{DataDir, Kind},
    shutdown,
};

/// Runs a discoverer until SIGTERM.
pub(crate) async fn discoverer(args: discoverer::Args) -> anyhow::Result<()> {
    let data = DataDir::new("--data-dir", &args.data_dir);
    let store = data.open(Kind::Discoverer)?;
    let ended = discoverer::run(args.into(), Components::system(), store, until_signal()).await;
    Ok(ended?)
}

/// Runs an ingester until SIGTERM.
pub(crate) async fn ingester(args: ingester::Args) -> anyhow::Result<()> {
    let data = DataDir::new("--data-dir", &args.data_dir);
    let store = data.open(Kind::Ingester)?;
    let ended = ingester::run(args.into(), Components::system(), store, until_signal()).await;
    ended.map_err(|error| data.named(error))
}

/// Runs a querier until SIGTERM.
pub(crate) async fn querier(args: querier::Args) -> anyhow::Result<()> {
    querier::run(args.into(), Components::system(), until_signal()).await?;
    Ok(())
}

/// Runs a ruler until SIGTERM.
pub(crate) async fn ruler(args: ruler::Args) -> anyhow::Result<()> {
    ruler::run(args.into(), Components::system(), until_signal()).await?;
    Ok(())
}

/// A token that SIGTERM or Ctrl-C cancels.
pub(crate) fn until_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    tokio::spawn(shutdown::on_signal(stop.clone()));
    stop
}
