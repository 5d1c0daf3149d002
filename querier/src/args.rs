//! The command line of a querier.
use std::time::Duration;

use clap::Args as ClapArgs;
use model::{Millis, parse_duration};
use proto::v1::Role;
use runtime::{Feature, FeatureArgs, MemberArgs};

use crate::{QuerySettings, Settings};

/// Flags of a querier; each has an environment variable beside it.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Who it is, where it listens, and whom it follows.
    #[command(flatten)]
    pub member: MemberArgs,
    /// Answer POST /-/reload by having the leader read the configuration anew.
    #[arg(long = "web.enable-lifecycle", env = "PLEIADES_WEB_ENABLE_LIFECYCLE")]
    pub web_enable_lifecycle: bool,
    /// Take samples that others send with remote write to /api/v1/write.
    #[arg(
        long = "web.enable-remote-write-receiver",
        env = "PLEIADES_WEB_ENABLE_REMOTE_WRITE_RECEIVER"
    )]
    pub web_enable_remote_write_receiver: bool,
    /// Answer the calls under /api/v1/admin/tsdb, which delete and copy stored data.
    #[arg(long = "web.enable-admin-api", env = "PLEIADES_WEB_ENABLE_ADMIN_API")]
    pub web_enable_admin_api: bool,
    /// What a query may cost and hold.
    #[command(flatten)]
    pub query: QueryArgs,
}

/// What a query may cost and hold, under Prometheus' flags.
#[derive(Clone, Debug, ClapArgs)]
pub struct QueryArgs {
    /// The longest that a query may take before it is ended.
    #[arg(
        long = "query.timeout",
        env = "PLEIADES_QUERY_TIMEOUT",
        default_value = "2m",
        value_parser = duration
    )]
    pub query_timeout: Millis,
    /// How many samples a query may hold in memory; it fails if it would need more.
    #[arg(
        long = "query.max-samples",
        env = "PLEIADES_QUERY_MAX_SAMPLES",
        default_value_t = 50_000_000
    )]
    pub query_max_samples: usize,
    /// How long a sample counts as a series' latest value.
    #[arg(
        long = "query.lookback-delta",
        env = "PLEIADES_QUERY_LOOKBACK_DELTA",
        default_value = "5m",
        value_parser = duration
    )]
    pub query_lookback_delta: Millis,
    /// How many queries run at once; more wait.
    #[arg(
        long = "query.max-concurrency",
        env = "PLEIADES_QUERY_MAX_CONCURRENCY",
        default_value_t = 20,
        value_parser = at_least_one
    )]
    pub query_max_concurrency: usize,
    /// What is not stable yet.
    #[command(flatten)]
    pub features: FeatureArgs,
}

fn duration(text: &str) -> Result<Millis, String> {
    match parse_duration(text) {
        Ok(span) if span > Millis::ZERO => Ok(span),
        Ok(_) => Err("must be above zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be above zero".to_owned()),
        Ok(n) => Ok(n),
        Err(error) => Err(format!("{error}")),
    }
}

impl From<Args> for Settings {
    fn from(args: Args) -> Self {
        Self {
            identity: args.member.identity(Role::Querier),
            http: args.member.web_listen_address,
            grpc: args.member.grpc_listen_address,
            discoverers: args.member.discoverers,
            enable_lifecycle: args.web_enable_lifecycle,
            enable_remote_write_receiver: args.web_enable_remote_write_receiver,
            enable_admin_api: args.web_enable_admin_api,
            query: args.query.into(),
        }
    }
}

impl From<QueryArgs> for QuerySettings {
    fn from(args: QueryArgs) -> Self {
        Self {
            timeout: args.query_timeout.to_std().max(Duration::from_millis(1)),
            max_samples: args.query_max_samples,
            lookback_delta: args.query_lookback_delta,
            max_concurrency: args.query_max_concurrency,
            language: args.features.language(),
            start_timestamps: args.features.has(Feature::UseStartTimestamps),
            metadata_labels: args.features.has(Feature::TypeAndUnitLabels),
            delayed_name_removal: args.features.has(Feature::PromqlDelayedNameRemoval),
            per_step_stats: args.features.has(Feature::PromqlPerStepStats),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn the_defaults_are_those_of_prometheus() {
        Cli::command().debug_assert();
        let with = |flags: &[&str]| {
            let flags = ["querier", "--id=querier-0", "--discoverers=a:1,b:2"]
                .iter()
                .chain(flags);
            Cli::try_parse_from(flags).map(|cli| Settings::from(cli.args))
        };
        let settings = with(&[]).unwrap();
        assert_eq!(settings.discoverers, ["a:1", "b:2"]);
        assert_eq!(settings.query, QuerySettings::default());
        let refused = with(&["--query.timeout=0"]).unwrap_err();
        assert!(refused.to_string().contains("above zero"));
        let settings = with(&["--enable-feature=promql-experimental-functions"]).unwrap();
        assert!(settings.query.language.experimental_functions);
        let settings = with(&["--enable-feature=promql-per-step-stats"]).unwrap();
        assert!(settings.query.per_step_stats);
        let settings = with(&["--enable-feature=use-start-timestamps"]).unwrap();
        assert!(settings.query.start_timestamps);
    }

    #[test]
    fn a_feature_that_would_have_no_effect_is_refused_by_name() {
        let flags = [
            "querier",
            "--id=querier-0",
            "--discoverers=a:1",
            "--enable-feature=promql-per-step-stats,metadata-wal-records",
        ];
        let refused = Cli::try_parse_from(flags).unwrap_err().to_string();
        assert!(
            refused.contains("invalid value 'metadata-wal-records'"),
            "{refused}"
        );
    }
}
