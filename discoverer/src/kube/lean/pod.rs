//! A pod as far as labels tell of it: a tenth of what all its fields take, most of which are empty.
use std::borrow::Cow;

use k8s_openapi::{
    NamespaceResourceScope, api::core::v1::Pod as Whole,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::Resource;
use serde::Deserialize;

/// A pod. Fields are those of the API, by their names there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pod {
    #[serde(default)]
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: Option<PodSpec>,
    pub(crate) status: Option<PodStatus>,
}

/// What is wanted of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodSpec {
    pub(crate) node_name: Option<Box<str>>,
    pub(crate) containers: Option<Box<[Container]>>,
    pub(crate) init_containers: Option<Box<[Container]>>,
}

/// A container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container {
    #[serde(default)]
    pub(crate) name: Box<str>,
    pub(crate) image: Option<Box<str>>,
    pub(crate) ports: Option<Box<[ContainerPort]>>,
}

/// A port of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerPort {
    #[serde(default)]
    pub(crate) container_port: i32,
    pub(crate) name: Option<Box<str>>,
    pub(crate) protocol: Option<Box<str>>,
}

/// What became of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodStatus {
    pub(crate) phase: Option<Box<str>>,
    #[serde(rename = "podIP")]
    pub(crate) pod_ip: Option<Box<str>>,
    #[serde(rename = "hostIP")]
    pub(crate) host_ip: Option<Box<str>>,
    pub(crate) conditions: Option<Box<[Condition]>>,
    pub(crate) container_statuses: Option<Box<[ContainerStatus]>>,
    pub(crate) init_container_statuses: Option<Box<[ContainerStatus]>>,
}

/// Whether something is so.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Condition {
    #[serde(rename = "type", default)]
    pub(crate) type_: Box<str>,
    #[serde(default)]
    pub(crate) status: Box<str>,
}

/// What became of a container.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ContainerStatus {
    #[serde(default)]
    pub(crate) name: Box<str>,
    #[serde(rename = "containerID")]
    pub(crate) container_id: Option<Box<str>>,
}

impl Resource for Pod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(of: &()) -> Cow<'_, str> {
        Whole::kind(of)
    }

    fn group(of: &()) -> Cow<'_, str> {
        Whole::group(of)
    }

    fn version(of: &()) -> Cow<'_, str> {
        Whole::version(of)
    }

    fn plural(of: &()) -> Cow<'_, str> {
        Whole::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
