//! Objects without what no label tells of: tens of thousands of pods are held at once.
mod pod;

use k8s_openapi::{
    api::{
        apps, batch, core,
        core::v1::{Endpoints, Node, NodeSpec, NodeStatus, Service, ServiceSpec},
        discovery::v1::EndpointSlice,
        networking::v1::{Ingress, IngressSpec},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::core::PartialObjectMeta;

pub(crate) use pod::{Container, ContainerPort, Pod, PodStatus};

/// A namespace: only its metadata is asked for.
pub(crate) type Namespace = PartialObjectMeta<core::v1::Namespace>;
/// What may own pods: only its metadata is asked for.
pub(crate) type ReplicaSet = PartialObjectMeta<apps::v1::ReplicaSet>;
/// What may own pods: only its metadata is asked for.
pub(crate) type Job = PartialObjectMeta<batch::v1::Job>;

fn meta(meta: ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        name: meta.name,
        namespace: meta.namespace,
        uid: meta.uid,
        labels: meta.labels,
        annotations: meta.annotations,
        owner_references: meta.owner_references,
        ..ObjectMeta::default()
    }
}

/// What an owner of pods is: the name of its own owner is all that is told.
fn owner(of: ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        labels: None,
        annotations: None,
        ..meta(of)
    }
}

pub(super) fn pod(mut pod: Pod) -> Pod {
    pod.metadata = meta(pod.metadata);
    if let Some(PodStatus {
        conditions: Some(conditions),
        ..
    }) = &mut pod.status
    {
        let all = std::mem::take(conditions).into_iter();
        *conditions = all.filter(|one| &*one.type_ == "Ready").collect();
    }
    pod
}

pub(super) fn node(node: Node) -> Node {
    Node {
        metadata: meta(node.metadata),
        spec: node.spec.map(|spec| NodeSpec {
            provider_id: spec.provider_id,
            ..NodeSpec::default()
        }),
        status: node.status.map(|status| NodeStatus {
            addresses: status.addresses,
            conditions: status.conditions,
            daemon_endpoints: status.daemon_endpoints,
            ..NodeStatus::default()
        }),
    }
}

pub(super) fn service(service: Service) -> Service {
    Service {
        metadata: meta(service.metadata),
        spec: service.spec.map(|spec| ServiceSpec {
            type_: spec.type_,
            ports: spec.ports,
            cluster_ip: spec.cluster_ip,
            external_name: spec.external_name,
            load_balancer_ip: spec.load_balancer_ip,
            ip_families: spec.ip_families,
            ip_family_policy: spec.ip_family_policy,
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

pub(super) fn ingress(ingress: Ingress) -> Ingress {
    Ingress {
        metadata: meta(ingress.metadata),
        spec: ingress.spec.map(|spec| IngressSpec {
            default_backend: None,
            ..spec
        }),
        status: None,
    }
}

pub(super) fn namespace(namespace: Namespace) -> Namespace {
    Namespace {
        types: None,
        metadata: meta(namespace.metadata),
        ..namespace
    }
}

pub(super) fn endpoints(endpoints: Endpoints) -> Endpoints {
    Endpoints {
        metadata: meta(endpoints.metadata),
        ..endpoints
    }
}

pub(super) fn slice(slice: EndpointSlice) -> EndpointSlice {
    EndpointSlice {
        metadata: meta(slice.metadata),
        ..slice
    }
}

pub(super) fn replica_set(set: ReplicaSet) -> ReplicaSet {
    ReplicaSet {
        types: None,
        metadata: owner(set.metadata),
        ..set
    }
}

pub(super) fn job(job: Job) -> Job {
    Job {
        types: None,
        metadata: owner(job.metadata),
        ..job
    }
}
