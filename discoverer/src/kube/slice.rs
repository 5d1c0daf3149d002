//! Endpoint slices: one target for each address and port.
//!
//! Source: `discovery/kubernetes/endpointslice.go` in Prometheus.
use config::{AttachMetadata, TargetGroup};
use k8s_openapi::api::{
    core::v1::Service,
    discovery::v1::{Endpoint, EndpointPort, EndpointSlice},
};

use super::{
    Objects,
    endpoint::{Direct, is_node, targets},
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
    let service = service.and_then(|name| objects.service(&namespace, name));
    if let Some(service) = service {
        labels.extend(service::labels(service));
    }
    if attach.namespace {
        labels.namespace(Some(&namespace), objects);
    }
    let mut found = Vec::new();
    let endpoints = match service.is_some_and(|service| is_second_family(service, slice)) {
        true => [].iter(),
        false => slice.endpoints.as_deref().unwrap_or_default().iter(),
    };
    for endpoint in endpoints {
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

/// True if the slice has the second addresses of a service with two families: what stands behind them has targets in
/// the slice of the first.
fn is_second_family(service: &Service, slice: &EndpointSlice) -> bool {
    let spec = service.spec.as_ref();
    let policy = spec.and_then(|spec| spec.ip_family_policy.as_deref());
    let has_two = matches!(policy, Some("PreferDualStack" | "RequireDualStack"));
    let first = spec.and_then(|spec| spec.ip_families.as_ref()?.first());
    has_two && first.is_some_and(|first| *first != slice.address_type)
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
        node: match endpoint
            .target_ref
            .as_ref()
            .filter(|behind| is_node(behind))
        {
            Some(itself) => itself.name.as_deref(),
            None => endpoint.node_name.as_deref(),
        },
        protocol: None,
    }
}
