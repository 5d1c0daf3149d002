//! The command line of a ruler.
use clap::Args as ClapArgs;
use proto::v1::Role;
use runtime::MemberArgs;

use crate::Settings;

/// Flags of a ruler; each has an environment variable beside it.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Who it is and whom it follows.
    #[command(flatten)]
    pub member: MemberArgs,
    /// The URL under which people reach the querier: the links in alerts begin with it.
    #[arg(
        long = "web.external-url",
        env = "PLEIADES_WEB_EXTERNAL_URL",
        default_value = "http://127.0.0.1:9090"
    )]
    pub external_url: String,
}

impl From<Args> for Settings {
    fn from(args: Args) -> Self {
        Self {
            identity: args.member.identity(Role::Ruler),
            http: args.member.web_listen_address,
            grpc: args.member.grpc_listen_address,
            discoverers: args.member.discoverers,
            external_url: args.external_url.trim_end_matches('/').to_owned(),
        }
    }
}
