//! The command line of a querier.
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use model::{Millis, parse_duration};

use crate::{QuerySettings, Settings};

/// Flags of a querier; each has an environment variable beside it.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// The querier's name, unique among queriers.
    #[arg(long, env = "PLEIADES_ID", default_value = "querier-0")]
    pub id: String,
    /// Where the HTTP API listens.
    #[arg(
        long = "web.listen-address",
        env = "PLEIADES_WEB_LISTEN_ADDRESS",
        default_value = "0.0.0.0:9090"
    )]
    pub web_listen_address: String,
    /// Where other roles are answered.
    #[arg(
        long = "grpc.listen-address",
        env = "PLEIADES_GRPC_LISTEN_ADDRESS",
        default_value = "0.0.0.0:9095"
    )]
    pub grpc_listen_address: String,
    /// The HTTP address under which others reach this querier; without it the one it listens on.
    #[arg(long = "web.advertise-address", env = "PLEIADES_WEB_ADVERTISE_ADDRESS")]
    pub web_advertise_address: Option<String>,
    /// The gRPC address under which others reach this querier; without it the one it listens on.
    #[arg(
        long = "grpc.advertise-address",
        env = "PLEIADES_GRPC_ADVERTISE_ADDRESS"
    )]
    pub grpc_advertise_address: Option<String>,
    /// The discoverers' gRPC addresses.
    #[arg(
        long,
        env = "PLEIADES_DISCOVERERS",
        value_delimiter = ',',
        required = true
    )]
    pub discoverers: Vec<String>,
    /// Answer POST /-/reload by having the leader read the configuration anew.
    #[arg(long = "web.enable-lifecycle", env = "PLEIADES_WEB_ENABLE_LIFECYCLE")]
    pub web_enable_lifecycle: bool,
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
    /// Parts of PromQL that are not stable yet.
    #[arg(
        long = "enable-feature",
        env = "PLEIADES_ENABLE_FEATURE",
        value_delimiter = ','
    )]
    pub enable_feature: Vec<Feature>,
}

/// Features under the names that Prometheus gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Feature {
    /// Functions that may still change.
    PromqlExperimentalFunctions,
    /// Names are dropped from results rather than by each function.
    PromqlDelayedNameRemoval,
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
        let features = args.enable_feature;
        let has = |feature| features.contains(&feature);
        Self {
            id: args.id,
            http: args.web_listen_address,
            grpc: args.grpc_listen_address,
            advertised_http: args.web_advertise_address,
            advertised_grpc: args.grpc_advertise_address,
            discoverers: args.discoverers,
            enable_lifecycle: args.web_enable_lifecycle,
            query: QuerySettings {
                timeout: args.query_timeout.to_std().max(Duration::from_millis(1)),
                max_samples: args.query_max_samples,
                lookback_delta: args.query_lookback_delta,
                max_concurrency: args.query_max_concurrency,
                experimental_functions: has(Feature::PromqlExperimentalFunctions),
                delayed_name_removal: has(Feature::PromqlDelayedNameRemoval),
            },
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
        let cli = Cli::parse_from(["querier", "--discoverers=a:1,b:2"]);
        let settings = Settings::from(cli.args);
        assert_eq!(settings.discoverers, ["a:1", "b:2"]);
        assert_eq!(settings.query, QuerySettings::default());
        let refused = Cli::try_parse_from(["querier", "--discoverers=a:1", "--query.timeout=0"]);
        assert!(refused.unwrap_err().to_string().contains("above zero"));
        let feature = "--enable-feature=promql-experimental-functions";
        let cli = Cli::parse_from(["querier", "--discoverers=a:1", feature]);
        assert!(Settings::from(cli.args).query.experimental_functions);
    }
}
