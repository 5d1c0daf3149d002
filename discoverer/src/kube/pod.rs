//! Pods: one target for each port of each container.
//!
//! Source: `discovery/kubernetes/pod.go` in Prometheus.
use super::{
    Objects,
    lean::{Container, Pod},
    objects::key,
    pairs::{Pairs, controller},
};
use crate::names::host_port;
use config::{AttachMetadata, TargetGroup};

/// The group of one pod; without an address it has no targets, nor on an unknown node if that is to be attached.
pub(crate) fn group(pod: &Pod, attach: AttachMetadata, objects: &Objects) -> TargetGroup {
    let (namespace, name) = key(&pod.metadata);
    let source = format!("pod/{namespace}/{name}");
    // A pod on a node that is not known was left out by a selector of nodes.
    let left_out = attach.node && !objects.has_node(node(pod).unwrap_or_default());
    let Some(ip) = ip(pod).filter(|_| !left_out) else {
        return TargetGroup {
            source,
            ..TargetGroup::default()
        };
    };
    let mut labels = labels(pod, attach, objects);
    labels.meta("namespace", &namespace);
    if attach.namespace {
        labels.namespace(Some(&namespace), objects);
    }
    if attach.node {
        labels.node(node(pod), objects);
    }
    let mut targets = Vec::new();
    for (container, init) in containers(pod) {
        let mut common = Pairs::default();
        common.meta("pod_container_name", &*container.name);
        common.meta_if("pod_container_id", id(pod, container, init));
        common.meta_if("pod_container_image", container.image.as_ref());
        common.meta("pod_container_init", init.to_string());
        let ports = container.ports.as_deref().unwrap_or_default();
        if ports.is_empty() {
            // Users add the port themselves.
            let mut target = common.clone();
            target.set("__address__", ip);
            targets.push(target.labels());
        }
        for port in ports {
            let mut target = common.clone();
            target.set("__address__", host_port(ip, port.container_port));
            target.meta("pod_container_port_number", port.container_port.to_string());
            target.meta_if("pod_container_port_name", port.name.as_ref());
            target.meta_if("pod_container_port_protocol", port.protocol.as_ref());
            targets.push(target.labels());
        }
    }
    TargetGroup {
        source,
        targets,
        labels: labels.labels(),
    }
}

/// The labels that every target has which a pod stands behind.
pub(crate) fn labels(pod: &Pod, attach: AttachMetadata, objects: &Objects) -> Pairs {
    let mut labels = Pairs::default();
    labels.object("pod", &pod.metadata);
    let status = pod.status.as_ref();
    labels.meta_if("pod_ip", ip(pod));
    labels.meta("pod_ready", ready(pod));
    labels.meta_if("pod_phase", status.and_then(|s| s.phase.as_ref()));
    labels.meta_if("pod_node_name", node(pod));
    labels.meta_if("pod_host_ip", status.and_then(|s| s.host_ip.as_ref()));
    labels.meta_if("pod_uid", pod.metadata.uid.as_ref());
    if let Some(owner) = controller(&pod.metadata) {
        labels.meta("pod_controller_kind", &owner.kind);
        labels.meta("pod_controller_name", &owner.name);
        attach_owners(&mut labels, &owner.kind, &owner.name, pod, attach, objects);
    }
    labels
}

/// Sets the names of what stands behind the pod's controller.
fn attach_owners(
    labels: &mut Pairs,
    kind: &str,
    name: &str,
    pod: &Pod,
    attach: AttachMetadata,
    objects: &Objects,
) {
    let key = (
        pod.metadata.namespace.clone().unwrap_or_default(),
        name.to_owned(),
    );
    if attach.deployment && kind == "ReplicaSet" {
        let replica_set = objects.replica_sets.get(&key);
        let owner = replica_set.and_then(|set| controller(&set.metadata));
        let deployment = owner.filter(|owner| owner.kind == "Deployment");
        labels.meta_if("pod_deployment_name", deployment.map(|d| &d.name));
    }
    if attach.job && kind == "Job" {
        labels.meta("pod_job_name", name);
    }
    if attach.cronjob && kind == "Job" {
        let job = objects.jobs.get(&key);
        let owner = job.and_then(|job| controller(&job.metadata));
        let cron = owner.filter(|owner| owner.kind == "CronJob");
        labels.meta_if("pod_cronjob_name", cron.map(|c| &c.name));
    }
}

/// The pod's address, once it has one.
pub(crate) fn ip(pod: &Pod) -> Option<&str> {
    let ip = pod.status.as_ref()?.pod_ip.as_deref()?;
    (!ip.is_empty()).then_some(ip)
}

/// The name of the node that it runs on.
fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// The containers, then the init containers, each with whether it is one.
pub(crate) fn containers(pod: &Pod) -> impl Iterator<Item = (&Container, bool)> {
    let spec = pod.spec.iter();
    let init = spec
        .clone()
        .flat_map(|s| s.init_containers.iter().flatten());
    let containers = spec.flat_map(|s| s.containers.iter().flatten());
    let containers = containers.map(|container| (container, false));
    containers.chain(init.map(|container| (container, true)))
}

fn id<'p>(pod: &'p Pod, container: &Container, init: bool) -> Option<&'p str> {
    let status = pod.status.as_ref()?;
    let statuses = match init {
        true => &status.init_container_statuses,
        false => &status.container_statuses,
    };
    let mut statuses = statuses.iter().flatten();
    let status = statuses.find(|status| status.name == container.name)?;
    status.container_id.as_deref()
}

fn ready(pod: &Pod) -> String {
    let status = pod.status.iter();
    let mut conditions = status.flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions.find(|condition| &*condition.type_ == "Ready");
    ready.map_or("unknown".to_owned(), |ready| ready.status.to_lowercase())
}
