//! The life of a process: what every role stands on and none should write twice.
//!
//! A role is `run(settings, components)`: settings are data, [`Components`] are the clock, the network and the
//! threads, so that a simulation can hold them. What enters here is used by at least two roles.

mod args;
mod chain;
mod channel;
mod clock;
mod components;
mod configuration;
mod cut;
mod exposed;
mod features;
mod free_port;
mod holders;
mod http;
mod in_process;
mod leader;
mod membership;
mod net;
mod offload;
mod process;
mod server;
mod tasks;
mod telemetry;
mod trace;
mod write;

pub use args::{Format, MemberArgs, TelemetryArgs, advertised};
pub use chain::Chain;
pub use channel::{Channels, TracedChannel};
pub use clock::{Clock, SystemClock, TokioClock};
pub use components::{Components, ListenError};
pub use configuration::{Committed, Configurations, bundle_of, outside, read_config};
pub use exposed::Exposed;
pub use features::{Feature, FeatureArgs};
pub use free_port::free_listener;
pub use holders::{Holder, Holders, Offer, TakeGroup};
pub use http::{Readiness, base_router};
pub use in_process::InProcess;
pub use leader::{DiscovererClient, Discoverers};
pub use membership::{Cluster, EpochMap, Identity, LEASE, Load, Membership, follow};
pub use net::{Connection, Io, Listener, Network, Tcp, UnixSocket};
pub use offload::Offload;
pub use server::{serve_grpc, serve_http};
pub use tasks::{TaskError, Tasks};
pub use telemetry::{LogFormat, Telemetry, TelemetrySettings};
pub use trace::parent_of;
pub use write::{Push, PushedSeries, WriteError, Written, write};
