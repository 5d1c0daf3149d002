//! The roles, each as a process of its own.
use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use runtime::Components;
use tokio_util::sync::CancellationToken;
use tsdb::Store;

use crate::shutdown;

/// Runs a discoverer until SIGTERM.
pub(crate) async fn discoverer(args: discoverer::Args) -> anyhow::Result<()> {
    let store = open(&args.data_dir)?;
    discoverer::run(args.into(), Components::system(), store, until_signal()).await?;
    Ok(())
}

/// Runs an ingester until SIGTERM.
pub(crate) async fn ingester(args: ingester::Args) -> anyhow::Result<()> {
    let store = open(&args.data_dir)?;
    ingester::run(args.into(), Components::system(), store, until_signal()).await?;
    Ok(())
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

/// The store in `dir`.
pub(crate) fn open(dir: &Path) -> anyhow::Result<Arc<dyn Store>> {
    let db = kv::Db::open(dir, kv::Tuning::default());
    Ok(Arc::new(db.with_context(|| {
        format!("use --data-dir {}", dir.display())
    })?))
}

/// A token that SIGTERM or Ctrl-C cancels.
pub(crate) fn until_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    tokio::spawn(shutdown::on_signal(stop.clone()));
    stop
}
