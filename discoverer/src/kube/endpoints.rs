//! Endpoints: one target for each address and port.
//!
//! Source: `discovery/kubernetes/endpoints.go` in Prometheus.
use config::{AttachMetadata, TargetGroup};
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, Endpoints};

use super::{
    Objects,
    endpoint::{Direct, is_node, targets},
    objects::key,
    pairs::Pairs,
    service,
};
use crate::names::host_port;

/// The group of one Endpoints object.
pub(crate) fn group(
    endpoints: &Endpoints,
    attach: AttachMetadata,
    objects: &Objects,
) -> TargetGroup {
    let (namespace, name) = key(&endpoints.metadata);
    let mut labels = Pairs::default();
    labels.meta("namespace", &namespace);
    labels.object("endpoints", &endpoints.metadata);
    if let Some(service) = objects.service(&namespace, &name) {
        labels.extend(service::labels(service));
    }
    if attach.namespace {
        labels.namespace(Some(&namespace), objects);
    }
    let mut found = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        for port in subset.ports.iter().flatten() {
            let ready = subset.addresses.iter().flatten();
            let not_ready = subset.not_ready_addresses.iter().flatten();
            found.extend(ready.map(|address| direct(address, port, true)));
            found.extend(not_ready.map(|address| direct(address, port, false)));
        }
    }
    TargetGroup {
        source: format!("endpoints/{namespace}/{name}"),
        targets: targets(found, attach, objects),
        labels: labels.labels(),
    }
}

/// The node that the address is, if it is one.
fn itself(address: &EndpointAddress) -> Option<&str> {
    let behind = address
        .target_ref
        .as_ref()
        .filter(|behind| is_node(behind))?;
    behind.name.as_deref()
}

fn direct<'e>(address: &'e EndpointAddress, port: &'e EndpointPort, ready: bool) -> Direct<'e> {
    let mut labels = Pairs::default();
    labels.meta_if("endpoint_port_name", port.name.as_ref());
    labels.meta_if("endpoint_port_protocol", port.protocol.as_ref());
    labels.meta("endpoint_ready", ready.to_string());
    if let Some(behind) = &address.target_ref {
        labels.meta_if("endpoint_address_target_kind", behind.kind.as_ref());
        labels.meta_if("endpoint_address_target_name", behind.name.as_ref());
    }
    labels.meta_if("endpoint_node_name", address.node_name.as_ref());
    labels.meta_if("endpoint_hostname", address.hostname.as_ref());
    Direct {
        address: host_port(&address.ip, port.port),
        port: Some(port.port),
        labels,
        behind: address.target_ref.as_ref(),
        node: address.node_name.as_deref().or_else(|| itself(address)),
        protocol: Some(port.protocol.as_deref().unwrap_or_default()),
    }
}
