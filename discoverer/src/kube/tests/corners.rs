//! What clusters hold now and then, as Prometheus has it.
use k8s_openapi::api::{
    core::v1::{Endpoints, Node, Service},
    discovery::v1::EndpointSlice,
    networking::v1::Ingress,
};
use serde_json::{Value, json};

use super::*;

fn with<K: Kept + DeserializeOwned>(objects: &mut Objects, object: Value) {
    let object: K = serde_json::from_value(object).unwrap();
    put(objects, [object.lean()]);
}

/// The values of a label over all targets; those of the group count for each of them.
fn values(groups: &[TargetGroup], name: &str) -> Vec<String> {
    let name = match name.starts_with("__") {
        true => name.to_owned(),
        false => format!("__meta_kubernetes_{name}"),
    };
    let of_group = |group: &TargetGroup| {
        let value = |target: &model::Labels| match target.value(&name) {
            "" => group.labels.value(&name).to_owned(),
            own => own.to_owned(),
        };
        group.targets.iter().map(value).collect::<Vec<_>>()
    };
    groups.iter().flat_map(of_group).collect()
}

fn found(role: KubernetesRole, objects: &Objects) -> Vec<TargetGroup> {
    groups(role, NOTHING, objects, &all)
}

fn pod(name: &str, status: Value, containers: Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "d", "uid": "u"},
        "spec": {"nodeName": "n1", "containers": containers, "initContainers": [
            {"name": "setup", "image": "i", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
        ]},
        "status": status,
    })
}

fn web() -> Value {
    let ports = json!([{"name": "http", "containerPort": 80, "protocol": "TCP"},
        {"name": "extra", "containerPort": 81, "protocol": "UDP"}]);
    let containers = json!([{"name": "web", "image": "w", "ports": ports}, {"name": "side"}]);
    let status = json!({"podIP": "10.0.0.1", "phase": "Succeeded"});
    pod("web", status, containers)
}

#[test]
fn pods_without_an_address_have_no_target_and_terminated_ones_have() {
    let mut objects = Objects::default();
    with::<Pod>(
        &mut objects,
        pod("a", json!({"phase": "Pending"}), json!([{"name": "c"}])),
    );
    with::<Pod>(
        &mut objects,
        pod("b", json!({"podIP": ""}), json!([{"name": "c"}])),
    );
    with::<Pod>(&mut objects, web());
    let groups = found(KubernetesRole::Pod, &objects);
    let addresses = ["10.0.0.1:80", "10.0.0.1:81", "10.0.0.1", "10.0.0.1:80"];
    assert_eq!(values(&groups, "__address__"), addresses);
    assert_eq!(values(&groups, "pod_phase"), ["Succeeded"; 4]);
    assert_eq!(values(&groups, "pod_ready"), ["unknown"; 4]);
    let init = ["false", "false", "false", "true"];
    assert_eq!(values(&groups, "pod_container_init"), init);
}

#[test]
fn pods_on_nodes_that_are_not_selected_are_left_out() {
    let mut objects = Objects::default();
    with::<Pod>(&mut objects, web());
    let attach = AttachMetadata {
        node: true,
        ..NOTHING
    };
    let n_targets = |objects: &Objects| {
        let groups = groups(KubernetesRole::Pod, attach, objects, &all);
        groups.iter().map(|g| g.targets.len()).sum::<usize>()
    };
    assert_eq!(n_targets(&objects), 0);
    with::<Node>(&mut objects, json!({"metadata": {"name": "n1"}}));
    assert_eq!(n_targets(&objects), 4);
}

#[test]
fn the_kubelet_is_at_the_best_address_of_its_node() {
    let kinds = [
        "Hostname",
        "LegacyHostIP",
        "ExternalDNS",
        "ExternalIP",
        "InternalDNS",
        "InternalIP",
    ];
    for (i, best) in kinds.iter().enumerate() {
        let known = kinds[..=i]
            .iter()
            .map(|kind| json!({"type": kind, "address": kind}));
        let mut objects = Objects::default();
        let status = json!({
            "addresses": known.collect::<Vec<_>>(),
            "conditions": [{"type": "MemoryPressure", "status": "Unknown"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        });
        with::<Node>(
            &mut objects,
            json!({"metadata": {"name": "n"}, "status": status}),
        );
        let groups = found(KubernetesRole::Node, &objects);
        assert_eq!(values(&groups, "__address__"), [format!("{best}:10250")]);
        assert_eq!(
            values(&groups, "node_condition_memorypressure"),
            ["unknown"]
        );
        assert_eq!(values(&groups, "instance").len(), 1);
    }
}

/// Objects with a service of two addresses: a pod's, and a node's.
fn addressed() -> Objects {
    let mut objects = Objects::default();
    with::<Pod>(&mut objects, web());
    for name in ["n1", "n2"] {
        with::<Node>(&mut objects, json!({"metadata": {"name": name}}));
    }
    let pod = json!({"kind": "Pod", "namespace": "d", "name": "web"});
    let node = json!({"kind": "Node", "name": "n2"});
    with::<Endpoints>(
        &mut objects,
        json!({
            "metadata": {"name": "s", "namespace": "d"},
            "subsets": [{
                "addresses": [
                    {"ip": "10.0.0.1", "targetRef": pod},
                    {"ip": "10.0.0.2", "nodeName": "n1", "targetRef": node},
                    {"ip": "10.0.0.3", "targetRef": node},
                ],
                "ports": [{"name": "main", "port": 80, "protocol": "SCTP"}],
            }],
        }),
    );
    with::<EndpointSlice>(
        &mut objects,
        json!({
            "metadata": {
                "name": "s-1", "namespace": "d", "labels": {"kubernetes.io/service-name": "s"},
            },
            "addressType": "IPv6",
            "endpoints": [
                {"addresses": ["fd00::1"], "targetRef": pod,
                    "conditions": {"ready": false, "serving": true}},
                {"addresses": ["fd00::2"], "nodeName": "n1", "targetRef": node, "conditions": {}},
            ],
            "ports": [{"name": "", "port": 80, "protocol": "SCTP"}, {"protocol": "TCP"}],
        }),
    );
    objects
}

#[test]
fn of_containers_with_one_port_the_last_is_told_and_the_other_ports_are_targets_too() {
    let objects = addressed();
    let groups = found(KubernetesRole::Endpoints, &objects);
    let addresses = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.1:81"];
    assert_eq!(values(&groups, "__address__"), addresses);
    // The init container has the port, too, without a name; the protocol is the endpoint's.
    assert_eq!(
        values(&groups, "pod_container_name"),
        ["setup", "", "", "web"]
    );
    assert_eq!(
        values(&groups, "pod_container_port_name"),
        ["", "", "", "extra"]
    );
    assert_eq!(
        values(&groups, "pod_container_port_protocol"),
        ["SCTP", "", "", "UDP"]
    );
    let groups = found(KubernetesRole::EndpointSlice, &objects);
    let addresses = [
        "[fd00::1]:80",
        "fd00::1",
        "[fd00::2]:80",
        "fd00::2",
        "10.0.0.1:81",
    ];
    // Ports come before addresses within one endpoint.
    assert_eq!(values(&groups, "__address__"), addresses);
    assert_eq!(
        values(&groups, "pod_container_port_protocol"),
        ["TCP", "", "", "", "UDP"]
    );
    let ready = ["false", "false", "", "", ""];
    assert_eq!(
        values(&groups, "endpointslice_endpoint_conditions_ready"),
        ready
    );
}

#[test]
fn an_endpoint_lies_on_the_node_it_names_and_a_slice_s_on_the_node_it_is() {
    let attach = AttachMetadata {
        node: true,
        ..NOTHING
    };
    let nodes = |role| values(&groups(role, attach, &addressed(), &all), "node_name");
    assert_eq!(nodes(KubernetesRole::Endpoints), ["", "n1", "n2", ""]);
    assert_eq!(
        nodes(KubernetesRole::EndpointSlice),
        ["", "", "n2", "n2", ""]
    );
}

#[test]
fn the_second_family_of_a_service_with_two_has_no_targets() {
    let mut objects = addressed();
    for (policy, families, n_targets) in [
        ("PreferDualStack", json!(["IPv4", "IPv6"]), 0),
        ("RequireDualStack", json!(["IPv6", "IPv4"]), 5),
        ("PreferDualStack", json!([]), 5),
        ("SingleStack", json!(["IPv4"]), 5),
    ] {
        with::<Service>(
            &mut objects,
            json!({
                "metadata": {"name": "s", "namespace": "d"},
                "spec": {"ipFamilyPolicy": policy, "ipFamilies": families},
            }),
        );
        let groups = found(KubernetesRole::EndpointSlice, &objects);
        assert_eq!(groups[0].targets.len(), n_targets, "{policy} {families}");
        assert_eq!(
            groups[0].labels.value("__meta_kubernetes_service_name"),
            "s"
        );
    }
}

#[test]
fn an_ingress_has_a_target_for_each_path_of_each_host() {
    let mut objects = Objects::default();
    with::<Ingress>(
        &mut objects,
        json!({
            "metadata": {"name": "i", "namespace": "d"},
            "spec": {
                "tls": [{"hosts": ["*.example.com"]}],
                "rules": [
                    {"host": "a.example.com", "http": {"paths": [
                        {"path": "/x", "pathType": "Prefix", "backend": {}},
                        {"pathType": "Prefix", "backend": {}},
                    ]}},
                    {"host": "b.a.example.com"},
                    {"host": "none.example.com", "http": {"paths": []}},
                    {},
                ],
            },
        }),
    );
    let groups = found(KubernetesRole::Ingress, &objects);
    let hosts = ["a.example.com", "a.example.com", "b.a.example.com", ""];
    assert_eq!(values(&groups, "ingress_host"), hosts);
    assert_eq!(values(&groups, "ingress_path"), ["/x", "/", "/", "/"]);
    assert_eq!(
        values(&groups, "ingress_scheme"),
        ["https", "https", "http", "http"]
    );
}

#[test]
fn services_tell_of_the_addresses_that_their_type_has() {
    let mut objects = Objects::default();
    for (name, spec) in [
        (
            "a",
            json!({"type": "ExternalName", "externalName": "x.org", "clusterIP": "1.1.1.1"}),
        ),
        (
            "b",
            json!({"type": "ClusterIP", "clusterIP": "None", "loadBalancerIP": "2.2.2.2"}),
        ),
        (
            "c",
            json!({"type": "LoadBalancer", "clusterIP": "1.1.1.2", "loadBalancerIP": "2.2.2.2"}),
        ),
    ] {
        let mut service = json!({"metadata": {"name": name, "namespace": "d"}, "spec": spec});
        service["spec"]["ports"] = json!([{"port": 1}]);
        with::<Service>(&mut objects, service);
    }
    let groups = found(KubernetesRole::Service, &objects);
    assert_eq!(
        values(&groups, "__address__"),
        ["a.d.svc:1", "b.d.svc:1", "c.d.svc:1"]
    );
    assert_eq!(values(&groups, "service_external_name"), ["x.org", "", ""]);
    assert_eq!(
        values(&groups, "service_cluster_ip"),
        ["", "None", "1.1.1.2"]
    );
    assert_eq!(
        values(&groups, "service_loadbalancer_ip"),
        ["", "", "2.2.2.2"]
    );
}

#[test]
fn what_is_not_held_of_objects_is_not_told_of_them() {
    let whole = objects();
    let mut lean = objects();
    fn slim<K: Kept>(objects: &mut Objects) {
        let all = std::mem::take(K::tables(objects));
        let lean: Vec<K> = all.iter().map(|(_, one)| one.clone().lean()).collect();
        put(objects, lean);
    }
    slim::<Pod>(&mut lean);
    slim::<Node>(&mut lean);
    slim::<Service>(&mut lean);
    slim::<Endpoints>(&mut lean);
    slim::<EndpointSlice>(&mut lean);
    slim::<Ingress>(&mut lean);
    slim::<Namespace>(&mut lean);
    let attach = AttachMetadata {
        node: true,
        namespace: true,
        deployment: true,
        job: true,
        cronjob: true,
    };
    for role in ROLES {
        let told = |objects| groups(role, attach, objects, &all);
        assert_eq!(told(&whole), told(&lean), "{role}");
    }
    let length = |objects: &Objects| {
        serde_json::to_string(
            &objects
                .nodes
                .iter()
                .map(|(_, node)| node)
                .collect::<Vec<_>>(),
        )
        .unwrap()
        .len()
    };
    assert!(length(&lean) * 2 < length(&whole));
}
