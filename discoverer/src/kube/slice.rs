//! Endpoint slices: one target for each address and port.
//!
//! Source: `discovery/kubernetes/endpointslice.go` in Prometheus.
use config::{AttachMetadata, TargetGroup};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};

use super::{
    Objects,
    endpoint::{Direct, targets},
    objects::key,
    pairs::Pairs,
    service,
};
use crate::names::{host_port, sanitized};

/// The label that names a slice's service.
const SERVICE: &str = "kubernetes.io/service-name";

/// The group of one slice.
pub(crate) fn group(
    slice: &EndpointSlice,
    attach: AttachMetadata,
    objects: &Objects,
) -> TargetGroup {
    let (namespace, name) = key(&slice.metadata);
    let mut labels = Pairs::default();
    labels.meta("namespace", &namespace);
    labels.meta("endpointslice_address_type", &slice.address_type);
    labels.object("endpointslice", &slice.metadata);
    let service = slice.metadata.labels.as_ref().and_then(|l| l.get(SERVICE));
    if let Some(service) = service.and_then(|name| objects.service(&namespace, name)) {
        labels.extend(service::labels(service));
    }
    if attach.namespace {
        labels.namespace(Some(&namespace), objects);
    }
    let mut found = Vec::new();
    for endpoint in slice.endpoints.iter().flatten() {
        for port in slice.ports.iter().flatten() {
            let addresses = endpoint.addresses.iter();
            found.extend(addresses.map(|address| direct(address, endpoint, port)));
        }
    }
    TargetGroup {
        source: format!("endpointslice/{namespace}/{name}"),
        targets: targets(found, attach, objects),
        labels: labels.labels(),
    }
}

fn direct<'e>(address: &str, endpoint: &'e Endpoint, port: &EndpointPort) -> Direct<'e> {
    let mut labels = Pairs::default();
    let mut set = |name: &str, value: Option<String>| {
        labels.meta_if(&format!("endpointslice_{name}"), value);
    };
    set("port_name", port.name.clone());
    set("port_protocol", port.protocol.clone());
    set("port", port.port.map(|port| port.to_string()));
    set("port_app_protocol", port.app_protocol.clone());
    let conditions = endpoint.conditions.clone().unwrap_or_default();
    for (name, held) in [
        ("ready", conditions.ready),
        ("serving", conditions.serving),
        ("terminating", conditions.terminating),
    ] {
        set(
            &format!("endpoint_conditions_{name}"),
            held.map(|held| held.to_string()),
        );
    }
    set("endpoint_hostname", endpoint.hostname.clone());
    set("endpoint_node_name", endpoint.node_name.clone());
    set("endpoint_zone", endpoint.zone.clone());
    if let Some(behind) = &endpoint.target_ref {
        set("address_target_kind", behind.kind.clone());
        set("address_target_name", behind.name.clone());
    }
    for (name, value) in endpoint.deprecated_topology.iter().flatten() {
        let name = sanitized(name);
        set(&format!("endpoint_topology_{name}"), Some(value.clone()));
        set(
            &format!("endpoint_topology_present_{name}"),
            Some("true".to_owned()),
        );
    }
    Direct {
        address: match port.port {
            Some(port) => host_port(address, port),
            None => address.to_owned(),
        },
        port: port.port,
        labels,
        behind: endpoint.target_ref.as_ref(),
        node: endpoint.node_name.as_deref(),
    }
}
