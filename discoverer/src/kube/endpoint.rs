//! What endpoints and endpoint slices share: targets behind which pods may stand.
//!
//! Ports of those pods that no endpoint names become targets, too.
use std::collections::BTreeMap;

use config::AttachMetadata;
use k8s_openapi::api::core::v1::ObjectReference;
use model::Labels;

use super::{
    Objects,
    lean::{Container, ContainerPort, Pod},
    objects::{Key, key},
    pairs::Pairs,
    pod,
};
use crate::names::host_port;

/// A target that an endpoint names itself.
pub(crate) struct Direct<'e> {
    /// `host`, or `host:port`.
    pub(crate) address: String,
    pub(crate) port: Option<i32>,
    pub(crate) labels: Pairs,
    /// What stands behind it.
    pub(crate) behind: Option<&'e ObjectReference>,
    /// The node whose metadata it may have.
    pub(crate) node: Option<&'e str>,
    /// The protocol of the endpoint's port, where that is told in place of the container port's.
    pub(crate) protocol: Option<&'e str>,
}

/// True if `reference` names a node.
pub(crate) fn is_node(reference: &ObjectReference) -> bool {
    reference.kind.as_deref() == Some("Node")
}

/// The labels of all targets that `direct` ones give rise to.
pub(crate) fn targets(
    direct: Vec<Direct<'_>>,
    attach: AttachMetadata,
    objects: &Objects,
) -> Vec<Labels> {
    let mut targets = Vec::new();
    let mut seen: BTreeMap<Key, (&Pod, Vec<i32>)> = BTreeMap::new();
    for one in direct {
        let mut labels = one.labels;
        labels.set("__address__", one.address);
        if attach.node {
            labels.node(one.node, objects);
        }
        if let Some(pod) = one.behind.and_then(|behind| objects.pod(behind)) {
            labels.extend(pod::labels(pod, attach, objects));
            let named = &mut seen
                .entry(key(&pod.metadata))
                .or_insert((pod, Vec::new()))
                .1;
            named.extend(one.port);
            for (container, init) in pod::containers(pod) {
                let mut ports = container.ports.iter().flatten();
                if let Some(port) = ports.find(|port| one.port == Some(port.container_port)) {
                    labels.extend(of_container(container, init, port));
                    if let Some(protocol) = one.protocol {
                        labels.meta("pod_container_port_protocol", protocol);
                    }
                }
            }
        }
        targets.push(labels.labels());
    }
    for (pod, named) in seen.into_values() {
        let Some(ip) = pod::ip(pod) else { continue };
        for (container, init) in pod::containers(pod) {
            for port in container.ports.iter().flatten() {
                if !named.contains(&port.container_port) {
                    let mut labels = of_container(container, init, port);
                    labels.set("__address__", host_port(ip, port.container_port));
                    labels.extend(pod::labels(pod, attach, objects));
                    targets.push(labels.labels());
                }
            }
        }
    }
    targets
}

fn of_container(container: &Container, init: bool, port: &ContainerPort) -> Pairs {
    let mut labels = Pairs::default();
    labels.meta("pod_container_name", &*container.name);
    let text = |text: &Option<Box<str>>| text.clone().unwrap_or_default();
    labels.meta("pod_container_image", text(&container.image));
    labels.meta("pod_container_init", init.to_string());
    // Of several containers with one port the last is told, whether it has names or not.
    labels.meta("pod_container_port_name", text(&port.name));
    labels.meta("pod_container_port_number", port.container_port.to_string());
    labels.meta("pod_container_port_protocol", text(&port.protocol));
    labels
}
