//! Targets found in a Kubernetes cluster: the one place that names kube.
//!
//! ```text
//! API server ──> feeds, shared by sections ──> Objects ──> groups by role ──> the provider's whole set
//! ```
//!
//! [`Objects`] and what is made of them are pure; feeds fill them, one watch for all sections that need the same objects.
//! Nothing is told before each watch has had its first full list or was refused it, and a watch in error keeps what it has. A namespace that is refused is left out.
//!
//! Beside targets it finds what the objects of Prometheus Operator say ([`Cluster`]).
//!
//! Source: `discovery/kubernetes` in Prometheus.
mod client;
mod custom;
mod endpoint;
mod endpoints;
mod feed;
mod ingress;
mod lean;
mod node;
mod objects;
mod pairs;
mod pod;
mod progress;
mod provider;
mod service;
mod slice;
mod values;
mod watch;

use config::{AttachMetadata, KubernetesRole, TargetGroup};

pub(crate) use custom::{Cluster, Standing};
pub(crate) use feed::Feeds;
pub(crate) use objects::Objects;
use objects::Tables;
pub(crate) use provider::run;
pub(crate) use values::{ValueError, Values};

/// The groups that `role` makes of what the cluster holds in the namespaces that `told` names.
fn groups(
    role: KubernetesRole,
    attach: AttachMetadata,
    objects: &Objects,
    told: &dyn Fn(&str) -> bool,
) -> Vec<TargetGroup> {
    match role {
        KubernetesRole::Node => each(&objects.nodes, told, node::group),
        KubernetesRole::Pod => each(&objects.pods, told, |one| pod::group(one, attach, objects)),
        KubernetesRole::Service => each(&objects.services, told, |one| {
            service::group(one, attach, objects)
        }),
        KubernetesRole::Endpoints => each(&objects.endpoints, told, |one| {
            endpoints::group(one, attach, objects)
        }),
        KubernetesRole::EndpointSlice => each(&objects.slices, told, |one| {
            slice::group(one, attach, objects)
        }),
        KubernetesRole::Ingress => each(&objects.ingresses, told, |one| {
            ingress::group(one, attach, objects)
        }),
    }
}

fn each<K>(
    tables: &Tables<K>,
    told: &dyn Fn(&str) -> bool,
    group: impl Fn(&K) -> TargetGroup,
) -> Vec<TargetGroup> {
    let told = tables.iter().filter(|((namespace, _), _)| told(namespace));
    told.map(|(_, object)| group(object)).collect()
}

#[cfg(test)]
mod tests;
