//! Services: one target for each port.
//!
//! Source: `discovery/kubernetes/service.go` in Prometheus.
use config::{AttachMetadata, TargetGroup};
use k8s_openapi::api::core::v1::Service;

use super::{Objects, objects::key, pairs::Pairs};
use crate::names::host_port;

/// The group of one service.
pub(crate) fn group(service: &Service, attach: AttachMetadata, objects: &Objects) -> TargetGroup {
    let (namespace, name) = key(&service.metadata);
    let mut group_labels = labels(service);
    if attach.namespace {
        group_labels.namespace(Some(&namespace), objects);
    }
    let spec = service.spec.clone().unwrap_or_default();
    let kind = spec.type_.unwrap_or_default();
    let target = |port: k8s_openapi::api::core::v1::ServicePort| {
        let mut target = Pairs::default();
        let host = format!("{name}.{namespace}.svc");
        target.set("__address__", host_port(&host, port.port));
        target.meta_if("service_port_name", port.name);
        target.meta("service_port_number", port.port.to_string());
        target.meta_if("service_port_protocol", port.protocol);
        target.meta("service_type", &kind);
        match kind.as_str() {
            "ExternalName" => {
                target.meta_if("service_external_name", spec.external_name.as_ref());
            }
            _ => target.meta_if("service_cluster_ip", spec.cluster_ip.as_ref()),
        }
        if kind == "LoadBalancer" {
            target.meta_if("service_loadbalancer_ip", spec.load_balancer_ip.as_ref());
        }
        target.labels()
    };
    let ports = spec.ports.clone().unwrap_or_default();
    TargetGroup {
        source: format!("svc/{namespace}/{name}"),
        targets: ports.into_iter().map(target).collect(),
        labels: group_labels.labels(),
    }
}

/// The labels that every target of a service has.
pub(crate) fn labels(service: &Service) -> Pairs {
    let mut labels = Pairs::default();
    labels.object("service", &service.metadata);
    labels.meta_if("namespace", service.metadata.namespace.as_ref());
    labels
}
