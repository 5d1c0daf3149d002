//! The ingester's flags, each with an environment variable beside it.
use std::{path::PathBuf, time::Duration};

use config::parse_bytes;
use model::{Millis, parse_duration};
use proto::v1::Role;
use runtime::{Feature, FeatureArgs, MemberArgs};

use crate::{Limits, Settings};

/// Flags of the role `ingester`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Who it is, where it listens, and whom it follows.
    #[command(flatten)]
    pub member: MemberArgs,
    /// Where data is kept.
    #[arg(long = "data-dir", env = "PLEIADES_DATA_DIR", default_value = "data")]
    pub data_dir: PathBuf,
    /// How long samples are kept; 0 keeps them for ever.
    #[arg(long = "storage.tsdb.retention.time", env = "PLEIADES_STORAGE_TSDB_RETENTION_TIME", default_value = "15d", value_parser = duration)]
    pub retention_time: Millis,
    /// How many bytes samples may take, as 512MB; 0 sets no limit.
    #[arg(long = "storage.tsdb.retention.size", env = "PLEIADES_STORAGE_TSDB_RETENTION_SIZE", default_value = "0", value_parser = size)]
    pub retention_size: u64,
    /// How often scraped samples are made to survive a crash of the machine; 0s: each row at once, as pushed samples always are.
    #[arg(long = "storage.sync-interval", env = "PLEIADES_STORAGE_SYNC_INTERVAL", default_value = "1s", value_parser = duration)]
    pub sync_interval: Millis,
    /// Pages of this size or more are refused, also where a job sets no body_size_limit or a higher one.
    #[arg(long = "scrape.max-body-size", env = "PLEIADES_SCRAPE_MAX_BODY_SIZE", default_value = "256MB", value_parser = size)]
    pub max_body_size: u64,
    /// What new series are refused by.
    #[command(flatten)]
    pub limits: Limits,
    /// What is not stable yet.
    #[command(flatten)]
    pub features: FeatureArgs,
}

fn duration(text: &str) -> Result<Millis, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

fn size(text: &str) -> Result<u64, String> {
    let bytes = parse_bytes(text)?;
    u64::try_from(bytes.0).map_err(|_| "a size is not negative".to_owned())
}

impl From<Args> for Settings {
    fn from(args: Args) -> Self {
        Self {
            identity: args.member.identity(Role::Ingester),
            discoverers: args.member.discoverers,
            web_listen_address: args.member.web_listen_address,
            grpc_listen_address: args.member.grpc_listen_address,
            retention: Some(args.retention_time).filter(|time| *time > Millis::ZERO),
            retention_bytes: Some(args.retention_size).filter(|size| *size > 0),
            sync_interval: args.sync_interval.to_std(),
            max_body_size: args.max_body_size,
            limits: args.limits,
            exemplar_storage: args.features.has(Feature::ExemplarStorage),
            start_storage: args.features.has(Feature::StStorage),
            metadata_labels: args.features.has(Feature::TypeAndUnitLabels),
            snapshots: args.data_dir.join("snapshots"),
            snapshot_part: "",
            grace: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn flags_become_settings() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
        let line = "ingester --id ingester-0 --discoverers a:1,b:1 --storage.tsdb.retention.size 1GB --storage.tsdb.retention.time 0s";
        let settings = Settings::from(Cli::parse_from(line.split(' ')).args);
        assert_eq!(settings.discoverers, ["a:1", "b:1"]);
        assert_eq!(settings.identity.grpc, "0.0.0.0:9095");
        assert_eq!(settings.retention, None);
        assert_eq!(settings.retention_bytes, Some(1 << 30));
        assert_eq!(settings.sync_interval, Duration::from_secs(1));
    }
}
