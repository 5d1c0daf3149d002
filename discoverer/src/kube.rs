//! Targets found in a Kubernetes cluster: the one place that names kube.
//!
//! ```text
//! API server ──> watches ──> Objects ──> groups by role ──> the provider's whole set
//! ```
//!
//! [`Objects`] and what is made of them are pure; the watches fill them. Nothing is told before each watch has had its
//! first full list, and a watch in error keeps what it has.
//!
//! Source: `discovery/kubernetes` in Prometheus.
mod client;
mod endpoint;
mod endpoints;
mod ingress;
mod node;
mod objects;
mod pairs;
mod pod;
mod provider;
mod service;
mod slice;

use config::{AttachMetadata, KubernetesRole, TargetGroup};

pub(crate) use objects::Objects;
pub(crate) use provider::run;

/// The groups that `role` makes of what the cluster holds.
fn groups(role: KubernetesRole, attach: AttachMetadata, objects: &Objects) -> Vec<TargetGroup> {
    match role {
        KubernetesRole::Node => objects.nodes.values().map(node::group).collect(),
        KubernetesRole::Pod => {
            let group = |pod| pod::group(pod, attach, objects);
            objects.pods.values().map(group).collect()
        }
        KubernetesRole::Service => {
            let group = |service| service::group(service, attach, objects);
            objects.services.values().map(group).collect()
        }
        KubernetesRole::Endpoints => {
            let group = |endpoints| endpoints::group(endpoints, attach, objects);
            objects.endpoints.values().map(group).collect()
        }
        KubernetesRole::EndpointSlice => {
            let group = |slice| slice::group(slice, attach, objects);
            objects.slices.values().map(group).collect()
        }
        KubernetesRole::Ingress => {
            let group = |ingress| ingress::group(ingress, attach, objects);
            objects.ingresses.values().map(group).collect()
        }
    }
}

#[cfg(test)]
mod tests;
