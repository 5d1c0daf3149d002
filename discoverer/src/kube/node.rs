//! Nodes: one target each, the kubelet.
//!
//! Source: `discovery/kubernetes/node.go` in Prometheus.
use config::TargetGroup;
use k8s_openapi::api::core::v1::Node;

use super::pairs::Pairs;
use crate::names::{host_port, sanitized};

/// Kinds of addresses, the best first.
const ADDRESSES: [&str; 6] = [
    "InternalIP",
    "InternalDNS",
    "ExternalIP",
    "ExternalDNS",
    "LegacyHostIP",
    "Hostname",
];

/// The group of one node; without an address it has no target.
pub(crate) fn group(node: &Node) -> TargetGroup {
    let name = node.metadata.name.clone().unwrap_or_default();
    let mut labels = Pairs::default();
    labels.object("node", &node.metadata);
    let provider = node.spec.as_ref().and_then(|s| s.provider_id.as_ref());
    labels.meta_if("node_provider_id", provider);
    let status = node.status.clone().unwrap_or_default();
    for condition in status.conditions.iter().flatten() {
        let kind = sanitized(&condition.type_.to_lowercase());
        labels.meta(
            &format!("node_condition_{kind}"),
            condition.status.to_lowercase(),
        );
    }
    let addresses = status.addresses.unwrap_or_default();
    let first = |kind: &str| addresses.iter().find(|address| address.type_ == kind);
    let kubelet = status.daemon_endpoints.and_then(|d| d.kubelet_endpoint);
    let port = kubelet.map_or(0, |kubelet| kubelet.port);
    let target = ADDRESSES.iter().find_map(|kind| first(kind)).map(|best| {
        let mut target = Pairs::default();
        target.set("__address__", host_port(&best.address, port));
        target.set("instance", &name);
        // Of several addresses of one kind the first counts.
        for address in addresses.iter().rev() {
            let kind = sanitized(&address.type_);
            target.meta(&format!("node_address_{kind}"), &address.address);
        }
        target.labels()
    });
    TargetGroup {
        source: format!("node/{name}"),
        targets: target.into_iter().collect(),
        labels: labels.labels(),
    }
}
