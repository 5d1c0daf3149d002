//! Objects without what no label tells of: tens of thousands of pods are held at once.
use k8s_openapi::{
    api::{
        apps::v1::ReplicaSet,
        batch::v1::Job,
        core::v1::{
            Container, ContainerStatus, Endpoints, Namespace, Node, NodeSpec, NodeStatus, Pod,
            PodSpec, PodStatus, Service, ServiceSpec,
        },
        discovery::v1::EndpointSlice,
        networking::v1::{Ingress, IngressSpec},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

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

pub(super) fn pod(pod: Pod) -> Pod {
    let containers = |all: Vec<Container>| all.into_iter().map(container).collect();
    let spec = pod.spec.map(|spec| PodSpec {
        node_name: spec.node_name,
        containers: containers(spec.containers),
        init_containers: spec.init_containers.map(containers),
        ..PodSpec::default()
    });
    let status = pod.status.map(|status| PodStatus {
        phase: status.phase,
        pod_ip: status.pod_ip,
        host_ip: status.host_ip,
        conditions: status.conditions.map(|mut conditions| {
            conditions.retain(|condition| condition.type_ == "Ready");
            conditions.shrink_to_fit();
            conditions
        }),
        container_statuses: status.container_statuses.map(container_ids),
        init_container_statuses: status.init_container_statuses.map(container_ids),
        ..PodStatus::default()
    });
    Pod {
        metadata: meta(pod.metadata),
        spec,
        status,
    }
}

fn container(container: Container) -> Container {
    Container {
        name: container.name,
        image: container.image,
        ports: container.ports,
        ..Container::default()
    }
}

fn container_ids(statuses: Vec<ContainerStatus>) -> Vec<ContainerStatus> {
    let id = |status: ContainerStatus| ContainerStatus {
        name: status.name,
        container_id: status.container_id,
        ..ContainerStatus::default()
    };
    statuses.into_iter().map(id).collect()
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
        metadata: meta(namespace.metadata),
        ..Namespace::default()
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
        metadata: owner(set.metadata),
        ..ReplicaSet::default()
    }
}

pub(super) fn job(job: Job) -> Job {
    Job {
        metadata: owner(job.metadata),
        ..Job::default()
    }
}
