//! Flags that roles share. Each has an environment variable beside it, so that a StatefulSet can set it.
use clap::{Args, ValueEnum};
use proto::v1;

use crate::{Identity, LogFormat, TelemetrySettings};

/// Who a member is, where it listens, and whom it follows.
#[derive(Clone, Debug, Args)]
pub struct MemberArgs {
    /// The member's name, unique within its role: ingester-0.
    #[arg(long, env = "PLEIADES_ID")]
    pub id: String,
    /// Where HTTP is answered.
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
    /// The HTTP address under which others reach this member; without it the one it listens on.
    #[arg(long = "web.advertise-address", env = "PLEIADES_WEB_ADVERTISE_ADDRESS")]
    pub web_advertise_address: Option<String>,
    /// The gRPC address under which others reach this member; without it the one it listens on.
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
    /// The topology zone that the member stands in; replicas go to different ones.
    #[arg(long, env = "PLEIADES_ZONE", default_value = "")]
    pub zone: String,
}

impl MemberArgs {
    /// Who joins the discoverers as a member of `role`; see [`Identity::on_ports`] for ports that are not known yet.
    pub fn identity(&self, role: v1::Role) -> Identity {
        Identity {
            id: self.id.clone(),
            role,
            http: advertised(&self.web_advertise_address, &self.web_listen_address),
            grpc: advertised(&self.grpc_advertise_address, &self.grpc_listen_address),
            zone: self.zone.clone(),
        }
    }
}

/// The address that others are told: the one that was named, or the one that is listened on.
pub fn advertised(named: &Option<String>, listened: &str) -> String {
    named.clone().unwrap_or_else(|| listened.to_owned())
}

/// What is told, and to whom.
#[derive(Clone, Debug, Args)]
pub struct TelemetryArgs {
    /// Only log messages with the given severity or above: debug, info, warn, error.
    #[arg(
        long = "log.level",
        env = "PLEIADES_LOG_LEVEL",
        default_value = "info",
        global = true
    )]
    pub log_level: String,
    /// Output format of log messages.
    #[arg(
        long = "log.format",
        env = "PLEIADES_LOG_FORMAT",
        default_value = "logfmt",
        global = true
    )]
    pub log_format: Format,
    /// Where traces go: the address of an OTLP collector (gRPC), http://collector:4317. Without it nothing is traced.
    #[arg(
        long = "tracing.otlp-endpoint",
        env = "PLEIADES_TRACING_OTLP_ENDPOINT",
        global = true
    )]
    pub otlp_endpoint: Option<String>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// For people.
    Logfmt,
    /// One JSON object a line.
    Json,
}

impl TelemetryArgs {
    /// The same as a command line, for a process that is to tell as this one does.
    pub fn command_line(&self) -> Vec<String> {
        let format = self.log_format.to_possible_value();
        let format = format.expect("no format is hidden");
        let mut args = vec![
            format!("--log.level={}", self.log_level),
            format!("--log.format={}", format.get_name()),
        ];
        let endpoint = self.otlp_endpoint.iter();
        args.extend(endpoint.map(|to| format!("--tracing.otlp-endpoint={to}")));
        args
    }

    /// The settings of a process that calls itself `service`.
    pub fn settings(&self, service: &str) -> TelemetrySettings {
        TelemetrySettings {
            level: self.log_level.clone(),
            format: match self.log_format {
                Format::Logfmt => LogFormat::Logfmt,
                Format::Json => LogFormat::Json,
            },
            otlp_endpoint: self.otlp_endpoint.clone(),
            service: service.to_owned(),
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
        member: MemberArgs,
        #[command(flatten)]
        telemetry: TelemetryArgs,
    }

    #[test]
    fn others_reach_a_member_where_it_listens_unless_told_otherwise() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from([
            "x",
            "--id=ingester-0",
            "--discoverers=a:1,b:1",
            "--grpc.listen-address=0.0.0.0:9095",
            "--grpc.advertise-address=ingester-0.ingester:9095",
        ]);
        let identity = cli.member.identity(v1::Role::Ingester);
        assert_eq!(identity.grpc, "ingester-0.ingester:9095");
        assert_eq!(identity.http, "0.0.0.0:9090");
        let bound = Identity {
            http: "0.0.0.0:0".to_owned(),
            ..identity
        };
        let bound = bound.on_ports(7, 8);
        assert_eq!(bound.http, "0.0.0.0:7");
        assert_eq!(bound.grpc, "ingester-0.ingester:9095");
        assert_eq!(cli.member.discoverers, ["a:1", "b:1"]);
        assert_eq!(cli.telemetry.settings("x").level, "info");
    }
}
