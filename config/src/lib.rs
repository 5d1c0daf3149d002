//! `prometheus.yml`, rule files and what they name, read and refused as Prometheus 3.14 does.
//!
//! ```text
//! text -> nodes with places -> fields, each taken by name -> values that make sense together
//! ```
//!
//! [`Bundle`] holds the texts: it is what is read from disk, committed and handed round. [`Config`] is what they
//! mean. Between them nothing is read but texts: credentials, certificates and target files are named in the
//! configuration and read where they are used. [`targets`] turns what discovery found into what is scraped.

mod alerting;
mod bundle;
mod check;
mod decode;
mod discovery;
mod error;
mod expand;
mod generated;
mod glob;
mod global;
mod http;
mod kubernetes;
mod main_file;
mod otlp;
mod path;
mod print;
mod protocol;
mod relabel;
mod remote;
mod resolve;
mod rules;
mod scrape;
mod secret;
mod selector;
mod size;
mod storage;
mod tracing;
mod web;
mod yaml;

pub use alerting::{Alerting, Alertmanagers};
pub use bundle::{Bundle, LoadError, Outside};
pub use check::{
    CheckOptions, Depth, Line, Report, check_config, check_rules, check_rules_text,
    check_web_config,
};
pub use discovery::{
    ConsulDiscovery, Discovery, DnsDiscovery, DnsRecord, DockerDiscovery, DockerFilter,
    FileDiscovery, HttpDiscovery, TargetGroup, parse_target_groups,
};
pub use error::{Error, Misfit};
pub use generated::{GENERATED_JOBS, GENERATED_RULES, LeftOut, Merged};
pub use global::{Escaping, Global, Limits};
pub use http::{
    Auth, Claims, Grant, Header, HttpClient, JwtBearer, OAuth2, Pem, Proxy, SignatureAlgorithm,
    Source, TlsConfig, TlsVersion,
};
pub use kubernetes::{
    AttachMetadata, KubernetesDiscovery, KubernetesRole, Namespaces, ObjectSelector,
};
pub use main_file::{Config, Unsupported};
pub use otlp::{Otlp, Promote, Translation};
pub use remote::{Queue, RemoteRead, RemoteWrite, SendMetadata, WriteMessage};
pub use resolve::{Described, Resolved, TargetError, alertmanager_urls, described, targets};
pub use rules::{Rule, RuleError, RuleGroup, RuleKind, parse_rules};
pub use scrape::ScrapeJob;
pub use secret::Secret;
pub use size::{Bytes, parse_bytes};
pub use storage::{Retention, Storage};
pub use tracing::{Tracing, TracingClient};
pub use web::{ClientAuth, RateLimit, ServerTls, WebConfig};
