//! Goldens over what a real cluster held, and the watches against a server that plays its answers back.
mod convention;
mod corners;
mod playback;
mod shared;

use std::{fs, path::PathBuf, sync::Arc};

use config::TargetGroup;
use expect_test::{Expect, expect};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    lean::{Namespace, Pod},
    objects::{Kept, key},
    *,
};

/// The folder with what was recorded.
fn recorded() -> PathBuf {
    let ancestors = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut folders = ancestors.map(|above| above.join("shared/testdata/kubernetes"));
    let found = folders.find(|folder| folder.is_dir());
    found.expect("an ancestor has shared/testdata")
}

fn take<K: Kept + DeserializeOwned>(objects: &mut Objects, resource: &str) {
    #[derive(Deserialize)]
    struct List<K> {
        items: Vec<K>,
    }
    let text = fs::read(recorded().join(format!("list/{resource}.json"))).unwrap();
    let list: List<K> = serde_json::from_slice(&text).unwrap();
    put(objects, list.items);
}

/// Takes `all` in, new or changed.
fn put<K: Kept>(objects: &mut Objects, all: impl IntoIterator<Item = K>) {
    let before = std::mem::take(K::tables(objects));
    let before = before.iter().map(|(_, object)| object.clone());
    let of = |object: K| (key(object.meta()), Arc::new(object));
    let table = before.chain(all).map(of).collect();
    K::tables(objects).add(Arc::new(table));
}

fn objects() -> Objects {
    use k8s_openapi::api::{
        core::v1::{Endpoints, Node, Service},
        discovery::v1::EndpointSlice,
        networking::v1::Ingress,
    };
    let mut objects = Objects::default();
    take::<Pod>(&mut objects, "pods");
    take::<Service>(&mut objects, "services");
    take::<Node>(&mut objects, "nodes");
    take::<Namespace>(&mut objects, "namespaces");
    take::<Endpoints>(&mut objects, "endpoints");
    take::<EndpointSlice>(&mut objects, "endpointslices");
    take::<Ingress>(&mut objects, "ingresses");
    objects
}

fn lines(labels: &model::Labels) -> String {
    let line = |(name, value): (&str, &str)| {
        format!(
            "  {}={value}\n",
            name.trim_start_matches("__meta_kubernetes_")
        )
    };
    labels.iter().map(line).collect()
}

fn shown(group: &TargetGroup) -> String {
    let targets = group
        .targets
        .iter()
        .map(|t| format!("target\n{}", lines(t)));
    let targets: String = targets.collect();
    format!("{}\n{}{targets}", group.source, lines(&group.labels))
}

/// The group of `source` among those of `role`, without the prefix of its labels.
#[track_caller]
fn check(role: KubernetesRole, attach: AttachMetadata, source: &str, expected: Expect) {
    let groups = groups(role, attach, &objects(), &all);
    let sources: Vec<&str> = groups.iter().map(|g| &*g.source).collect();
    let group = groups.iter().find(|group| group.source == source);
    let group = group.unwrap_or_else(|| panic!("{source} is not among {sources:?}"));
    expected.assert_eq(&shown(group));
}

const ROLES: [KubernetesRole; 6] = [
    KubernetesRole::Node,
    KubernetesRole::Pod,
    KubernetesRole::Service,
    KubernetesRole::Endpoints,
    KubernetesRole::EndpointSlice,
    KubernetesRole::Ingress,
];

/// No namespace is refused.
fn all(_: &str) -> bool {
    true
}

const NOTHING: AttachMetadata = AttachMetadata {
    node: false,
    namespace: false,
    deployment: false,
    job: false,
    cronjob: false,
};

#[test]
fn a_pod_has_a_target_for_each_port_of_each_container() {
    check(
        KubernetesRole::Pod,
        NOTHING,
        "pod/demo/web-0",
        expect![[r#"
        pod/demo/web-0
          namespace=demo
          pod_annotation_prometheus_io_path=/metrics
          pod_annotation_prometheus_io_port=8080
          pod_annotation_prometheus_io_scrape=true
          pod_annotationpresent_prometheus_io_path=true
          pod_annotationpresent_prometheus_io_port=true
          pod_annotationpresent_prometheus_io_scrape=true
          pod_controller_kind=StatefulSet
          pod_controller_name=web
          pod_host_ip=10.244.0.1
          pod_ip=10.244.0.11
          pod_label_app=web
          pod_label_apps_kubernetes_io_pod_index=0
          pod_label_controller_revision_hash=web-66df45bd65
          pod_label_statefulset_kubernetes_io_pod_name=web-0
          pod_label_topology_kubernetes_io_zone=zone-1
          pod_labelpresent_app=true
          pod_labelpresent_apps_kubernetes_io_pod_index=true
          pod_labelpresent_controller_revision_hash=true
          pod_labelpresent_statefulset_kubernetes_io_pod_name=true
          pod_labelpresent_topology_kubernetes_io_zone=true
          pod_name=web-0
          pod_node_name=node-1
          pod_phase=Running
          pod_ready=true
          pod_uid=fb20a91b-7f50-42f8-87d0-b06be0f9682b
        target
          __address__=10.244.0.11:8080
          pod_container_id=containerd://4bec4712cf13e62071516ec8b573a6368d2230bf94f7f074411a838097129eac
          pod_container_image=localhost/busybox:1
          pod_container_init=false
          pod_container_name=web
          pod_container_port_name=http
          pod_container_port_number=8080
          pod_container_port_protocol=TCP
    "#]],
    );
}

#[test]
fn metadata_of_node_and_namespace_are_attached_on_request() {
    let attach = AttachMetadata {
        node: true,
        namespace: true,
        ..NOTHING
    };
    let with = groups(KubernetesRole::Pod, attach, &objects(), &all);
    let without = groups(KubernetesRole::Pod, NOTHING, &objects(), &all);
    let labels = |groups: &[TargetGroup]| {
        let group = groups.iter().find(|g| g.source == "pod/demo/web-0");
        lines(&group.unwrap().labels)
    };
    let (with, without) = (labels(&with), labels(&without));
    let more = with.lines().filter(|line| !without.contains(line));
    let more: Vec<&str> = more.map(str::trim).collect();
    expect![[r#"
          namespace_annotation_kubectl_kubernetes_io_last_applied_configuration={"apiVersion":"v1","kind":"Namespace","metadata":{"annotations":{},"labels":{"app.kubernetes.io/part-of":"demo","team":"monitoring"},"name":"demo"}}
          namespace_annotationpresent_kubectl_kubernetes_io_last_applied_configuration=true
          namespace_label_app_kubernetes_io_part_of=demo
          namespace_label_kubernetes_io_metadata_name=demo
          namespace_label_team=monitoring
          namespace_labelpresent_app_kubernetes_io_part_of=true
          namespace_labelpresent_kubernetes_io_metadata_name=true
          namespace_labelpresent_team=true
          node_annotation_node_alpha_kubernetes_io_ttl=0
          node_annotation_volumes_kubernetes_io_controller_managed_attach_detach=true
          node_annotationpresent_node_alpha_kubernetes_io_ttl=true
          node_annotationpresent_volumes_kubernetes_io_controller_managed_attach_detach=true
          node_label_beta_kubernetes_io_arch=amd64
          node_label_beta_kubernetes_io_os=linux
          node_label_kubernetes_io_arch=amd64
          node_label_kubernetes_io_hostname=node-1
          node_label_kubernetes_io_os=linux
          node_label_topology_kubernetes_io_zone=zone-1
          node_labelpresent_beta_kubernetes_io_arch=true
          node_labelpresent_beta_kubernetes_io_os=true
          node_labelpresent_kubernetes_io_arch=true
          node_labelpresent_kubernetes_io_hostname=true
          node_labelpresent_kubernetes_io_os=true
          node_labelpresent_topology_kubernetes_io_zone=true
          node_name=node-1"#]].assert_eq(&more.join("\n"));
}

#[test]
fn a_slice_has_the_labels_of_its_service_and_of_its_pods() {
    let all = groups(KubernetesRole::EndpointSlice, NOTHING, &objects(), &all);
    let web = all
        .iter()
        .find(|g| g.source.starts_with("endpointslice/demo/web"));
    let mut web = web.unwrap().clone();
    web.targets.truncate(1);
    expect![[r#"
        endpointslice/demo/web-lb-kgq7g
          endpointslice_address_type=IPv4
          endpointslice_annotation_endpoints_kubernetes_io_last_change_trigger_time=2026-11-22T19:00:34Z
          endpointslice_annotationpresent_endpoints_kubernetes_io_last_change_trigger_time=true
          endpointslice_label_app=web
          endpointslice_label_app_kubernetes_io_part_of=demo
          endpointslice_label_endpointslice_kubernetes_io_managed_by=endpointslice-controller.k8s.io
          endpointslice_label_kubernetes_io_service_name=web-lb
          endpointslice_labelpresent_app=true
          endpointslice_labelpresent_app_kubernetes_io_part_of=true
          endpointslice_labelpresent_endpointslice_kubernetes_io_managed_by=true
          endpointslice_labelpresent_kubernetes_io_service_name=true
          endpointslice_name=web-lb-kgq7g
          namespace=demo
          service_annotation_kubectl_kubernetes_io_last_applied_configuration={"apiVersion":"v1","kind":"Service","metadata":{"annotations":{"prometheus.io/port":"8080","prometheus.io/scrape":"true"},"labels":{"app":"web","app.kubernetes.io/part-of":"demo"},"name":"web-lb","namespace":"demo"},"spec":{"ports":[{"name":"http","port":80,"targetPort":"http"}],"selector":{"app":"web"}}}

          service_annotation_prometheus_io_port=8080
          service_annotation_prometheus_io_scrape=true
          service_annotationpresent_kubectl_kubernetes_io_last_applied_configuration=true
          service_annotationpresent_prometheus_io_port=true
          service_annotationpresent_prometheus_io_scrape=true
          service_label_app=web
          service_label_app_kubernetes_io_part_of=demo
          service_labelpresent_app=true
          service_labelpresent_app_kubernetes_io_part_of=true
          service_name=web-lb
        target
          __address__=10.244.0.11:8080
          endpointslice_address_target_kind=Pod
          endpointslice_address_target_name=web-0
          endpointslice_endpoint_conditions_ready=true
          endpointslice_endpoint_conditions_serving=true
          endpointslice_endpoint_conditions_terminating=false
          endpointslice_endpoint_node_name=node-1
          endpointslice_endpoint_zone=zone-1
          endpointslice_port=8080
          endpointslice_port_name=http
          endpointslice_port_protocol=TCP
          pod_annotation_prometheus_io_path=/metrics
          pod_annotation_prometheus_io_port=8080
          pod_annotation_prometheus_io_scrape=true
          pod_annotationpresent_prometheus_io_path=true
          pod_annotationpresent_prometheus_io_port=true
          pod_annotationpresent_prometheus_io_scrape=true
          pod_container_image=localhost/busybox:1
          pod_container_init=false
          pod_container_name=web
          pod_container_port_name=http
          pod_container_port_number=8080
          pod_container_port_protocol=TCP
          pod_controller_kind=StatefulSet
          pod_controller_name=web
          pod_host_ip=10.244.0.1
          pod_ip=10.244.0.11
          pod_label_app=web
          pod_label_apps_kubernetes_io_pod_index=0
          pod_label_controller_revision_hash=web-66df45bd65
          pod_label_statefulset_kubernetes_io_pod_name=web-0
          pod_label_topology_kubernetes_io_zone=zone-1
          pod_labelpresent_app=true
          pod_labelpresent_apps_kubernetes_io_pod_index=true
          pod_labelpresent_controller_revision_hash=true
          pod_labelpresent_statefulset_kubernetes_io_pod_name=true
          pod_labelpresent_topology_kubernetes_io_zone=true
          pod_name=web-0
          pod_node_name=node-1
          pod_phase=Running
          pod_ready=true
          pod_uid=fb20a91b-7f50-42f8-87d0-b06be0f9682b
    "#]].assert_eq(&shown(&web));
}

#[test]
fn endpoints_name_the_same_addresses() {
    let all = groups(KubernetesRole::Endpoints, NOTHING, &objects(), &all);
    let web = all.iter().find(|g| g.source == "endpoints/demo/web");
    let mut web = web.unwrap().clone();
    web.targets.truncate(1);
    expect![[r#"
        endpoints/demo/web
          endpoints_label_app=web
          endpoints_label_app_kubernetes_io_part_of=demo
          endpoints_label_endpoints_kubernetes_io_managed_by=endpoint-controller
          endpoints_labelpresent_app=true
          endpoints_labelpresent_app_kubernetes_io_part_of=true
          endpoints_labelpresent_endpoints_kubernetes_io_managed_by=true
          endpoints_labelpresent_service_kubernetes_io_headless=true
          endpoints_name=web
          namespace=demo
          service_annotation_kubectl_kubernetes_io_last_applied_configuration={"apiVersion":"v1","kind":"Service","metadata":{"annotations":{},"labels":{"app":"web","app.kubernetes.io/part-of":"demo"},"name":"web","namespace":"demo"},"spec":{"clusterIP":"None","ports":[{"name":"http","port":8080,"targetPort":"http"}],"publishNotReadyAddresses":true,"selector":{"app":"web"}}}

          service_annotationpresent_kubectl_kubernetes_io_last_applied_configuration=true
          service_label_app=web
          service_label_app_kubernetes_io_part_of=demo
          service_labelpresent_app=true
          service_labelpresent_app_kubernetes_io_part_of=true
          service_name=web
        target
          __address__=10.244.0.11:8080
          endpoint_address_target_kind=Pod
          endpoint_address_target_name=web-0
          endpoint_hostname=web-0
          endpoint_node_name=node-1
          endpoint_port_name=http
          endpoint_port_protocol=TCP
          endpoint_ready=true
          pod_annotation_prometheus_io_path=/metrics
          pod_annotation_prometheus_io_port=8080
          pod_annotation_prometheus_io_scrape=true
          pod_annotationpresent_prometheus_io_path=true
          pod_annotationpresent_prometheus_io_port=true
          pod_annotationpresent_prometheus_io_scrape=true
          pod_container_image=localhost/busybox:1
          pod_container_init=false
          pod_container_name=web
          pod_container_port_name=http
          pod_container_port_number=8080
          pod_container_port_protocol=TCP
          pod_controller_kind=StatefulSet
          pod_controller_name=web
          pod_host_ip=10.244.0.1
          pod_ip=10.244.0.11
          pod_label_app=web
          pod_label_apps_kubernetes_io_pod_index=0
          pod_label_controller_revision_hash=web-66df45bd65
          pod_label_statefulset_kubernetes_io_pod_name=web-0
          pod_label_topology_kubernetes_io_zone=zone-1
          pod_labelpresent_app=true
          pod_labelpresent_apps_kubernetes_io_pod_index=true
          pod_labelpresent_controller_revision_hash=true
          pod_labelpresent_statefulset_kubernetes_io_pod_name=true
          pod_labelpresent_topology_kubernetes_io_zone=true
          pod_name=web-0
          pod_node_name=node-1
          pod_phase=Running
          pod_ready=true
          pod_uid=fb20a91b-7f50-42f8-87d0-b06be0f9682b
    "#]].assert_eq(&shown(&web));
}

#[test]
fn a_service_a_node_and_an_ingress() {
    check(
        KubernetesRole::Service,
        NOTHING,
        "svc/default/kubernetes",
        expect![[r#"
            svc/default/kubernetes
              namespace=default
              service_label_component=apiserver
              service_label_provider=kubernetes
              service_labelpresent_component=true
              service_labelpresent_provider=true
              service_name=kubernetes
            target
              __address__=kubernetes.default.svc:443
              service_cluster_ip=10.96.0.1
              service_port_name=https
              service_port_number=443
              service_port_protocol=TCP
              service_type=ClusterIP
        "#]],
    );
    let node = groups(KubernetesRole::Node, NOTHING, &objects(), &all);
    expect![[r#"
        node/node-1
          node_annotation_node_alpha_kubernetes_io_ttl=0
          node_annotation_volumes_kubernetes_io_controller_managed_attach_detach=true
          node_annotationpresent_node_alpha_kubernetes_io_ttl=true
          node_annotationpresent_volumes_kubernetes_io_controller_managed_attach_detach=true
          node_condition_diskpressure=false
          node_condition_memorypressure=false
          node_condition_pidpressure=false
          node_condition_ready=true
          node_label_beta_kubernetes_io_arch=amd64
          node_label_beta_kubernetes_io_os=linux
          node_label_kubernetes_io_arch=amd64
          node_label_kubernetes_io_hostname=node-1
          node_label_kubernetes_io_os=linux
          node_label_topology_kubernetes_io_zone=zone-1
          node_labelpresent_beta_kubernetes_io_arch=true
          node_labelpresent_beta_kubernetes_io_os=true
          node_labelpresent_kubernetes_io_arch=true
          node_labelpresent_kubernetes_io_hostname=true
          node_labelpresent_kubernetes_io_os=true
          node_labelpresent_topology_kubernetes_io_zone=true
          node_name=node-1
        target
          __address__=10.244.0.1:10250
          node_address_Hostname=node-1
          node_address_InternalIP=10.244.0.1
          instance=node-1
    "#]]
    .assert_eq(&shown(&node[0]));
    let ingresses = groups(KubernetesRole::Ingress, NOTHING, &objects(), &all);
    expect![[r#"
        ingress/demo/web
          ingress_annotation_kubectl_kubernetes_io_last_applied_configuration={"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"annotations":{},"labels":{"app.kubernetes.io/part-of":"demo"},"name":"web","namespace":"demo"},"spec":{"ingressClassName":"none","rules":[{"host":"web.example.com","http":{"paths":[{"backend":{"service":{"name":"web-lb","port":{"name":"http"}}},"path":"/","pathType":"Prefix"},{"backend":{"service":{"name":"web-lb","port":{"number":80}}},"path":"/metrics","pathType":"Exact"}]}}],"tls":[{"hosts":["web.example.com"],"secretName":"web-tls"}]}}

          ingress_annotationpresent_kubectl_kubernetes_io_last_applied_configuration=true
          ingress_class_name=none
          ingress_label_app_kubernetes_io_part_of=demo
          ingress_labelpresent_app_kubernetes_io_part_of=true
          ingress_name=web
          namespace=demo
        target
          __address__=web.example.com
          ingress_host=web.example.com
          ingress_path=/
          ingress_scheme=https
        target
          __address__=web.example.com
          ingress_host=web.example.com
          ingress_path=/metrics
          ingress_scheme=https
    "#]].assert_eq(&ingresses.iter().map(shown).collect::<String>());
}

#[test]
fn every_role_finds_what_the_cluster_has() {
    let counts = ROLES.map(|role| {
        let groups = groups(role, NOTHING, &objects(), &all);
        let n_targets: usize = groups.iter().map(|g| g.targets.len()).sum();
        format!("{role}: {} groups, {n_targets} targets", groups.len())
    });
    expect![[r#"
        node: 3 groups, 3 targets
        pod: 11 groups, 16 targets
        service: 7 groups, 8 targets
        endpoints: 4 groups, 11 targets
        endpointslice: 5 groups, 13 targets
        ingress: 1 groups, 2 targets"#]]
    .assert_eq(&counts.join("\n"));
}
