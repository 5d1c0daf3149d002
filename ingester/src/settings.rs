//! What an operator may set.
use std::{path::PathBuf, time::Duration};

use model::Millis;
use runtime::Identity;

use crate::Limits;

/// The settings of one ingester.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name, and where others reach it; a port 0 stands for the one that is listened on.
    pub identity: Identity,
    /// `host:port` of the discoverers' gRPC listeners.
    pub discoverers: Vec<String>,
    /// Where HTTP is served.
    pub web_listen_address: String,
    /// Where gRPC is served.
    pub grpc_listen_address: String,
    /// How long samples are kept; none: for ever.
    pub retention: Option<Millis>,
    /// How many bytes samples may take; none: any number.
    pub retention_bytes: Option<u64>,
    /// How often rows are made durable; zero: each at once.
    pub sync_interval: Duration,
    /// Pages of so many bytes or more are refused whatever their job says.
    pub max_body_size: u64,
    /// What new series are refused by.
    pub limits: Limits,
    /// Whether exemplars are stored.
    pub exemplar_storage: bool,
    /// Whether since when scraped samples count is stored.
    pub start_storage: bool,
    /// Whether scraped series have their types and units as labels.
    pub metadata_labels: bool,
    /// Where snapshots are made: in `<snapshots>/<name>/<snapshot_part>`.
    pub snapshots: PathBuf,
    /// The folder of this store within a snapshot; empty if the snapshot is the store.
    pub snapshot_part: &'static str,
    /// How long its tasks may take to end.
    pub grace: Duration,
}
