//! The Prometheus Operator's custom resources as scrape jobs and rule files, without an operator.
//!
//! ```text
//! a Prometheus manifest -> Settings -+
//! ServiceMonitor, PodMonitor,        +-> select -> jobs and rule files, each checked -> Generated
//! Probe, ScrapeConfig, PrometheusRule+
//! ```
//!
//! Names of jobs, their order and their relabelling are the operator's, so that dashboards and alerts that were made for it
//! go on to work. One bad object is refused with a reason and spoils no other. The same objects give the same bytes.
//!
//! Source: `pkg/prometheus/promcfg.go`, `pkg/prometheus/resource_selector.go`, `pkg/operator/rules.go` and
//! `pkg/namespacelabeler/labeler.go` in the Prometheus Operator.

mod client;
mod culprit;
mod enforce;
mod field;
mod generate;
mod job;
mod keep;
mod object;
mod place;
mod pod_monitor;
mod probe;
mod relabel;
mod rules;
mod scrape_config;
mod selector;
mod service_monitor;
mod settings;
#[cfg(test)]
mod tests;
mod vault;

pub use generate::{Generated, Refused, generate, references};
pub use object::{Kind, Objects};
pub use settings::{Error, Settings};
pub use vault::{Reference, Store};
